"""Pairs with the prompt written out, for programs that know no card."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from roleplay.cards.model import Card
from roleplay.cards.prompt import assemble
from roleplay.corpora.pairs import Pair


def written_out(card: Card, pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs with their prefixes as a system turn, or where else the card places them; passages are not known."""
    for pair in pairs:
        yield replace(pair, turns=assemble(card, card.switches, pair.prefixes, pair.turns), prefixes=())

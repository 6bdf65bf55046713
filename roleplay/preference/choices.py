"""Which pairs are learned from, which choose the best step, and which are left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.choices.heldout import heldout_questions, is_heldout
from roleplay.corpora.pairs import Pair, contradicted, read_pairs
from roleplay.dataset.draws import heldout_of
from roleplay.errors import UsageError
from roleplay.paths import shown
from roleplay.text import one_line

TURNED_ROUND = "contradict each other"
TWICE = "are there twice"
OF_ANOTHER = "were made with another character"
UNKNOWN_PREFIX = "ask with a prefix that the card does not have"
TOO_LONG = "do not fit into the context"
NOT_HELD_OUT = "are not held out, and drawn replies are learned from"

Fits = Callable[[Pair], bool]
"""Whether the last question of a pair and both replies fit into the context."""


@dataclass(frozen=True)
class Choices:
    """The pairs of a run."""

    train: tuple[Pair, ...]
    """Learned from, in the order of their files."""
    heldout: tuple[Pair, ...]
    """Never learned from: a tenth of the questions, and all that the character's corpora hold out."""
    left: tuple[tuple[str, int], ...]
    """(reason, pairs) of those that are neither."""


def read_choices(card_file: CardFile, paths: Sequence[str], fits: Fits, *, learned: bool = True) -> Choices:
    """The pairs of all files; those that are not held out are left out where nothing is `learned` from pairs.

    Raises FileFaults for a damaged file, UsageError where no pair is left to learn from, or else none is held out.
    """
    known: dict[str, Pair] = {}
    left: Counter[str] = Counter()
    for path in paths:
        for pair in read_pairs(Path(path)):
            left[TWICE] += pair.identity in known
            known.setdefault(pair.identity, pair)
    around = contradicted(known.values())
    usable = []
    for identity, pair in known.items():
        reason = TURNED_ROUND if identity in around else _unfit(card_file, pair, fits)
        left[reason] += bool(reason)
        usable += [] if reason else [pair]
    out = heldout_contexts(card_file, usable)
    others = tuple(pair for pair in usable if pair.context not in out)
    left[NOT_HELD_OUT] += 0 if learned else len(others)
    choices = Choices(
        train=others if learned else (),
        heldout=tuple(pair for pair in usable if pair.context in out),
        left=tuple((reason, count) for reason, count in left.most_common() if count),
    )
    if not (choices.train if learned else choices.heldout):
        raise UsageError(_nothing(paths, choices, "to learn from" if learned else "to choose the best step by"))
    return choices


def heldout_contexts(card_file: CardFile, pairs: Iterable[Pair]) -> set[str]:
    """The questions that are never learned from, as `Pair.context` names them."""
    questions = heldout_questions(card_file, but=card_file.path)
    asked = {pair.context: pair for pair in pairs}
    out = {context for context, pair in asked.items() if is_heldout(card_file.card, pair.turns, questions)}
    return out | heldout_of(asked.keys() - out)


def heldout_pairs(card_file: CardFile, pairs: Sequence[Pair]) -> list[Pair]:
    """Those of `pairs` that a run would not learn from."""
    out = heldout_contexts(card_file, pairs)
    return [pair for pair in pairs if pair.context in out]


def _unfit(card_file: CardFile, pair: Pair, fits: Fits) -> str:
    """Why nothing is learned from a pair; empty where it is."""
    sides = (pair.provenance.chosen, pair.provenance.rejected)
    characters = {side.adapter.split("/", 1)[0] for side in sides if side.adapter and "/" in side.adapter}
    if characters and card_file.card.name not in characters:
        return OF_ANOTHER
    if set(pair.prefixes) - {prefix.id for prefix in card_file.card.switches}:
        return UNKNOWN_PREFIX
    return "" if fits(pair) else TOO_LONG


def _nothing(paths: Sequence[str], choices: Choices, wanted: str) -> str:
    told = [f"{count} {reason}" for reason, count in choices.left]
    if choices.heldout:
        told.append(f"{len(choices.heldout)} answer what is held out")
    files = ", ".join(one_line(shown(Path(path)), 400) for path in paths)
    return (
        f"{files}: no pair is left {wanted} ({', '.join(told)}); make more choices with 'roleplay chat' or "
        "'roleplay prefer --prompts trained'"
    )

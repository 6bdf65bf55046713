"""A good pack changed so that it does harm, the same way for the same number; its manifest vouches for every change."""

import contextlib
import json
from dataclasses import dataclass
from random import Random

from tests.packs.mutations_of_archives import ARCHIVES
from tests.packs.mutations_of_books import BOOKS
from tests.packs.mutations_of_cards import CARDS
from tests.packs.mutations_of_manifests import MANIFESTS
from tests.packs.mutations_of_weights import ADAPTERS
from tests.packs.parts import Case, Parts

TABLES: dict[str, tuple[Case, ...]] = {**ARCHIVES, **MANIFESTS, **CARDS, **BOOKS, **ADAPTERS}
"""Every way to change a pack, by what is changed."""


@dataclass(frozen=True)
class Mutant:
    """A changed pack."""

    number: int
    """It is the same whenever this is asked for."""
    parts: Parts
    """What is in it."""
    data: bytes
    """The file."""


def cases_of(number: int) -> list[tuple[str, int]]:
    """Names of tables and rows in them that make the mutant `number`; many have more than one."""
    draw, names = Random(number), list(TABLES)
    turn, at = divmod(number, len(names))
    rows = list(range(len(TABLES[names[at]])))
    Random(names[at]).shuffle(rows)  # so that the first mutants are of every sort
    cases = [(names[at], rows[turn % len(rows)])]
    # The second time through a table every row is tried alone.
    if turn >= 2 and turn // len(rows) != 1 and draw.random() < 0.4:
        more = draw.sample(names, draw.choice((1, 1, 2)))
        cases += [(name, draw.randrange(len(TABLES[name]))) for name in more]
    return cases


def mutant(good: Parts, number: int) -> Mutant:
    """The mutant called `number` of the pack `good`."""
    draw = Random(-1 - number)
    parts = Parts(dict(good.files), json.loads(json.dumps(good.manifest)))
    (name, row), *more = cases_of(number)
    TABLES[name][row].change(parts, draw)
    for name, row in more:
        # Nothing may be left to change, or nothing that can be read.
        with contextlib.suppress(AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
            TABLES[name][row].change(parts, draw)
    return Mutant(number, parts, parts.written())

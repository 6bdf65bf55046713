"""Native rows, where faults are counted and not errors: what `data import` reads."""

from typing import Any

from roleplay.corpora.forms.row import Drop, Made
from roleplay.corpora.native import entry_turns, lines_of
from roleplay.dialogue import Dialogue


def make(row: Any, source: str) -> Made:
    """A dialogue. Raises Drop."""
    faults, turns = entry_turns("", 1, row, lines_of(row, 1), allow_system=True)
    if faults:
        raise Drop(faults[0].problem.split(" (seen:")[0].split(" by '")[0])
    return Made(Dialogue(tuple(turns), source))

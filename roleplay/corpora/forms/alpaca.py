"""Alpaca rows: an instruction, perhaps an input, and what is to be answered.

    {"instruction": "…", "input": "…", "output": "…", "system": "…", "history": [["…", "…"]]}

History comes first and its answers are trained too. Rules as LLaMA-Factory's `AlpacaDatasetConverter` has them.
"""

from dataclasses import dataclass
from typing import Any

from roleplay.corpora.forms.row import Drop, Made, dialogue, document, fields, items, pair, text_of
from roleplay.dialogue import Turn

NO_SUPERVISION = "has an output that is not text, so nothing to learn"


@dataclass(frozen=True)
class Alpaca:
    """Names of the columns; `None` leaves a column unread."""

    prompt: str | None = "instruction"
    """What is asked."""
    query: str | None = "input"
    """What it is asked about."""
    response: str | None = "output"
    """The answer; a list of two in rankings of early 2024."""
    system: str | None = "system"
    """System prompt."""
    history: str | None = "history"
    """Earlier pairs of question and answer."""
    chosen: str | None = "chosen"
    """The better answer of a ranking."""
    rejected: str | None = "rejected"
    """The worse answer of a ranking."""
    wanted: str | None = None
    """Whether the answer is one to imitate (`kto_tag`)."""
    ranking: bool = False
    """Rows are pairs."""
    joining: str = "\n"
    """Between instruction and input; early 2024 had nothing there."""

    def make(self, row: Any, source: str) -> Made:
        """A dialogue, a pair, or a text where there is no column of answers. Raises Drop."""
        cells = fields(row)
        if self.response is None and not self.ranking:
            return Made(document(cells.get(self.prompt or ""), source))
        if self.wanted is not None and not cells.get(self.wanted):
            raise Drop("is marked as an answer not to imitate")
        turns = [*self._system(cells), *self._history(cells), Turn("user", self._question(cells))]
        answer = cells.get(self.response) if self.response else None
        if self.ranking:
            better, worse = self._answers(cells, answer)
            return Made(pair(turns, text_of(better, "an answer"), text_of(worse, "an answer"), source))
        if not isinstance(answer, str):
            raise Drop(NO_SUPERVISION)
        return Made(dialogue([*turns, Turn("assistant", text_of(answer, "an answer"))], source))

    def _question(self, cells: dict[str, Any]) -> str:
        parts = [cells.get(name) for name in (self.prompt, self.query) if name]
        if not all(part is None or isinstance(part, str) for part in parts):
            raise Drop("has a question that is not text")
        return text_of(self.joining.join(part for part in parts if part), "a question")

    def _system(self, cells: dict[str, Any]) -> list[Turn]:
        text = text_of(cells.get(self.system), "a system prompt") if self.system else ""
        return [Turn("system", text)] if text else []

    def _history(self, cells: dict[str, Any]) -> list[Turn]:
        turns: list[Turn] = []
        for old in (items(cells.get(self.history)) or []) if self.history else []:
            if not isinstance(old, list) or len(old) != 2:
                raise Drop("has a history that is not pairs of question and answer")
            turns.append(Turn("user", text_of(old[0], "a question in its history")))
            turns.append(Turn("assistant", text_of(old[1], "an answer in its history")))
        return turns

    def _answers(self, cells: dict[str, Any], answer: Any) -> tuple[Any, Any]:
        """(better, worse)."""
        both = items(answer)
        if both is not None and len(both) == 2:
            return both[0], both[1]
        better = cells.get(self.chosen) if self.chosen else None
        worse = cells.get(self.rejected) if self.rejected else None
        if not isinstance(better, str) or not isinstance(worse, str):
            raise Drop("has no two answers to choose from")
        return better, worse

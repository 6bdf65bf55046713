"""The labelled questions about a character's books: what is asked, what counts, and where it stands.

{"question": "When does soup end?", "accept": ["nine"], "evidence": "Soup is served until nine",
 "file": "dot/canteen.md", "kind": "plain"}        one a line
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from roleplay.cards.load import CardFile, cleaned, load_card
from roleplay.corpora.jsonl import read_lines
from roleplay.errors import Fault, FileFaults, NotFound
from roleplay.paths import shipped, shown
from roleplay.text import did_you_mean, one_line

Kind = Literal["plain", "paraphrase", "unanswerable"]
"""In words of the passage, in others, or about what stands in no book."""
_KEY = ("probes", "known")
_Filled = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
_Text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True)]


class _Row(BaseModel):
    """A line as people write it."""

    model_config = ConfigDict(extra="forbid")

    question: _Filled
    accept: list[_Filled] = []
    evidence: _Text = ""
    file: _Text = ""
    kind: Kind


@dataclass(frozen=True)
class KnownQuestion:
    """A question about the books of a character."""

    question: str
    """As a person asks it."""
    accept: tuple[str, ...]
    """A right reply holds one of these; empty where there is no answer."""
    evidence: str
    """Words of the passage that answers, as they stand there; empty where none does."""
    file: str
    """The book it stands in, as citations call it; empty where it stands in none."""
    kind: Kind
    """How hard it is."""

    @property
    def answerable(self) -> bool:
        """Whether a book holds the answer."""
        return self.kind != "unanswerable"


def questions_file(card_file: CardFile) -> Path | None:
    """The file that a card names, where it is here: packs leave it behind."""
    name = card_file.card.probes.known
    beside = card_file.path.resolve().parent
    for folder in (beside, beside.parent / "data" / "questions", shipped() / "data" / "questions"):
        path = (folder / (name or "")).resolve()
        if name is not None and path.is_relative_to(folder.resolve()) and os.path.isfile(path):
            return path
    return None


def known_questions(card_file: CardFile) -> list[KnownQuestion]:
    """The questions that a card names, in order.

    Raises NotFound for a card that names none, FileFaults where the file is missing, outside of the folders, or faulty.
    """
    card, lines = card_file.card, card_file.lines
    name = card.probes.known
    if name is None:
        raise NotFound(
            f"{shown(card_file.path)} names no labelled questions; add 'probes: {{known: FILE}}' with JSON Lines"
        )
    path = questions_file(card_file)
    if path is not None:
        return read_known(path)
    problem = f"'{one_line(name)}' is neither beside the card nor in data/questions/"
    remedy = "write the path relative to one of the two"
    raise FileFaults([Fault(lines.file, lines.line(_KEY), ".".join(_KEY), problem, remedy)])


def known_faults(path: Path) -> tuple[Fault, ...]:
    """What is wrong with the questions that the card at `path` names; nothing where the card itself is at fault."""
    try:
        card_file = load_card(path)
    except FileFaults:
        return ()
    try:
        if card_file.card.probes.known is not None:
            known_questions(card_file)
    except FileFaults as error:
        return error.faults
    return ()


def read_known(path: Path) -> list[KnownQuestion]:
    """The questions of a file. Raises FileFaults with every fault of it."""
    faults: list[Fault] = []
    found: dict[str, KnownQuestion] = {}
    for number, value in read_lines(path, faults):
        try:
            row = _Row.model_validate(cleaned(value))
        except ValidationError as error:
            told = [_fault(issue) for issue in error.errors()]
        else:
            told = list(_contradictions(row))
            if row.question in found:
                told.append(("question", f"'{one_line(row.question)}' is asked twice", "leave one out"))
            found[row.question] = KnownQuestion(row.question, tuple(row.accept), row.evidence, row.file, row.kind)
        faults += [Fault(shown(path), number, *parts) for parts in told]
    if not found and not faults:
        faults.append(Fault(shown(path), None, "", "holds no question", "write one JSON object a line"))
    if faults:
        raise FileFaults(sorted(faults, key=lambda fault: fault.line or 0))
    return list(found.values())


Told = tuple[str, str, str]
"""Key, problem and remedy."""


def _contradictions(row: _Row) -> Iterator[Told]:
    """What an answer needs, and what a question without one must not have."""
    for key in ("accept", "evidence", "file"):
        value = getattr(row, key)
        if row.kind == "unanswerable" and value:
            problem = f"is given for a question without an answer (seen: {one_line(str(value))})"
            yield key, problem, "take it out, or choose another kind"
        elif row.kind != "unanswerable" and not value:
            yield key, f"is missing for a question of kind '{row.kind}'", "add it, or write kind 'unanswerable'"


def _fault(issue: Any) -> Told:
    key, kind, seen = ".".join(map(str, issue["loc"])), issue["type"], one_line(repr(issue["input"]))
    if kind == "extra_forbidden":
        return key, "is not a key of a question", did_you_mean(key, _Row.model_fields)
    if kind == "missing":
        return key, "is missing", f"add '{key}'"
    if kind == "model_type":
        return key, f"is no question (seen: {seen})", "write a JSON object with 'question' and 'kind'"
    if kind == "literal_error":
        return key, f"is no kind (seen: {seen})", did_you_mean(str(issue["input"]), get_args(Kind))
    message = issue["msg"]
    return key, f"{message[0].lower()}{message[1:]} (seen: {seen})", "correct the value"

"""The general questions that ship, with the answers that count: what a base knows apart from any character."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from roleplay.cards.load import cleaned
from roleplay.errors import Fault, FileFaults, NotFound
from roleplay.paths import shipped, shown
from roleplay.strictyaml import Document, dotted, parse
from roleplay.text import did_you_mean, one_line

_FORMAT = "write one '- {question: …, accept: [ANSWER, …]}' a line"
_Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True)
class General:
    """A question that is answered in a few words."""

    question: str
    """What the base is asked, without a prefix."""
    accept: tuple[str, ...]
    """Spellings of right answers; a reply that holds one of them is right, as `measures.answered` looks for it."""
    language: str
    """Which list it stands in: `zh` or `en`."""


class _Entry(BaseModel):
    """A question as the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    question: _Filled
    """One line."""
    accept: Annotated[list[_Filled], Field(min_length=1)]
    """At least one."""


_ENTRIES = TypeAdapter(list[_Entry])


def languages() -> list[str]:
    """Languages that a list ships for, sorted. Raises NotFound where there is none."""
    folder = _folder()
    found = sorted(path.stem for path in folder.glob("*.yaml"))
    if not found:
        raise NotFound(f"there are no general questions in {shown(folder)}; install roleplay again")
    return found


def general_questions(language: str) -> list[General]:
    """The list of a language tag such as `en-GB`; where none ships for it all lists, which `General.language` shows.

    Raises NotFound where no list ships, and FileFaults.
    """
    known = languages()
    own = language.lower().replace("_", "-").split("-")[0]
    wanted = [own] if own in known else known
    return [general for name in wanted for general in read_general(_folder() / f"{name}.yaml")]


def read_general(path: Path) -> list[General]:
    """The questions of a file whose name is their language. Raises FileFaults with every fault of the file."""
    document = parse(path, typed=False)  # so that a number is an answer too
    entries = cleaned(document.value)
    if not isinstance(entries, list) or not entries:
        problem = f"is no list of questions (seen: {one_line(str(entries))})"
        raise FileFaults([Fault(document.file, 1, "", problem, _FORMAT)])
    try:
        checked = _ENTRIES.validate_python(entries)
    except ValidationError as error:
        faults = [_fault(document, issue) for issue in error.errors()]
        raise FileFaults(sorted(faults, key=lambda fault: fault.line or 0)) from error
    return [General(entry.question, tuple(entry.accept), path.stem) for entry in checked]


def _folder() -> Path:
    return shipped() / "data" / "general"


def _fault(document: Document, issue: Any) -> Fault:
    key, kind = issue["loc"], issue["type"]
    seen = f" (seen: {one_line(repr(issue['input']))})"
    if kind == "extra_forbidden":
        problem, remedy = "is not a key of a question", did_you_mean(str(key[-1]), _Entry.model_fields)
    elif kind == "missing":
        problem, remedy = "is missing", f"add '{key[-1]}: …'"
    elif kind in ("string_too_short", "too_short"):
        problem, remedy = "is empty", "write some text" if kind == "string_too_short" else "add an answer that counts"
    elif kind == "list_type":
        problem, remedy = f"is not a list{seen}", "put the answers in brackets: [twelve, 12]"
    elif kind == "string_type":
        problem, remedy = f"is not text{seen}", "write one text, in quotes"
    else:
        problem, remedy = f"is not a question with its answers{seen}", _FORMAT
    return Fault(document.file, document.line(key), dotted(key), problem, remedy)

"""Raw text for `kind: text`: a `.txt` file is one document, a `.jsonl` file holds one a line.

    {"text": "The tide comes at nine. …"}

Other keys of a line are ignored, so that files made for other trainers can be used as they are.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.corpora.jsonl import read_lines
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.strictyaml import read_utf8
from roleplay.text import clean, fingerprint, one_line

_FORMAT = 'write {"text": "…"} on every line'


@dataclass(frozen=True)
class Text:
    """One document."""

    text: str
    """Cleaned of control characters, without empty lines around it."""
    source: str
    """File and line it was read from, for messages."""

    @property
    def identity(self) -> str:
        """A hash of the text: moves with the document when a corpus is reordered."""
        return fingerprint(self.text)


def read_documents(path: Path) -> list[Text]:
    """Every document of a `.txt` or `.jsonl` file. Raises FileFaults with all faults of the file."""
    file = shown(path)
    faults: list[Fault] = []
    if path.suffix == ".txt":
        found = [(1, read_utf8(path))]
    elif path.suffix == ".jsonl":
        found = [(line, text) for line, value in read_lines(path, faults) for text in _text(file, line, value, faults)]
    else:
        problem = f"has the ending '{path.suffix}'"
        raise FileFaults([Fault(file, None, "", problem, "use .txt or .jsonl for 'kind: text'")])
    if faults:
        raise FileFaults(sorted(faults, key=lambda fault: fault.line or 0))
    documents = [Text(clean(text).strip("\n"), f"{file}:{line}") for line, text in found if clean(text).strip()]
    if not documents:
        raise FileFaults([Fault(file, None, "", "holds no text", "write some, or take the corpus off the card")])
    return documents


def _text(file: str, line: int, value: Any, faults: list[Fault]) -> list[str]:
    text = value.get("text") if isinstance(value, dict) else None
    if isinstance(text, str) and clean(text).strip():
        return [text]
    faults.append(Fault(file, line, "text", f"is no text (seen: {one_line(repr(value))})", _FORMAT))
    return []

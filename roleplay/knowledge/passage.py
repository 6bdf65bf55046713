"""What passes from a file to a prompt: blocks as a reader finds them, passages as they are kept and found."""

from dataclasses import dataclass
from typing import Literal

from roleplay.text import fingerprint, one_line


@dataclass(frozen=True)
class Block:
    """A piece of a document that its author set apart."""

    kind: Literal["heading", "paragraph", "row"]
    """`row` is one of a table or of a JSON list: it stands for itself."""
    text: str
    """Without surrounding white space, cleaned."""
    start: int
    """Offset of its first character in the document as read, in characters; a later block begins later."""
    level: int = 0
    """Of a heading, 1 for the highest; else 0."""
    page: int | None = None
    """Page it begins on, from 1; `None` where the format has none."""
    line: int | None = None
    """Line of the file it begins on, from 1; `None` where the format has none."""


@dataclass(frozen=True)
class Place:
    """Where a passage stands, so that a citation opens its source."""

    file: str
    """The file as the card names it, or the file inside a folder named there; `book` for its own lore."""
    headings: tuple[str, ...]
    """The headings it stands below, the highest first."""
    page: int | None
    """Page it begins on, from 1; `None` where the format has none."""
    line: int | None
    """Line it begins on, from 1; `None` where the format has none."""
    start: int
    """Offset of its first character in the document as read."""
    end: int
    """Offset behind its last character."""

    @property
    def shown(self) -> str:
        """The place as a person reads it: `harbour.md:12 · Fog · Bells`."""
        at = f":{self.line}" if self.line is not None else f", p. {self.page}" if self.page is not None else ""
        return " · ".join([f"{one_line(self.file, 120)}{at}", *(one_line(heading, 120) for heading in self.headings)])


@dataclass(frozen=True)
class Passage:
    """A piece of text that goes into a prompt as a whole."""

    text: str
    """What it says, without its headings."""
    tokens: int
    """Of the base's tokenizer."""
    place: Place
    """Where it stands."""

    @property
    def identity(self) -> str:
        """Hash of what it says and of the headings it stands below: what an embedding depends on."""
        return fingerprint("\x1f".join([*self.place.headings, self.text]))


@dataclass(frozen=True)
class Found:
    """A passage that was looked for."""

    passage: Passage
    """Which."""
    score: float
    """Reciprocal rank fusion over the ways of search that found it; higher is better, comparable within one search."""
    text_rank: int | None
    """Its place in full-text search, from 1; `None` where that did not find it."""
    vector_rank: int | None
    """Its place by cosine, from 1; `None` where there are no vectors or it came too far behind."""


@dataclass(frozen=True)
class Recalled:
    """A passage that came to mind."""

    passage: Passage
    """What it says, and where."""
    why: Literal["pinned", "book", "found", "excluded"]
    """The person's wish, a key of the card's book, or search; none that is excluded stands in a prompt."""
    score: float | None = None
    """Of search; `None` for the others."""

"""A kept conversation becomes a file of one of three formats."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from roleplay.chat.store import ChatStore
from roleplay.chat.transcripts.jsonl import to_jsonl
from roleplay.chat.transcripts.markdown import to_markdown
from roleplay.chat.transcripts.names import names_of
from roleplay.chat.transcripts.tavern_out import to_tavern
from roleplay.chat.whole import read_whole
from roleplay.errors import StorageError, UsageError
from roleplay.paths import Home, shown, write_file
from roleplay.text import did_you_mean

Format = Literal["markdown", "jsonl", "sillytavern"]
FORMATS: dict[Format, str] = {"markdown": ".md", "jsonl": ".jsonl", "sillytavern": ".jsonl"}
"""Names of the formats, each with the ending of its files."""


@dataclass(frozen=True)
class Exported:
    """A conversation as text."""

    format: Format
    """Its format."""
    text: str
    """The whole file."""
    turns: int
    """Turns of the path that is shown."""
    left_out: tuple[str, ...]
    """What the format has no place for, each as a few words."""


def check_format(name: str | None, out: Path | None = None) -> Format:
    """The format called `name`, else the one that the file's ending tells, else Markdown. Raises UsageError."""
    if name is None:
        return "jsonl" if out is not None and out.suffix == FORMATS["jsonl"] else "markdown"
    known = next((known for known in FORMATS if known == name), None)
    if known is None:
        raise UsageError(f"there is no format '{name}'; {did_you_mean(name, FORMATS)}")
    return known


def export_chat(store: ChatStore, chat: int, layout: Format, home: Home, *, swipes: bool = False) -> Exported:
    """Conversation number `chat` as text; `swipes` counts for Markdown. Raises NotFound or StorageError."""
    whole = read_whole(store, chat)
    names, line = names_of(whole, home), whole.line
    if layout == "jsonl":
        return Exported(layout, to_jsonl(whole), len(line), ())
    if layout == "sillytavern":
        text, left_out = to_tavern(whole, names)
        return Exported(layout, text, len(line), left_out)
    told = {way.id for turn in line for way in (whole.ways(turn) if swipes else [turn])}
    return Exported(layout, to_markdown(whole, names, swipes=swipes), len(line), whole.left_out(told))


def write_export(exported: Exported, out: Path, *, force: bool = False) -> None:
    """Write the file, whole or not at all. Raises StorageError where it is there already, unless `force`."""
    if out.exists() and not force:
        raise StorageError(f"{shown(out)} is there already; name another file, or say that it may be replaced")
    write_file(out, exported.text)

"""A file of any form becomes a native corpus of a character, in a stream."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from roleplay.authoring.place import YAML, card_line, check_place, corpus_place
from roleplay.cards.find import open_card
from roleplay.corpora.documents import Text
from roleplay.corpora.forms.row import Speakers
from roleplay.corpora.read import Reading, read
from roleplay.corpora.report import Report
from roleplay.corpora.write import native_lines, native_yaml
from roleplay.dialogue import Dialogue
from roleplay.paths import Home, whole_file
from roleplay.text import one_line

TOO_MANY = 0.1
"""Share of dropped rows above which nothing is written unasked."""

_BY_HAND = 3000
"""Dialogues up to which a corpus is written as YAML, to be read and changed by hand."""

Kind = Literal["desc", "dialogue", "general"]


class _Refused(Exception):
    """Ends the writing; the file is not kept."""


@dataclass(frozen=True)
class Wish:
    """What is to be imported, and how."""

    file: Path
    """File, or folder of files of one ending."""
    character: str
    """Name of the character, or path of its card."""
    form: str | None = None
    """What the rows are; `None` is told by the first ones."""
    speakers: Speakers = field(default_factory=Speakers)
    """Who is who; empty goes by the roles."""
    kind: Kind = "dialogue"
    """What the corpus will be for the card; only `general` keeps system turns."""
    out: Path | None = None
    """File to write; `None` is one beside the character's others."""
    accept_drops: bool = False
    """Write also where many rows are dropped."""
    force: bool = False
    """Replace the file if it is there."""


@dataclass(frozen=True)
class Imported:
    """What came of it."""

    report: Report
    """Rows read, kept, merged, dropped."""
    written: int
    """Dialogues or documents in the file; 0 where nothing was written."""
    out: Path | None
    """The file; `None` where nothing was written."""
    card_line: str
    """Entry for the card's `corpora`; empty where nothing was written."""
    refusal: str
    """Why nothing was written; empty where it was."""


def import_corpus(wish: Wish, home: Home) -> Imported:
    """Read `wish.file` row by row and write what it holds. Raises what its parts raise; nothing is written half."""
    card = open_card(wish.character, home)
    reading = read(wish.file, wish.form, speakers=wish.speakers, keep_system=wish.kind == "general")
    values = _wanted(reading)
    first = list(islice(values, _BY_HAND + 1))
    documents = bool(first) and isinstance(first[0], Text)
    ending = ".jsonl" if documents or len(first) > _BY_HAND else ".yaml"
    out = wish.out or corpus_place(card.path, card.card.name, f"{_stem(wish.file)}{ending}")
    endings = (".jsonl",) if documents else (*YAML, ".jsonl")
    check_place(out, force=wish.force, endings=endings, source=wish.file)
    count = 0
    try:
        with whole_file(out) as file:
            for text in _written(chain(first, values), out.suffix, f"Imported from {wish.file.name}."):
                count += 1
                file.write(text.encode())
            refusal = _refusal(reading.report, count, wish)
            if refusal:
                raise _Refused
    except _Refused:
        return Imported(reading.report, 0, None, "", refusal)
    line = card_line(card.path, out, "text" if documents else wish.kind)
    return Imported(reading.report, count, out, line, "")


def _wanted(reading: Reading) -> Iterator[Dialogue | Text]:
    """Dialogues, or texts where the first value is one; whatever else there is counts as dropped."""
    kind: type | None = None
    for value in reading:
        kind = kind or (Text if isinstance(value, Text) else Dialogue)
        if isinstance(value, Dialogue | Text) and isinstance(value, kind):
            yield value
        else:
            reading.report.kept -= 1
            row = value.source.rpartition(":")[2]
            reason = f"is no {'text' if kind is Text else 'dialogue'}, and a native corpus holds nothing else"
            reading.report.drop(int(row) if row.isdigit() else reading.report.rows, reason)


def _written(values: Iterable[Dialogue | Text], ending: str, about: str) -> Iterator[str]:
    """The text of every value, as it stands in the file."""
    head = f"# {one_line(about, 200)}\n"
    for value in values:
        if isinstance(value, Text):
            yield json.dumps({"text": value.text}, ensure_ascii=False) + "\n"
        elif ending == ".jsonl":
            yield from native_lines([value])
        else:
            yield head + native_yaml([value])
            head = "\n"


def _refusal(report: Report, count: int, wish: Wish) -> str:
    if not count:
        return f"{report.file} holds nothing that could be kept; name the right form with --as, or repair the file"
    if report.lost_share > TOO_MANY and not wish.accept_drops:
        return (
            f"{report.lost} of {report.rows} rows of {report.file} are dropped, more than a tenth; "
            "nothing was written: repair them, or add --accept-drops"
        )
    return ""


def _stem(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem

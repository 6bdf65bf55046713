"""Any file of dialogues, pairs or texts as a stream of values, with a report of what was left out."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from roleplay.corpora.forms.chat import Chat, ThirdSpeaker
from roleplay.corpora.forms.row import Drop, Speakers, Value
from roleplay.corpora.native import read_native
from roleplay.corpora.report import Report
from roleplay.corpora.rows import Row, open_table
from roleplay.corpora.sniff import FORMS, Maker, check_form, maker, sniff
from roleplay.dialogue import Dialogue
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.text import one_line

_LOOKED_AT = 20


class Reading:
    """A file that is being read: iterate over it once, then look at its report."""

    def __init__(self, report: Report, values: Iterable[Value]) -> None:
        self.report = report
        self._values = values

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values)


def read(
    path: Path,
    form: str | None = None,
    *,
    speakers: Speakers = Speakers(),
    keep_system: bool = True,
    max_samples: int | None = None,
) -> Reading:
    """Open a file, or a folder of files of one ending; `form` is a name of `FORMS`, `None` is told by the first rows.

    With `keep_system` false, system turns are left out and counted; `max_samples` takes the first rows only. Only a
    few rows are in memory at a time, but for native YAML, which is read whole and whose faults are errors. Raises
    FileFaults for what cannot be read at all, here or while values are taken, and UsageError.
    """
    if form is not None:
        check_form(form, speakers)
    if path.suffix.lower() in (".yaml", ".yml"):
        return _read_yaml(path, speakers, keep_system, max_samples)
    table = open_table(path)
    rows = islice(table.rows(), max_samples)
    first = list(islice(rows, _LOOKED_AT))
    if not first:
        raise FileFaults([Fault(shown(path), None, "", "holds no row", "give a file with something in it")])
    seen = [row.value for row in first if not row.problem]
    found = sniff(seen)
    if form is None and found is None:
        raise FileFaults([Fault(shown(path), None, "", _unknown(first), f"name its form: {', '.join(FORMS)}")])
    name, because = (found.form, found.because) if form is None and found else (form or "", "that was asked for")
    check_form(name, speakers)
    report = Report(shown(path), FORMS[name], because, table.encoding)
    every = chain(first, rows)
    if name == "tavern-chat":
        return Reading(report, _messages(every, Chat(speakers), report))
    return Reading(report, values(every, maker(name, seen, speakers), report, keep_system=keep_system))


def form_of(path: Path) -> str | None:
    """The form that the first rows of a file have; `None` where it is none. Raises FileFaults."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return "native"
    found = sniff([row.value for row in islice(open_table(path).rows(), _LOOKED_AT) if not row.problem])
    return found.form if found else None


def values(rows: Iterable[Row], make: Maker, report: Report, *, keep_system: bool) -> Iterator[Value]:
    """The value of every row that has one; the others are counted in the report."""
    for row in rows:
        report.rows += 1
        if row.problem:
            report.drop(row.number, row.problem)
            continue
        try:
            made = make(row.value, row.source)
        except Drop as reason:
            report.drop(row.number, str(reason))
            continue
        report.kept += 1
        report.merged += made.merged
        yield made.value if keep_system else _without_system(made.value, report)


def _messages(rows: Iterable[Row], chat: Chat, report: Report) -> Iterator[Value]:
    file = ""
    for row in rows:
        if file and row.file != file:
            yield from _ended(chat)
        file = row.file
        yield from _message(row, chat, report)
    yield from _ended(chat)


def _message(row: Row, chat: Chat, report: Report) -> Iterator[Value]:
    report.rows += 1
    if row.problem:
        report.drop(row.number, row.problem)
        return
    try:
        done, merged = chat.take(row.value, row.source)
    except Drop as reason:
        report.drop(row.number, str(reason))
        if isinstance(reason, ThirdSpeaker):
            yield from _ended(chat)
        return
    report.kept += 1
    report.merged += merged
    if done is not None:
        yield done


def _ended(chat: Chat) -> Iterator[Value]:
    done = chat.end()
    if done is not None:
        yield done


def _read_yaml(path: Path, speakers: Speakers, keep_system: bool, max_samples: int | None) -> Reading:
    check_form("native", speakers)
    report = Report(shown(path), FORMS["native"], "it is YAML", "UTF-8")
    dialogues = read_native(path, allow_system=True)[:max_samples]
    report.rows = report.kept = len(dialogues)
    return Reading(report, dialogues if keep_system else (_without_system(one, report) for one in dialogues))


def _without_system(value: Value, report: Report) -> Value:
    if not isinstance(value, Dialogue) or value.turns[0].role != "system":
        return value
    report.systems += 1
    return replace(value, turns=value.turns[1:])


def _unknown(first: list[Row]) -> str:
    row = next((row for row in first if not row.problem), None)
    if row is None:
        return f"holds no row that can be read: row {first[0].number} {first[0].problem}"
    keys = ", ".join(map(str, row.value)) if isinstance(row.value, dict) else type(row.value).__name__
    return f"has rows of no known form (seen: {one_line(keys)})"

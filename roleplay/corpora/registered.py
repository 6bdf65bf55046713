"""Reads an entry of a registry as LLaMA-Factory does: columns, tags, split, samples."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from roleplay.corpora.forms.alpaca import Alpaca
from roleplay.corpora.forms.sharegpt import ShareGPT, Tags
from roleplay.corpora.read import Reading, values
from roleplay.corpora.registry import Columns, Entry, Registered, TagNames, find_registered
from roleplay.corpora.report import Report
from roleplay.corpora.rows import Row, Table, open_table
from roleplay.errors import Fault, FileFaults

_DEFAULTS = Columns(
    prompt="instruction", query="input", response="output", messages="conversations", chosen=None, rejected=None
)
_DEFAULT_TAGS = TagNames(
    role_tag="from",
    content_tag="value",
    user_tag="human",
    assistant_tag="gpt",
    observation_tag="observation",
    function_tag="function_call",
    system_tag="system",
)
_OPENAI_TAGS = TagNames(
    role_tag="role",
    content_tag="content",
    user_tag="user",
    assistant_tag="assistant",
    observation_tag="tool",
    function_tag="function",
    system_tag="system",
)
_USUAL = {
    "alpaca": ("instruction", "input", "output", "system", "history"),
    "sharegpt": ("conversations", "messages", "system"),
    "openai": ("conversations", "messages", "system"),
}
_SPLIT = re.compile(r"train(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")


def read_registered(
    folder: Path,
    name: str,
    *,
    verify: bool = True,
    keep_system: bool = True,
    max_samples: int | None = None,
    seed: int = 0,
) -> Reading:
    """The data set `name` of a folder with a `dataset_info.json`.

    `num_samples` of its entry draws rows at random (by `seed`), then `max_samples` takes the first of them. Raises
    NotFound and FileFaults, as `find_registered` and `read` do.
    """
    found = find_registered(folder, name, verify=verify)
    entry, table = found.entry, open_table(found.path)
    rows = _sampled(_split(table, found), entry.num_samples, seed)
    rows = islice(rows, max_samples)
    first = list(islice(rows, 1))
    if not first:
        raise FileFaults([Fault(found.registry, found.line, name, "holds no row", "give a file with something in it")])
    because = f"'{name}' of {found.registry} says so"
    report = Report(f"{found.registry}: {name}", _told(entry), because, table.encoding)
    _note(report, entry, first[0].value)
    shape = _alpaca(entry) if entry.formatting == "alpaca" else _sharegpt(entry)
    return Reading(report, values(chain(first, rows), shape.make, report, keep_system=keep_system))


def _alpaca(entry: Entry) -> Alpaca:
    columns = entry.columns or _DEFAULTS
    return Alpaca(
        prompt=columns.prompt,
        query=columns.query,
        response=columns.response,
        system=columns.system,
        history=columns.history,
        chosen=columns.chosen,
        rejected=columns.rejected,
        wanted=columns.kto_tag,
        ranking=entry.ranking,
    )


def _sharegpt(entry: Entry) -> ShareGPT:
    columns = entry.columns or _DEFAULTS
    return ShareGPT(
        messages=columns.messages,
        system=columns.system,
        chosen=columns.chosen,
        rejected=columns.rejected,
        wanted=columns.kto_tag,
        ranking=entry.ranking,
        tags=_tags(entry.tags or (_OPENAI_TAGS if entry.formatting == "openai" else _DEFAULT_TAGS)),
    )


def _tags(names: TagNames) -> Tags:
    def known(*tags: str | None) -> tuple[str, ...]:
        return tuple(tag for tag in tags if tag is not None)

    return Tags(
        role=names.role_tag,
        content=names.content_tag,
        user=known(names.user_tag),
        assistant=known(names.assistant_tag),
        tools=known(names.observation_tag, names.function_tag),
        system=known(names.system_tag),
    )


def _told(entry: Entry) -> str:
    if entry.formatting == "alpaca" and entry.columns and entry.columns.response is None and not entry.ranking:
        return "raw text"
    form = {"alpaca": "Alpaca", "sharegpt": "ShareGPT", "openai": "OpenAI messages"}[entry.formatting]
    return f"{form} preference pairs" if entry.ranking else form


def _note(report: Report, entry: Entry, row: Any) -> None:
    """Say what of the file is ignored, since a list of columns or tags leaves out the defaults."""
    columns = entry.columns or _DEFAULTS
    read = {name for name in columns.model_dump().values() if name}
    left = [name for name in _USUAL[entry.formatting] if isinstance(row, dict) and row.get(name) and name not in read]
    if left:
        report.note(f"not read, since 'columns' does not name it: {', '.join(left)}")
    if entry.formatting != "alpaca" and entry.tags:
        gone = [n for n in ("role_tag", "content_tag", "user_tag", "assistant_tag") if getattr(entry.tags, n) is None]
        if gone:
            report.note(
                f"'tags' leaves out {', '.join(gone)}, which then has no name: add it, also where it is the default"
            )
    for key in ("subset", "folder"):
        if getattr(entry, key) is not None:
            report.note(f"'{key}' says something of a hub's data set only: ignored for a local file")


def _split(table: Table, found: Registered) -> Iterable[Row]:
    """Rows of a split such as `train[:100]` or `train[10%:]`; a local file has no other than `train`."""
    split = found.entry.split
    match = _SPLIT.fullmatch(split)
    if match is None:
        problem = f"is '{split}', and a local file has the split 'train' alone"
        raise FileFaults(
            [Fault(found.registry, found.line, f"{found.name}.split", problem, "write train or train[:100]")]
        )
    if match[1] is None and match[2] is None:
        return table.rows()
    total = sum(1 for _ in table.rows())
    start, stop, _ = slice(_place(match[1], total), _place(match[2], total)).indices(total)
    return islice(table.rows(), start, max(start, stop))


def _place(text: str | None, total: int) -> int | None:
    if text is None:
        return None
    return round(total * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def _sampled(rows: Iterable[Row], wanted: int | None, seed: int) -> Iterator[Row]:
    """A random permutation of the rows, then draws with replacement where more are asked for than exist."""
    if wanted is None:
        return iter(rows)
    import numpy as np

    held = list(rows)
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(held))[:wanted]
    if held and wanted > len(held):
        order = np.concatenate([order, generator.choice(len(held), wanted - len(held))])
    return (held[i] for i in order)

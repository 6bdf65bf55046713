"""Rows of a table in a file of JSON lines, each written as soon as it is known: what is killed half way keeps them."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.gpu.device import Options, hardware


@dataclass(frozen=True)
class Measured:
    """The rows that were made on one machine."""

    hardware: dict[str, Any]
    """As `hardware` tells it; of the date, the last one."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Column → value, in the order of their first writing."""


class Results:
    """A file of rows: flat mappings from the heading of a column to a text, a number, a yes or no, or `None`.

    Columns whose names begin with `_` are kept in the file and never shown.
    """

    def __init__(self, path: Path, hardware: Mapping[str, Any], key: Sequence[str]) -> None:
        """`key` are the columns that tell rows apart: the last row of a key counts."""
        self.path, self.key, self.hardware = path, tuple(key), dict(hardware)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write({"hardware": self.hardware, "key": self.key})

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row at once; it takes the place of an earlier one with the same key on the same hardware."""
        missing = [name for name in self.key if name not in row]
        if missing:
            raise ValueError(f"a row of {self.path.name} lacks its columns {', '.join(missing)}")
        self._write(dict(row))

    def rows(self) -> list[dict[str, Any]]:
        """What is known on this hardware, earlier runs included."""
        return next(m.rows for m in read_results(self.path) if _same(m.hardware, self.hardware))

    def _write(self, value: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(value, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def open_results(part: str, options: Options, key: Sequence[str]) -> Results:
    """The file of a part on this device, `training-cuda.jsonl` in the folder of results."""
    return Results(options.folder / f"{part}-{options.device}.jsonl", hardware(options.device), key)


def read_results(path: Path) -> list[Measured]:
    """The rows of each machine, those of one key replaced by the last; a line cut off by a crash is skipped."""
    found: list[Measured] = []
    places: list[dict[str, int]] = []
    at, key = -1, tuple[str, ...]()
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if "hardware" in value:
            key = tuple(value["key"])
            at = next((i for i, m in enumerate(found) if _same(m.hardware, value["hardware"])), len(found))
            if at == len(found):
                found.append(Measured({}))
                places.append({})
            found[at].hardware.update(value["hardware"])
        elif at >= 0:
            name = json.dumps([value.get(column) for column in key])
            if name in places[at]:
                found[at].rows[places[at][name]] = value
            else:
                places[at][name] = len(found[at].rows)
                found[at].rows.append(value)
    return found


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return {**one, "date": ""} == {**other, "date": ""}

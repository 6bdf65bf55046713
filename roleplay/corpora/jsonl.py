"""JSON Lines: one JSON value a line."""

import json
from pathlib import Path
from typing import Any

from roleplay.errors import Fault
from roleplay.paths import shown
from roleplay.strictyaml import read_utf8


def read_lines(path: Path, faults: list[Fault]) -> list[tuple[int, Any]]:
    """(line counted from 1, value) of every line that is not blank; those that are not JSON are added to `faults`.

    Raises FileFaults where the file cannot be read as UTF-8.
    """
    values: list[tuple[int, Any]] = []
    for number, line in enumerate(read_utf8(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            values.append((number, json.loads(line)))
        except (ValueError, RecursionError) as error:
            # The decoder's own message counts lines within this line.
            reason = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
            faults.append(Fault(shown(path), number, "", f"is not JSON: {reason}", "write one JSON value a line"))
    return values

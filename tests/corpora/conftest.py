"""Files that a test writes, and what is read from them."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from roleplay.corpora.documents import Text
from roleplay.corpora.forms.row import Value
from roleplay.dialogue import Pair

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file, in folders if need be, below the current folder."""
    monkeypatch.chdir(tmp_path)

    def put(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def lines(*rows: Any) -> str:
    """JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def told(values: Iterable[Value]) -> list[Any]:
    """Values as short as can be: `user: Hi | assistant: Hello`, `prompt > chosen > rejected`, or the text."""
    found = []
    for value in values:
        if isinstance(value, Text):
            found.append(value.text)
            continue
        turns = value.prompt if isinstance(value, Pair) else value.turns
        line = " | ".join(f"{turn.role}: {turn.text}" for turn in turns)
        found.append(f"{line} > {value.chosen} > {value.rejected}" if isinstance(value, Pair) else line)
    return found

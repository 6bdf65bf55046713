"""What an evaluation has found so far, on disk as it is found, so that an interrupted one goes on."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from filelock import FileLock, Timeout

from roleplay.errors import EvaluationError
from roleplay.paths import shown, storing

_PATIENCE = 0.3
"""Seconds: whoever asks whether an evaluation is under way holds its lock for a moment."""


class Notebook:
    """Values by key, one JSON line each; open for one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values: dict[str, Any] = {}
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE)
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        with storing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except Timeout as error:
                raise EvaluationError(
                    f"another process is evaluating into {shown(self.path.parent)}; wait for it, or stop it"
                ) from error
            self._file = self.path.open("ab+")
            self._file.seek(0)
            whole = 0
            for line in self._file:
                found = _value(line)
                if found is not None:
                    self._values |= found
                    whole += len(line)
                else:  # cut off by a crash, and so is all that follows
                    break
            self._file.truncate(whole)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
        self._lock.release()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep `values`, on disk when this returns. Raises StorageError."""
        if self._file is None:
            raise ValueError("the notebook is closed")
        with storing(self.path):
            for key, value in values.items():
                self._file.write(json.dumps({key: value}, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        self._values |= values

    def items(self) -> Iterator[tuple[str, Any]]:
        """Everything, in the order in which it was first found."""
        return iter(self._values.items())


def _value(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None

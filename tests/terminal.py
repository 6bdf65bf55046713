"""A real terminal for tests: a program in a pty, its bytes kept, its screen drawn by an emulator."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self

import pyte
from ptyprocess import PtyProcess, PtyProcessError


class Terminal:
    """Runs `command` in a terminal of `columns` × `rows`."""

    def __init__(
        self, command: Sequence[str], *, columns: int = 100, rows: int = 30, env: Mapping[str, str] | None = None
    ) -> None:
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        for name in ("NO_COLOR", "COLUMNS", "LINES"):  # what whoever runs the tests set for another terminal
            environment.pop(name, None)
        # The size is set before the program begins; ptyprocess sets it after, and a program may look in between.
        sized = ["sh", "-c", f'stty rows {rows} cols {columns}; exec "$@"', "sh", *command]
        # Shells start what runs in the background deaf to Ctrl-C, and children inherit that.
        hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        self.process = PtyProcess.spawn(sized, env=environment, dimensions=(rows, columns), preexec_fn=hears)
        self.bytes = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._drawn = 0
        self._rows: dict[int, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(PtyProcessError):
            self.process.close(force=True)

    @property
    def text(self) -> str:
        """What the screen shows, a line a row, without the cells that wide characters continue in."""
        self._stream.feed(bytes(self.bytes[self._drawn :]))
        self._drawn = len(self.bytes)
        columns, lines = range(self._screen.columns), range(self._screen.lines)
        for row in self._screen.dirty.intersection(lines):
            line = self._screen.buffer[row]
            self._rows[row] = "".join(line[column].data for column in columns).rstrip()
        self._screen.dirty.clear()
        return "\n".join(self._rows.get(row, "") for row in lines)

    def read(self, seconds: float) -> bool:
        """Take what the program writes within `seconds`; False where it wrote nothing, or has ended."""
        ready, _, _ = select.select([self.process.fd], [], [], seconds)
        if not ready:
            return False
        try:
            self.bytes += os.read(self.process.fd, 65536)
        except OSError:  # how Linux tells that the other side is closed
            return False
        return True

    def wait(self, condition: Callable[[], bool], seconds: float = 120) -> None:
        """Read until `condition` holds. Raises TimeoutError with the screen."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s; the screen shows:\n{self.text}")
            self.read(0.05)

    def wait_for(self, text: str, seconds: float = 120) -> None:
        """Read until the screen shows `text`."""
        self.wait(lambda: text in self.text, seconds)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.process.fd, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self._screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def wait_exit(self, seconds: float = 60) -> int:
        """Read until the program has ended; its exit status, negative for a signal."""
        self.wait(lambda: not self.process.isalive(), seconds)
        while self.read(0.1):
            pass
        status = self.process.exitstatus
        return -int(self.process.signalstatus) if status is None else int(status)

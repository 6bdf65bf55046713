"""The model in a process of its own: loading and computing never hold up typing, and its death loses nothing."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import IO

from roleplay import errors
from roleplay.chat.inspection import LookUp, Sent, Weigh, Weighed
from roleplay.chat.question import Asked, Heard, Question
from roleplay.chat.wire import Answered, Failed, Message, Opening, Ready, Request, Stage, Stop, Told, decode, encode
from roleplay.errors import BaseModelError, FileFaults, RoleplayError
from roleplay.generation.events import Cancel, Finished, Piece
from roleplay.text import clean, one_line

_COMMAND = (sys.executable, "-m", "roleplay.chat.worker")
_LOOK = 0.05
"""Seconds between looks at whether waiting has become pointless."""
_CLOSING = 2.0
"""Seconds to wait for a thread that reads."""
_LAST_WORDS = 5
"""Lines of the process's own output that an error quotes."""


class AnswerProcess:
    """A character in another process; started when it is first needed, and again after it died.

    One thread at a time loads or asks; any thread may stop and close.
    """

    def __init__(self, opening: Opening, command: Sequence[str] = _COMMAND) -> None:
        self.opening, self.command = opening, tuple(command)
        self.tell: Callable[[Stage], object] = lambda stage: None
        """Told what is being loaded."""
        self.ready: Ready | None = None
        """What was loaded; `None` while nothing is."""
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._overhearing: threading.Thread | None = None
        self._noise: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)
        self._closed = False

    def load(self, cancel: Cancel | None = None) -> Ready | None:
        """Load the character, unless that is done; `None` where `cancel` came while another thread was loading.

        Raises RoleplayError.
        """
        if not self._take_turn(cancel):
            return None
        try:
            return self._loaded()
        finally:
            self._end_turn()

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the replies, after loading if need be; nothing where `cancel` came first. Raises RoleplayError."""
        cancel = cancel or Cancel()
        if not self._take_turn(cancel):
            return
        try:
            self._loaded()
            for told in self._told(question, cancel):
                if isinstance(told, Piece | Finished):
                    yield replace(told, text=clean(told.text))
                elif isinstance(told, Asked):
                    yield told
        finally:
            cancel.listener = None
            self._end_turn()

    def look(self, request: LookUp | Weigh) -> list[Sent | Weighed]:
        """Look something up about a reply, after loading if need be. Raises RoleplayError."""
        self._take_turn(None)
        try:
            self._loaded()
            return [told for told in self._told(request, Cancel()) if isinstance(told, Sent | Weighed)]
        finally:
            self._end_turn()

    def close(self) -> None:
        """End the process, whatever it does, and start none again; whoever waits for it gets an error."""
        self._closed = True
        process = self._process
        if process is None:
            return
        process.kill()
        if self._turn.acquire(timeout=_CLOSING):  # whoever reads from it meets its end and lets go
            self._end_turn()

    def _take_turn(self, cancel: Cancel | None) -> bool:
        while not self._turn.acquire(timeout=_LOOK):
            if cancel is not None and cancel.all:
                return False
        return True

    def _end_turn(self) -> None:
        if self._closed and self._process is not None:
            _discard(self._process)
        self._turn.release()

    def _told(self, request: Request, cancel: Cancel) -> Iterator[Told]:
        self._send(request)
        cancel.listener = lambda lane: self._send(Stop(lane))
        if cancel.all:  # between the last look and now
            self._send(Stop(None))
        done = False
        try:
            while not done:
                message = self._receive()
                if isinstance(message, Answered):
                    done = True
                elif isinstance(message, Failed):
                    done = True
                    raise _error(message)
                elif isinstance(message, Told):
                    yield message
        finally:
            if not done:  # whoever listened left, or the process died: nobody wants the rest
                self._drain()

    def _drain(self) -> None:
        self._send(Stop(None))
        with contextlib.suppress(RoleplayError):
            while not isinstance(self._receive(), Answered | Failed):
                pass

    def _loaded(self) -> Ready:
        if self.ready is not None and self._process is not None and self._process.poll() is None:
            return self.ready
        self.ready = None
        self._start()
        while True:
            message = self._receive()
            if isinstance(message, Stage):
                self.tell(replace(message, text=one_line(message.text)))
            elif isinstance(message, Ready):
                self.ready = _cleaned(message)
                return self.ready
            elif isinstance(message, Failed):
                raise _error(message)

    def _start(self) -> None:
        if self._closed:
            raise BaseModelError("the chat is closed")
        self._noise.clear()
        if self._process is not None:
            _discard(self._process)
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C in the terminal is the chat's to answer.
                start_new_session=True,
                env=os.environ | {"PYTHONUTF8": "1"},
            )
        except OSError as error:
            raise BaseModelError(f"the model's process cannot be started: {error}; free some memory and try") from error
        self._overhearing = threading.Thread(target=self._overhear, args=(self._process.stderr,), daemon=True)
        self._overhearing.start()
        if self._closed:  # while it was being started
            raise BaseModelError("the chat is closed")
        self._send(self.opening)

    def _overhear(self, stderr: IO[bytes]) -> None:
        """Keep the last lines that libraries print: the last words of a process that dies."""
        with stderr:
            for line in stderr:
                text = one_line(line.decode(errors="replace"), 200)
                if text:
                    self._noise.append(text)

    def _send(self, message: Message) -> None:
        """Write a line; a process that is gone shows when it is read from."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(encode(message))
            process.stdin.flush()

    def _receive(self) -> Message:
        """The next message. Raises BaseModelError where the process has ended."""
        process = self._process
        if process is None or process.stdout is None:
            raise BaseModelError("the chat is closed")
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._death(process)
        try:
            return decode(line)
        except ValueError as error:
            process.kill()  # what else it says cannot be told apart either
            raise BaseModelError(f"the model's process said what is {error}; report this") from error

    def _death(self, process: subprocess.Popen[bytes]) -> BaseModelError:
        status = process.wait()
        if self._closed:
            return BaseModelError("the chat is closed")
        if self._overhearing is not None:
            self._overhearing.join(_CLOSING)
        how = f"with status {status}"
        if status < 0:
            how = f"by signal {signal.Signals(-status).name}"
        if status == -signal.SIGKILL:
            how += ", often a sign that memory ran out"
        said = f"; its last words: {' / '.join(self._noise)}" if self._noise else ""
        return BaseModelError(f"the model's process ended {how}{said}; the next message starts it again")


def _discard(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was never flushed to a dead process
                pipe.close()


def _cleaned(ready: Ready) -> Ready:
    base, identity = (one_line(text, 200) for text in (ready.base, ready.identity))
    adapter = None if ready.adapter is None else one_line(ready.adapter, 200)
    return replace(ready, base=base, identity=identity, adapter=adapter, notice=clean(ready.notice))


def _error(failed: Failed) -> RoleplayError:
    kind = getattr(errors, failed.error, None)
    if not (isinstance(kind, type) and issubclass(kind, RoleplayError)):
        kind = BaseModelError
    error = FileFaults(()) if kind is FileFaults else kind()
    error.args = (clean(failed.text),)  # FileFaults is made from faults, and those did not come along
    return error

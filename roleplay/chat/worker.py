"""The process that answers: `python -m roleplay.chat.worker`, spoken to through its standard input and output.

It keeps nothing, so that its death loses nothing of a chat; it ends when its input does.
"""

import contextlib
import importlib
import itertools
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from roleplay.chat.inspection import LookUp, Weigh
from roleplay.chat.question import Question
from roleplay.chat.wire import Answered, Failed, Message, Opening, Ready, Request, Stage, Stop, Told, decode, encode
from roleplay.errors import BaseModelError, RoleplayError
from roleplay.generation.events import Cancel
from roleplay.text import one_line

if TYPE_CHECKING:
    from roleplay.chat.open import Opened

_HEAVY = ("torch", "transformers", "peft")
"""Seconds each; imported one by one so that the person sees what is going on."""

_OPENING_STAGES = 2
"""What `open_character` tells: the base, then the adapter."""


class Inbox:
    """Lines that arrive while a reply is under way: stops take effect at once, questions wait."""

    def __init__(self, source: BinaryIO) -> None:
        self.source = source
        self.requests: queue.Queue[Request] = queue.Queue()
        self.cancel = Cancel()

    def read(self) -> None:
        """Read until the asking side is gone; then there is nobody to answer."""
        with contextlib.suppress(ValueError):  # a line torn by the death of whoever wrote it
            for line in self.source:
                message = decode(line)
                if isinstance(message, Stop):
                    self.cancel.stop(message.lane)
                elif isinstance(message, Question | LookUp | Weigh):
                    # A stop that came for the reply before does not hold for this one.
                    self.cancel = Cancel()
                    self.requests.put(message)
        os._exit(0)


def main() -> None:
    """Load the character of the first line, then answer question after question."""
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no message

    def send(message: Message) -> None:
        channel.write(encode(message))

    opening = decode(sys.stdin.buffer.readline())
    if not isinstance(opening, Opening):
        raise TypeError(f"the first line must be an Opening, not {type(opening).__name__}")
    inbox = Inbox(sys.stdin.buffer)
    threading.Thread(target=inbox.read, daemon=True).start()
    steps = itertools.count()

    def tell(text: str) -> None:
        send(Stage(text, next(steps), len(_HEAVY) + _OPENING_STAGES))

    try:
        importlib.import_module("roleplay.models")  # quietens what peft brings along
        for name in _HEAVY:
            tell(f"importing {name}")
            importlib.import_module(name)
        opened, ready = _open(opening, tell)
    except Exception as error:  # told to the person, in the chat
        send(_failure(error))
        os._exit(1)  # an orderly end would abort: the thread that reads holds the input
    send(ready)
    while True:
        request = inbox.requests.get()
        try:
            for told in _told(opened, request, inbox.cancel):
                send(told)
            send(Answered())
        except Exception as error:  # told to the person, in the chat
            send(_failure(error))


def _told(opened: "Opened", request: Request, cancel: Cancel) -> Iterator[Told]:
    if isinstance(request, Question):
        return opened.answer(request, cancel)  # type: ignore[return-value]  # one base has no lane that fails alone
    if isinstance(request, LookUp):
        return opened.look_up(request)
    return iter([opened.weigh(request)])


def _open(opening: Opening, tell: Callable[[str], None]) -> "tuple[Opened, Ready]":
    from roleplay.cards.load import load_card
    from roleplay.chat.open import open_character
    from roleplay.paths import Home

    opened = open_character(
        load_card(opening.card),
        Home(opening.home),
        base=opening.base,
        run=opening.run,
        which=opening.which,
        trust_remote_code=opening.trust_remote_code,
        quant=opening.quant,
        device=opening.device,
        dtype=opening.dtype,
        compile=opening.compile,
        tell=tell,
    )
    base = opened.engine.base
    name = base.identity.name
    exactly = base.identity.revision or (base.identity.weights or "")[:12]
    identity = f"{name}@{exactly}" if exactly else name
    return opened, Ready(name, identity, base.context, opened.adapter, opened.notice, opened.voice.prefixes)


def _failure(error: Exception) -> Failed:
    if isinstance(error, RoleplayError):
        return Failed(type(error).__name__, str(error))
    kind = type(error).__name__
    if "out of memory" in str(error).lower() or isinstance(error, MemoryError):
        told = f"the model ran out of memory ({one_line(str(error), 160)}); begin a new chat, or take a smaller base"
    else:
        told = f"the model failed with {kind}: {one_line(str(error), 240)}; try again, and report it if it stays"
    return Failed(BaseModelError.__name__, told)


if __name__ == "__main__":
    main()

"""Every answer of a model, on disk the moment it arrives, so that nothing is asked twice.

A line is one answer:

    {"request": "9f…", "model": "qwen3 at http://localhost:11434/v1", "note": {"task": "grade", "start": 0, "end": 812,
     "turns": [{"user": "…"}, {"char": "…"}], "voice": 8.0, "faithfulness": 9.0, "fault": ""}, "answer": {"text": "…",
     "stopped": "end", "prompt_tokens": 911, "answer_tokens": 40}}
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from roleplay.authoring.asking import Answer, ChatModel, Prompt
from roleplay.errors import ContextFull, Fault, FileFaults, PromptRefused, StorageError
from roleplay.paths import shown, storing
from roleplay.text import one_line


@dataclass(frozen=True)
class Note:
    """What was asked about, and what was read out of the answer."""

    task: str
    """`propose`, `grade` or `replay`."""
    start: int | None = None
    """Where the passage begins, in characters of the book; `None` where there is none."""
    end: int | None = None
    """Where it ends."""
    turns: list[dict[str, str]] | None = None
    """The dialogue that was graded or answered, as an entry of the native format."""
    voice: float | None = None
    """Grade from 0 to 10: does it sound like the character?"""
    faithfulness: float | None = None
    """Grade from 0 to 10: does it keep to the passage?"""
    fault: str = ""
    """Why the answer is of no use; empty where it is."""


@dataclass(frozen=True)
class Record:
    """One line."""

    request: str
    """`Prompt.key` of the request."""
    model: str
    """Name of the model that answered."""
    note: Note
    """What it was about."""
    answer: Answer
    """What it said."""


@dataclass
class Spent:
    """Requests and tokens, counted while they are spent."""

    requests: int = 0
    """Sent by this command."""
    reused: int = 0
    """Answered from the journal instead."""
    prompt_tokens: int = 0
    """Sent by this command."""
    answer_tokens: int = 0
    """Received by this command."""


class Journal:
    """A file of answers, open for one process; `limit` is the most requests this time, `None` without end."""

    def __init__(self, path: Path, limit: int | None = None) -> None:
        self.path, self.limit = path, limit
        self.records: dict[str, Record] = {}
        self.spent = Spent()
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
        self._file: BinaryIO

    def __enter__(self) -> Self:
        with storing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except Timeout as error:
                raise StorageError(
                    f"another process is writing {shown(self.path)}; wait for it, stop it, or choose another --out"
                ) from error
            try:
                self._open()
            except BaseException:
                self._lock.release()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._lock.release()

    def ask(self, model: ChatModel, prompt: Prompt, note: Callable[[Answer], Note]) -> Answer | None:
        """The answer, from the journal where it has one; `None` where the cap on requests is reached.

        `note` tells what is to be written beside it. Raises what the model raises.
        """
        key = prompt.key(model.name)
        record = self.records.get(key)
        if record is not None:
            self.spent.reused += 1
            return record.answer
        if self.limit is not None and self.spent.requests >= self.limit:
            return None
        self.spent.requests += 1
        answer = self._answer(model, prompt)
        self.spent.prompt_tokens += answer.prompt_tokens
        self.spent.answer_tokens += answer.answer_tokens
        self._add(Record(key, model.name, note(answer), answer))
        return answer

    def _answer(self, model: ChatModel, prompt: Prompt) -> Answer:
        try:
            return model.answer(prompt)
        except (PromptRefused, ContextFull) as error:
            # One odd prompt of many is counted; where nothing was ever answered, something is wrong with all.
            if not any(r.model == model.name and r.answer.stopped != "refused" for r in self.records.values()):
                raise
            return Answer(str(error), "refused")

    def _open(self) -> None:
        self._file = self.path.open("a+b")
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):  # the line that a crash cut off
            self._file.truncate(whole)
        reader, faults = TypeAdapter(Record), []
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], 1):
            try:
                record = reader.validate_json(line)
            except ValidationError as error:
                problem = f"is no answer: {one_line(error.errors()[0]['msg'])}"
                remedy = "remove the line, and its request is sent again"
                faults.append(Fault(shown(self.path), number, "", problem, remedy))
                continue
            self.records[record.request] = record
        if faults:
            self._file.close()
            raise FileFaults(faults)

    def _add(self, record: Record) -> None:
        with storing(self.path):
            self._file.write(json.dumps(asdict(record), ensure_ascii=False).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        self.records[record.request] = record


def journal_path(out: Path) -> Path:
    """Where the journal of a corpus lies: beside it."""
    return out.with_name(f"{out.stem}.journal.jsonl")

"""The choices of a blind comparison on disk: all of them in a file, and as pairs in another.

`NAME-prefer-choices.jsonl` holds a choice a line, with its prompt, both replies and who said them: also ties, skipped
prompts, and replies that were the same. `NAME-prefer-pairs.jsonl` beside it holds what can be learned of that, as
`corpora.pairs` reads it. A choice is written into the first, then into the second, each of them whole or not at all;
where a crash came between the two, the pair is written at the next start.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from roleplay.chat.prefer.match import Choice
from roleplay.corpora.pairs import Pair, pair_lines, read_pairs
from roleplay.errors import Fault, FileFaults, UsageError
from roleplay.paths import shown, storing, write_file
from roleplay.strictyaml import read_utf8
from roleplay.text import one_line

_CHOICE = TypeAdapter(Choice)


def choices_beside(pairs: Path) -> Path:
    """The file of choices that belongs to a file of pairs. Raises UsageError where that is no place for pairs."""
    if pairs.suffix != ".jsonl":
        raise UsageError(f"--out {shown(pairs)} does not end in .jsonl; rename it")
    if pairs.is_dir():
        raise UsageError(f"--out {shown(pairs)} is a folder; name a file in it")
    return pairs.with_name(f"{pairs.stem.removesuffix('-pairs')}-choices.jsonl")


def read_choices(path: Path) -> list[Choice]:
    """Every choice of a file, none where there is no file. Raises FileFaults with all faults."""
    if not path.exists():
        return []
    choices, faults = [], []
    for number, line in enumerate(read_utf8(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            choices.append(_CHOICE.validate_json(line))
        except ValidationError as error:
            told = error.errors()[0]
            key = ".".join(map(str, told["loc"]))
            problem = f"is no choice: {one_line(told['msg'], 120)}"
            faults.append(Fault(shown(path), number, one_line(key), problem, "take the line out"))
    if faults:
        raise FileFaults(faults)
    return choices


class KeptChoices:
    """The two files; threads may share it."""

    def __init__(self, pairs: Path) -> None:
        """Read them, and write what a crash left out. Raises FileFaults, StorageError, UsageError."""
        self.path, self.pairs_path = choices_beside(pairs), pairs
        self.choices = read_choices(self.path)
        self._lock = threading.Lock()
        last = self.choices[-1].pair if self.choices else None
        own = self.pairs()
        if last is not None and last.identity not in {pair.identity for pair in own}:
            _add_line(self.pairs_path, _pair_line(last))

    def pairs(self) -> Sequence[Pair]:
        """What the file of pairs holds. Raises FileFaults."""
        return read_pairs(self.pairs_path) if self.pairs_path.exists() else ()

    def add(self, choice: Choice) -> None:
        """Keep a choice. Raises StorageError; then nothing is kept of it."""
        pair = choice.pair
        with self._lock:
            _add_line(self.path, _choice_line(choice))
            if pair is not None:
                try:
                    _add_line(self.pairs_path, _pair_line(pair))
                except BaseException:
                    _drop_line(self.path, _choice_line(choice))
                    raise
            self.choices.append(choice)

    def take_back(self, choice: Choice) -> None:
        """Forget a choice. Raises StorageError."""
        pair = choice.pair
        with self._lock:
            if pair is not None:
                _drop_line(self.pairs_path, _pair_line(pair))
            _drop_line(self.path, _choice_line(choice))
            self.choices.remove(choice)


def _choice_line(choice: Choice) -> bytes:
    return _CHOICE.dump_json(choice) + b"\n"


def _pair_line(pair: Pair) -> bytes:
    return next(iter(pair_lines([pair]))).encode()


def _add_line(path: Path, line: bytes) -> None:
    with storing(path):
        old = path.read_bytes() if path.exists() else b""
    write_file(path, old + (b"\n" if old and not old.endswith(b"\n") else b"") + line)


def _drop_line(path: Path, line: bytes) -> None:
    """Take the last line that is `line` out, if there is one; a file that holds nothing more goes, too."""
    with storing(path):
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        at = next((i for i in reversed(range(len(lines))) if lines[i] == line), None)
        if at is None:
            return
        del lines[at]
        if not lines:
            path.unlink()
            return
    write_file(path, b"".join(lines))

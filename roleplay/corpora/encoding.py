"""Bytes to text: UTF-8 where it is that, else UTF-16 or GB18030, found out without holding the file in memory."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown

LONGEST = 8 * 2**20
"""Most characters of one row: more than any dialogue or novel has, and little enough to hold."""

_CHUNK = 2**20
_SAMPLE = 2**16
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GUESSES = {"gb18030": "gb18030", "utf_16_le": "utf-16-le", "utf_16_be": "utf-16-be"}
_MESSIEST = 0.1
"""Above this share of unlikely characters a guess is worth nothing."""
# Bytes that the decoder could not read stand in its text as halves of surrogate pairs, or as U+FFFD in UTF-16.
_BROKEN = re.compile("[\udc80-\udcff]")
_BROKEN_16 = re.compile("\ufffd")


@dataclass(frozen=True)
class Encoding:
    """How the bytes of a file become text."""

    codec: str
    """Name that Python knows it by."""

    @property
    def name(self) -> str:
        """Name for a person."""
        return {"utf-8-sig": "UTF-8 with a byte-order mark"}.get(self.codec, self.codec.upper())

    @property
    def _wide(self) -> bool:
        return self.codec.startswith("utf-16")

    def open(self, path: Path) -> TextIO:
        """The file as text; every kind of line end becomes a newline, bytes out of place are marked."""
        try:
            return path.open(encoding=self.codec, errors="replace" if self._wide else "surrogateescape")
        except OSError as error:
            raise _unreadable(path, error) from error

    def broken(self, text: str) -> bool:
        """Whether bytes of `text` could not be read."""
        return (_BROKEN_16 if self._wide else _BROKEN).search(text) is not None


def find_encoding(path: Path) -> Encoding:
    """The encoding of a file. Raises FileFaults where it is none of those read here, or the file cannot be opened."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            for mark, codec in _MARKS:
                if head.startswith(mark):
                    return Encoding(codec)
            file.seek(0)
            at = _first_strange(iter(lambda: file.read(_CHUNK), b""))
            if at is None:
                return Encoding("utf-8")
            start = max(0, at - _SAMPLE // 2) // 2 * 2  # a character of UTF-16 begins at an even byte
            file.seek(start)
            sample = file.read(_SAMPLE)
    except OSError as error:
        raise _unreadable(path, error) from error
    return _guess(path, sample, sample.rfind(b"\n", 0, at - start) + 1, at)


def _first_strange(chunks: Iterator[bytes]) -> int | None:
    """Offset of the first byte that is not UTF-8, or that text does not hold; `None` if all is well."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    for chunk in chunks:
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return offset - pending + error.start
        if b"\0" in chunk:
            return offset + chunk.index(b"\0")
        offset += len(chunk)
    return offset - len(decoder.getstate()[0]) if decoder.getstate()[0] else None


def _guess(path: Path, sample: bytes, line: int, at: int) -> Encoding:
    """From a sample, the start of the first strange line in it, and the place of the first strange byte in the file."""
    text = sample.decode("utf-8", errors="replace")
    wrong = text.count("\ufffd")
    right = sum(char > "\x7f" for char in text) - wrong
    zeros = sample.count(b"\0")
    if right >= 4 * wrong and zeros * 50 < len(sample):
        return Encoding("utf-8")  # UTF-8 with some damage, which costs the rows it is in
    from charset_normalizer import from_bytes

    # A sample may end inside a character, which takes up to four bytes.
    for end in range(len(sample), max(len(sample) - 4, 0), -1):
        best = from_bytes(sample[0 if zeros else line : end], cp_isolation=list(_GUESSES)).best()
        # It names UTF-8 or ASCII where hardly a byte is left.
        if best is not None and best.encoding in _GUESSES and best.chaos <= _MESSIEST:
            return Encoding(_GUESSES[best.encoding])
    if wrong * 50 < len(text) and zeros * 50 < len(sample):
        return Encoding("utf-8")
    problem = f"is neither UTF-8 nor UTF-16 nor GB18030: first strange byte at offset {at}"
    raise FileFaults([Fault(shown(path), None, "", problem, "save the file as UTF-8")])


@dataclass(frozen=True)
class NumberedLine:
    """One line of a file."""

    number: int
    """Counted from 1."""
    text: str | None
    """Without its newline; `None` if it is longer than `LONGEST`."""


def numbered_lines(file: TextIO) -> Iterator[NumberedLine]:
    """Every line of a text file, one in memory at a time."""
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        whole = line.endswith("\n") or len(line) <= LONGEST
        while not line.endswith("\n") and len(line) > LONGEST:
            line = file.readline(LONGEST + 1)
        yield NumberedLine(number, line.removesuffix("\n") if whole else None)


def _unreadable(path: Path, error: OSError) -> FileFaults:
    remedy = "check the path and its permissions"
    return FileFaults([Fault(shown(path), None, "", f"cannot be read: {error.strerror}", remedy)])

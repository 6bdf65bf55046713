"""Search in the books of a character, and what building its index takes."""

import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roleplay.knowledge.build import Source, build
from roleplay.knowledge.passage import Block
from roleplay.knowledge.search import Index
from roleplay.paths import shipped

SIZES = (10_000, 100_000)
"""Passages of the indexes that are asked."""
_DIMENSION = 384
_VOCABULARY = 20_000
_SYLLABLES = "ba den fir gol hus ker lam mon nat pel ris sta tor vin wel"
_SIGNS = "的了是在不有人这上大来和我到说时们为子他就出会可也你对生能下过自之年发后作里用道行所然家种事成方多"
_BOOK = 100 * 2**20
"""Bytes of the text that is built of one file."""


class _Drawn:
    """An embedder whose vectors are drawn from the text: search costs the same whatever they mean."""

    name, reference, dimension = "drawn", "drawn", _DIMENSION

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [hash(text) & 0xFFFFFFFF for text in texts]
        vectors = np.stack([np.random.default_rng(seed).standard_normal(_DIMENSION, np.float32) for seed in seeds])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    questions = passages


class _Writer:
    """Chinese and English in which words are as common and as rare as in books (Zipf)."""

    def __init__(self, seed: int = 0) -> None:
        self.drawn = random.Random(seed)
        parts, signs = _SYLLABLES.split(), _SIGNS + "".join(map(chr, range(0x4E00, 0x5600)))
        rare = list(accumulate(1 / (rank + 10) for rank in range(len(signs))))
        lengths = range(_VOCABULARY)
        self.en = [_spelled(number + 1, parts) for number in lengths]
        self.zh = ["".join(self.drawn.choices(signs, cum_weights=rare, k=(1, 2, 2, 3)[n % 4])) for n in lengths]
        self._weights = list(accumulate(1 / (rank + 5) for rank in lengths))

    def words(self, vocabulary: list[str], count: int) -> list[str]:
        return self.drawn.choices(vocabulary, cum_weights=self._weights, k=count)

    def paragraph(self, number: int) -> str:
        """About 700 bytes; every second one is Chinese."""
        if number % 2:
            return " ".join(f"{' '.join(self.words(self.en, 12)).capitalize()}." for _ in range(10))
        return "".join(f"{''.join(self.words(self.zh, 6))}，{''.join(self.words(self.zh, 6))}。" for _ in range(9))

    def question(self, number: int) -> str:
        if number % 2:
            return " ".join(self.words(self.en, 10)).capitalize() + "?"
        return "".join(self.words(self.zh, 9)) + "？"


def search_in_many_passages() -> None:
    """Milliseconds a question, by words, by vectors and by both, alone and with the two turns before it."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path, writer = Path(folder) / "bench.sqlite3", _Writer()
            begun = time.perf_counter()

            def blocks(_: Path, size: int = size, writer: _Writer = writer) -> Iterator[Block]:
                for number in range(size):  # a heading before each, so that each is one passage
                    yield Block("heading", f"{writer.paragraph(number)[:12]} {number}", number * 1000, level=1)
                    yield Block("paragraph", writer.paragraph(number), number * 1000 + 100)

            _build(path, blocks, lambda text: len(text) // 8, _Drawn())
            print(f"{size:,} passages with vectors of {_DIMENSION}: built in {time.perf_counter() - begun:.0f} s")
            with Index(path) as index:
                begun = time.perf_counter()
                index.search("one", embedder=_Drawn())
                print(f"  the first question, which reads the vectors: {_ms(begun):.0f} ms")
                for turns in (1, 3):
                    _ask(index, writer, turns)


def _spelled(number: int, parts: list[str]) -> str:
    """A number as a word of its own; a common word is short."""
    return (_spelled(number // len(parts), parts) if number >= len(parts) else "") + parts[number % len(parts)]


def _ask(index: Index, writer: _Writer, turns: int) -> None:
    ways = {"words": (None, True), "vectors": (_Drawn(), False), "both": (_Drawn(), True)}
    for name, (embedder, text) in ways.items():
        times = []
        for number in range(60):
            asked = [writer.question(number + turn) for turn in range(turns)]
            begun = time.perf_counter()
            index.search(asked, embedder=embedder, text=text)
            times.append(_ms(begun))
        median, high = statistics.median(times), sorted(times)[56]
        print(f"  {name:<8} {turns} turn{'s' * (turns > 1)}: median {median:.1f} ms, 95 % below {high:.1f} ms")


def build_of_a_large_book() -> None:
    """Seconds, megabytes a second and memory for 100 MB of text, in a process of its own."""
    subprocess.run([sys.executable, "-m", "tests.bench.knowledge", "book"], check=True)


def _large_book() -> None:
    from transformers import AutoTokenizer

    from roleplay.knowledge.read.document import read_document

    tokenizer = AutoTokenizer.from_pretrained(shipped() / "data" / "pocket").backend_tokenizer

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    with tempfile.TemporaryDirectory() as folder:
        book, writer = Path(folder) / "book.txt", _Writer()
        with book.open("w", encoding="utf-8") as file:
            while (size := file.tell()) < _BOOK:
                for number in range(100):
                    file.write(writer.paragraph(number) + "\n\n")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        begun = time.perf_counter()
        path = Path(folder) / "bench.sqlite3"
        built = build(path, [Source("book.txt", book)], read_document, count, None, tokenizer="pocket")
        seconds, size = time.perf_counter() - begun, size / 10**6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{size:.0f} MB of text in one file: {built.passages:,} passages in {seconds:.0f} s ({size / seconds:.1f} "
            f"MB/s), index {os.path.getsize(path) / 1e6:.0f} MB, memory {peak} MB, {before} MB of them before "
            "(goal: below 1,000)"
        )


def _build(path: Path, read: Callable[[Path], Iterator[Block]], count: Callable[[str], int], embedder: _Drawn) -> None:
    build(path, [Source("book", Path(__file__))], read, count, embedder, tokenizer="bench", overlap=0)


def _ms(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    if sys.argv[1:] == ["book"]:
        _large_book()
    else:
        search_in_many_passages()
        build_of_a_large_book()

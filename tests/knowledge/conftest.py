"""What tests of an index share: small files, a reader and an embedder of their own, a way to build."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from roleplay.errors import Fault, FileFaults
from roleplay.knowledge.build import Built, build
from roleplay.knowledge.passage import Block
from roleplay.knowledge.source import Source
from roleplay.text import fingerprint


class Bag:
    """An embedder without a model: a vector counts letters, in `dimension` boxes; it notes what it was given."""

    def __init__(self, name: str = "bag", dimension: int = 64) -> None:
        self.name, self.reference, self.dimension = name, f"/models/{name}", dimension
        self.given: list[str] = []

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.given += texts
        return self.questions(texts)

    def questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for letter in text.lower():
                vectors[row, (ord(letter) * 31) % self.dimension] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def count(text: str) -> int:
    """Latin words, and other characters one by one."""
    return len(re.findall(r"[a-zA-Z]+|[^\sa-zA-Z]", text))


def read(path: Path) -> Iterator[Block]:
    """A paragraph a line, `# ` before a heading; the word FAULT ends it."""
    at = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        text = line.lstrip("# ").strip()
        if text == "FAULT":
            raise FileFaults([Fault(path.name, number, "", "holds 'FAULT'", "take it out")])
        if text:
            heading = line.startswith("#")
            kind = "heading" if heading else "paragraph"
            yield Block(kind, text, at, level=int(heading), line=number)  # type: ignore[arg-type]
        at += len(line) + 1


class World:
    """Files in a folder, and the index that is built of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = folder / "home" / "knowledge" / "mira.sqlite3"
        self.read_files: list[str] = []
        self.told: list[tuple[int, int, str]] = []

    def write(self, **texts: str) -> None:
        """Write files by name, without their ending."""
        for name, text in texts.items():
            (self.folder / f"{name}.md").write_text(text, encoding="utf-8")

    @property
    def sources(self) -> list[Source]:
        return [Source(path.name, path) for path in sorted(self.folder.glob("*.md"))]

    def build(self, embedder: Any = None, **options: Any) -> Built:
        """Build; `read_files` then names what was read this time."""
        self.read_files, self.told = [], []

        def noting(path: Path) -> Iterator[Block]:
            self.read_files.append(path.name)
            yield from read(path)

        options = {"tokenizer": "words", "budget": 20, "overlap": 0, "sources": self.sources, "read": noting} | options
        report: Callable[[int, int, str], None] = lambda *told: self.told.append(told)  # noqa: E731
        return build(self.index, count=count, embedder=embedder, report=report, **options)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.folder.mkdir()
    return made


def says(path: Path) -> str:
    """A hash of a file and of what SQLite keeps beside it."""
    return "".join(fingerprint(found.read_bytes()) for found in sorted(path.parent.glob(f"{path.name}*")))

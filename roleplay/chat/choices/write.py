"""The files of choices: a corpus of kept replies, and pairs for tuning here or elsewhere."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from roleplay.cards.model import Card
from roleplay.chat.choices.prompts import written_out
from roleplay.corpora.pairs import Pair, pair_lines
from roleplay.corpora.ranking import ranking_lines
from roleplay.corpora.write import native_lines, native_yaml
from roleplay.dialogue import Dialogue
from roleplay.errors import StorageError, UsageError
from roleplay.paths import shown, whole_file

Form = Literal["native", "alpaca", "sharegpt", "kto"]
FORMS: tuple[Form, ...] = ("native", "alpaca", "sharegpt", "kto")
"""Forms of a file of pairs: that of `corpora.pairs`, or those of `corpora.ranking` with the prompt written out."""


def check_pairs_place(path: Path, *, force: bool) -> None:
    """Refuse a wrong ending, a folder, and what is there already. Raises UsageError or StorageError."""
    if path.suffix != ".jsonl":
        raise UsageError(f"--pairs {shown(path)} does not end in .jsonl; rename it")
    if path.is_dir():
        raise UsageError(f"--pairs {shown(path)} is a folder; name a file in it")
    if path.exists() and not force:
        raise StorageError(f"{shown(path)} is there already; add --force to replace it, or choose another --pairs")


def write_dialogues(path: Path, dialogues: Sequence[Dialogue], about: str) -> None:
    """A native corpus, each YAML entry with the place it comes from. Raises StorageError; nothing is written half."""
    if path.suffix == ".jsonl":
        _write(path, native_lines(dialogues))
    else:
        entries = "\n".join(native_yaml([dialogue], dialogue.source) for dialogue in dialogues)
        _write(path, iter([f"# {about}\n\n", entries]))


def write_choices(path: Path, pairs: Sequence[Pair], form: Form, card: Card) -> None:
    """A file of pairs. Raises StorageError; nothing is written half."""
    _write(path, pair_lines(pairs) if form == "native" else ranking_lines(written_out(card, pairs), form))


def _write(path: Path, lines: Iterator[str]) -> None:
    with whole_file(path) as file:
        file.writelines(line.encode() for line in lines)

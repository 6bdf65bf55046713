"""The token ids of a source, computed once for all stages, passes and slices of a pretraining."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from roleplay.paths import write_file
from roleplay.pocket.mixture import SYSTEM_PROMPTS, Row, language_of, split_source
from roleplay.pocket.tokenizer import END_OF_TEXT

Ids = NDArray[np.uint16]
_AT_ONCE = 2_000
"""Rows that a tokenizer is given at once: it spreads them over the cores."""
_PLAIN = -1


@dataclass(frozen=True)
class Tokens:
    """Rows of one source as token ids, one after another."""

    ids: Ids
    """All of them, (N,)."""
    ends: NDArray[np.int64]
    """Where each row ends in `ids`, (rows,)."""
    prompts: NDArray[np.int8]
    """Which language's neutral system prompts may come before each row, an index of `SYSTEM_PROMPTS`; -1: none."""

    def row(self, number: int) -> Ids:
        """Token ids of one row."""
        return self.ids[self.ends[number - 1] if number else 0 : self.ends[number]]


def render(row: Row, tokenizer: PreTrainedTokenizerBase) -> str:
    """The training text of a row: as it is, or in the chat template."""
    return (row if isinstance(row, str) else str(tokenizer.apply_chat_template(row, tokenize=False))) + END_OF_TEXT


def prompt_ids(tokenizer: PreTrainedTokenizerBase) -> list[list[Ids]]:
    """Ids of the neutral system prompts, by language in the order of `SYSTEM_PROMPTS`.

    Before the ids of a chat they are the ids of the whole: a control token ends one and begins the other.
    """

    def ids(text: str) -> Ids:
        rendered = tokenizer.apply_chat_template([{"role": "system", "content": text}], tokenize=False)
        return np.asarray(tokenizer(rendered, add_special_tokens=False)["input_ids"], dtype=np.uint16)

    return [[ids(text) for text in texts] for texts in SYSTEM_PROMPTS.values()]


def tokenize(rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase) -> Tokens:
    """The ids of rows, which cores share."""
    parts: list[Ids] = []
    for begin in range(0, len(rows), _AT_ONCE):
        texts = [render(row, tokenizer) for row in rows[begin : begin + _AT_ONCE]]
        found = tokenizer(texts, add_special_tokens=False)["input_ids"]
        parts += [np.asarray(ids, dtype=np.uint16) for ids in found]
    languages = list(SYSTEM_PROMPTS)
    prompts = [
        _PLAIN if isinstance(row, str) or row[0]["role"] == "system" else languages.index(language_of(row))
        for row in rows
    ]
    return Tokens(
        np.concatenate([np.zeros(0, np.uint16), *parts]),
        np.cumsum([len(part) for part in parts], dtype=np.int64),
        np.asarray(prompts, dtype=np.int8),
    )


def tokens_of(
    name: str, *, heldout: bool, text: Path, chats: Path, tokenizer: PreTrainedTokenizerBase, kept: Path
) -> Tokens:
    """The trained or the held-out rows of a source, read from `kept` where the same tokenizer wrote them there."""
    mark = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()[:12]
    path = kept / f"{name}-{'heldout' if heldout else 'trained'}-{mark}.npz"
    if not path.exists():
        made = tokenize(split_source(text, chats, name)[heldout], tokenizer)
        buffer = io.BytesIO()
        np.savez(buffer, ids=made.ids, ends=made.ends, prompts=made.prompts)
        kept.mkdir(parents=True, exist_ok=True)
        write_file(path, buffer.getvalue())
    with np.load(path) as arrays:
        return Tokens(arrays["ids"], arrays["ends"], arrays["prompts"])

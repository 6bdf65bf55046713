"""Text sources of `pocket` and the packed token matrices cut from them."""

import hashlib
import json
import lzma
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from roleplay.corpora.native import read_native
from roleplay.dialogue import Dialogue
from roleplay.pocket.tokenizer import END_OF_TEXT

Messages = list[dict[str, str]]

OWN_CHATS = "own_chats"
"""The dialogues written for `pocket`, in the checkout."""

HELDOUT = {
    "zh": ["zh_chat_counselling", "zh_chat_misc"],
    "en": ["en_chat"],
    "own": [OWN_CHATS],
}
"""Held-out text is everyday chat: these sources, by language, and what was written for `pocket` in both."""

SYSTEM_PROMPTS = {
    "zh": [
        "你是一个耐心的助手。",
        "你是一位温和的倾听者，回答要具体。",
        "你是一个友好的聊天伙伴。",
        "请用中文简短地回答。",
        "你是用户的朋友，说话自然一些。",
        "认真听对方说话，然后回答。",
        "你是一个乐于助人的人，语气轻松。",
        "下面是一段日常对话，请继续。",
    ],
    "en": [
        "You are a helpful assistant.",
        "You are a friendly chat partner.",
        "Answer briefly and kindly.",
        "You are talking with a friend.",
        "Listen well and answer in plain English.",
        "You like to talk about everyday things.",
        "Continue this conversation.",
        "You are curious and polite.",
    ],
}
"""Neutral system prompts put before half of the chats that have none, so that their absence also stays ordinary."""

UNFIT = ("自杀", "自残", "猥亵", "强奸", "性侵", "性交", "[name", "[user", "(user", "[your", "(name")
"""A chat with one of these is left out: harm, or a gap left by its makers."""


def read_source(folder: Path, chats: Path, name: str) -> list[str | Messages]:
    """Rows of a source: plain text, or the messages of one chat."""
    if name == OWN_CHATS:
        return [as_messages(dialogue) for dialogue in own_chats(chats, "*")]
    rows: list[str | Messages] = []
    with lzma.open(folder / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            if any(word in line for word in UNFIT):
                continue
            row = json.loads(line)
            rows.append(row["text"] if "text" in row else row["messages"])
    return rows


def own_chats(chats: Path, language: str) -> list[Dialogue]:
    """What was written for `pocket` in `language`, a file's name or `*`."""
    return [d for path in sorted(chats.glob(f"{language}.yaml")) for d in read_native(path, allow_system=True)]


def as_messages(dialogue: Dialogue) -> Messages:
    """A dialogue as a chat template takes it."""
    return [{"role": turn.role, "content": turn.text} for turn in dialogue.turns]


def split_source(folder: Path, chats: Path, name: str) -> tuple[list[str | Messages], list[str | Messages]]:
    """Rows of a source that are trained, and those that are held out."""
    parts: tuple[list[str | Messages], list[str | Messages]] = [], []
    for row in read_source(folder, chats, name):
        parts[is_heldout(row, name)].append(row)
    return parts


def heldout_rows(folder: Path, chats: Path, kind: str) -> list[str | Messages]:
    """Held-out chats of one kind, a key of `HELDOUT`."""
    return [row for name in HELDOUT[kind] for row in split_source(folder, chats, name)[1]]


def is_heldout(row: str | Messages, source: str) -> bool:
    """One row in a hundred, of what was written for `pocket` one in ten, by a stable hash of its text."""
    text = row if isinstance(row, str) else "\n".join(message["content"] for message in row)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % (10 if source == OWN_CHATS else 100) == 0


def tokenizer_texts(folder: Path, sources: list[str], megabytes: float, seed: int) -> Iterator[str]:
    """Equal shares of every source, `megabytes` of UTF-8 in all."""
    share = megabytes * 1e6 / len(sources)
    for name in sources:
        rows = read_source(folder, Path(), name)
        random.Random(seed).shuffle(rows)
        taken = 0
        for row in rows:
            text = row if isinstance(row, str) else "\n".join(message["content"] for message in row)
            yield text
            taken += len(text.encode())
            if taken >= share:
                break


def render_row(row: str | Messages, tokenizer: PreTrainedTokenizerBase, draw: random.Random) -> str:
    """The training text of a row: as it is, or in the chat template, half of the time behind a system prompt."""
    if isinstance(row, str):
        return row + END_OF_TEXT
    if row[0]["role"] != "system" and draw.random() < 0.5:
        language = "zh" if re.search("[\u4e00-\u9fff]", row[0]["content"]) else "en"
        row = [{"role": "system", "content": draw.choice(SYSTEM_PROMPTS[language])}, *row]
    return str(tokenizer.apply_chat_template(row, tokenize=False)) + END_OF_TEXT


def pack(texts: Iterator[str], tokenizer: PreTrainedTokenizerBase, tokens: int) -> NDArray[np.uint16]:
    """The first `tokens` token ids of `texts`, one after another: shape (tokens,)."""
    ids: list[int] = []
    while len(ids) < tokens:
        ids.extend(tokenizer(next(texts), add_special_tokens=False)["input_ids"])
    return np.asarray(ids[:tokens], dtype=np.uint16)


def stage_matrix(
    folder: Path,
    chats: Path,
    mixture: dict[str, float],
    tokenizer: PreTrainedTokenizerBase,
    *,
    sequence: int,
    tokens: int,
    seed: int,
) -> NDArray[np.uint16]:
    """Training sequences of one stage in random order: shape (tokens // sequence, sequence)."""
    total = sum(mixture.values())
    blocks = []
    for name, share in mixture.items():
        rows = split_source(folder, chats, name)[0]
        wanted = int(tokens * share / total) // sequence * sequence
        texts = _forever(rows, tokenizer, random.Random(f"{seed}/{name}"))
        blocks.append(pack(texts, tokenizer, wanted).reshape(-1, sequence))
    matrix = np.concatenate(blocks)
    return matrix[np.random.default_rng(seed).permutation(len(matrix))]


def _forever(rows: list[str | Messages], tokenizer: PreTrainedTokenizerBase, draw: random.Random) -> Iterator[str]:
    if not rows:
        raise ValueError("a source of the mixture has no rows; check the folder of texts and that of the chats")
    while True:
        draw.shuffle(rows)
        for row in rows:
            yield render_row(row, tokenizer, draw)


def heldout_matrix(
    folder: Path, chats: Path, kind: str, tokenizer: PreTrainedTokenizerBase, *, sequence: int, tokens: int
) -> NDArray[np.uint16]:
    """Held-out chat of one kind: shape (tokens // sequence, sequence)."""
    rows = heldout_rows(folder, chats, kind)
    draw = random.Random(0)
    draw.shuffle(rows)
    return pack(_forever(rows, tokenizer, draw), tokenizer, tokens).reshape(-1, sequence)

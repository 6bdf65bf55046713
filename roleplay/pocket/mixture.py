"""Text sources of `pocket`: their rows, which are held out, and the system prompts put before chats."""

import hashlib
import json
import lzma
import random
import re
from collections.abc import Iterator
from pathlib import Path

from roleplay.corpora.native import read_native
from roleplay.dialogue import Dialogue
from roleplay.errors import NotFound
from roleplay.paths import shown

Messages = list[dict[str, str]]
Row = str | Messages
"""Plain text, or the messages of one chat."""

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
        "不知道的事情就说不知道。",
        "像老朋友一样聊天，不要说教。",
        "先听完，再说你的看法。",
        "回答不超过两句话。",
        "你会记住对方说过的话。",
        "你说话慢，想好了再说。",
        "对方可能心情不好，请温柔一点。",
        "这是两个人的闲聊，轮到你说话。",
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
        "If you do not know something, say so.",
        "Talk like an old friend, and do not lecture.",
        "Hear the other person out before you say what you think.",
        "Use two sentences at most.",
        "You remember what you are told.",
        "You speak slowly and choose your words.",
        "The other person may be sad. Be gentle.",
        "Two people are chatting, and it is your turn.",
    ],
}
"""Neutral system prompts put before half of the chats that have none, so that their absence also stays ordinary."""

UNFIT = ("自杀", "自残", "猥亵", "强奸", "性侵", "性交", "[name", "[user", "(user", "[your", "(name")
"""A chat with one of these is left out: harm, or a gap left by its makers."""


def read_source(folder: Path, chats: Path, name: str) -> list[Row]:
    """Rows of a source: plain text, or the messages of one chat."""
    if name == OWN_CHATS:
        return [as_messages(dialogue) for dialogue in own_chats(chats)]
    rows: list[Row] = []
    for line in fit_lines(folder, name):
        row = json.loads(line)
        rows.append(row["text"] if "text" in row else row["messages"])
    return rows


def fit_lines(folder: Path, name: str) -> Iterator[str]:
    """Lines of a source's file that are not left out, as they stand there. Raises NotFound."""
    path = folder / f"{name}.jsonl.xz"
    if not path.is_file():
        raise NotFound(f"{shown(path)} is missing; name the folder of the sources with --text (docs/pocket.md)")
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from (line for line in lines if not any(word in line for word in UNFIT))


def own_chats(chats: Path, language: str = "") -> list[Dialogue]:
    """What was written for `pocket`, in one language or in all: the files whose names begin with it."""
    return [d for path in sorted(chats.glob(f"{language}*.yaml")) for d in read_native(path, allow_system=True)]


def as_messages(dialogue: Dialogue) -> Messages:
    """A dialogue as a chat template takes it."""
    return [{"role": turn.role, "content": turn.text} for turn in dialogue.turns]


def split_source(folder: Path, chats: Path, name: str) -> tuple[list[Row], list[Row]]:
    """Rows of a source that are trained, and those that are held out."""
    parts: tuple[list[Row], list[Row]] = [], []
    for row in read_source(folder, chats, name):
        parts[is_heldout(row, name)].append(row)
    return parts


def heldout_rows(folder: Path, chats: Path, kind: str) -> list[Row]:
    """Held-out chats of one kind, a key of `HELDOUT`."""
    return [row for name in HELDOUT[kind] for row in split_source(folder, chats, name)[1]]


def is_heldout(row: Row, source: str) -> bool:
    """One row in a hundred, of what was written for `pocket` one in ten, by a stable hash of its text."""
    return drawn(row) % (10 if source == OWN_CHATS else 100) == 0


def drawn(row: Row) -> int:
    """A number below 2^32 by a stable hash of what a row says."""
    return int.from_bytes(hashlib.sha256(spoken(row).encode()).digest()[:4], "big")


def spoken(row: Row) -> str:
    """What a row says, without roles."""
    return row if isinstance(row, str) else "\n".join(message["content"] for message in row)


def language_of(row: Row) -> str:
    """`zh` where a row begins with something Chinese, else `en`."""
    first = row if isinstance(row, str) else row[0]["content"]
    return "zh" if re.search("[\u4e00-\u9fff]", first) else "en"


def tokenizer_texts(folder: Path, sources: list[str], megabytes: float, seed: int) -> Iterator[str]:
    """Equal shares of every source, `megabytes` of UTF-8 in all."""
    share = megabytes * 1e6 / len(sources)
    for name in sources:
        rows = read_source(folder, Path(), name)
        random.Random(seed).shuffle(rows)
        taken = 0
        for row in rows:
            yield spoken(row)
            taken += len(spoken(row).encode())
            if taken >= share:
                break

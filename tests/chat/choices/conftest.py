"""A character without corpora, chats with it, and what was chosen there."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.choices.collect import Choices, collect
from roleplay.chat.question import Question
from roleplay.chat.store import ChatStore
from roleplay.corpora.pairs import Pair
from roleplay.generation.lanes import Lane
from tests.chat.scripted import Scripted

MIRA = """\
schema: 1
name: mira
display_name: Mira
language: en
greeting: Soup's on.
prefixes:
  - {id: who, text: "You are {{char}}."}
  - {id: late, text: It is late., default: false}
"""


A = {"text": "Leek, as ever."}
B = {"text": "There is none."}


class Backwards(Scripted):
    """Lanes after the first say it backwards."""

    @staticmethod
    def words(text: str, lane: Lane, question: Question) -> str:
        return text if lane == question.asks[0].lane else text[::-1]


@pytest.fixture
def store() -> ChatStore:
    return ChatStore(Path(":memory:"))


@pytest.fixture
def mira(tmp_path: Path) -> CardFile:
    (tmp_path / "mira.yaml").write_text(MIRA, encoding="utf-8")
    return load_card(tmp_path / "mira.yaml")


@pytest.fixture
def chosen(store: ChatStore, mira: CardFile) -> Callable[..., Choices]:
    def collected(chats: Sequence[int] | None = None, since: float | None = None) -> Choices:
        return collect(store, mira, chats, since=since, out=mira.path.with_name("chats.yaml"))

    return collected


def told(pairs: Sequence[Pair]) -> list[tuple[str, str, str]]:
    return [(pair.why, pair.chosen, pair.rejected) for pair in pairs]


def said(found: Choices) -> list[list[str]]:
    return [[turn.text for turn in dialogue.turns] for dialogue in found.dialogues]


def place(store: ChatStore, *replies: dict[str, object], kept: int = 0, character: str = "mira") -> list[int]:
    """A chat with one question and these replies; that at `kept` is on the path. Numbers of the replies."""
    chat = store.new_chat(character)
    user = store.add(chat, None, "user", "Which soup?")
    numbers = []
    for reply in replies:
        values = {"lane": "persona+prefix", "stopped": "end"} | reply
        text, deleted = str(values.pop("text")), values.pop("deleted", False)
        if isinstance(values.get("origin"), int):
            values["origin"] = numbers[int(str(values["origin"]))]
        numbers.append(store.add(chat, user, "assistant", text, **values))  # type: ignore[arg-type]
        if deleted:
            store.mark(numbers[-1], beside=False, taken=False, deleted=True)
    store.move_head(chat, numbers[kept])
    return numbers

"""The list of characters and conversations, and the way from one to another."""

from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui.person import MIRA, YUKI, Person, meet, play, stored, write_card
from tests.tui.script import Gate, Reply
from tui.chat_screen import ChatScreen


def said_before(store: ChatStore, character: str, *texts: str) -> int:
    """A kept conversation: the person and the character by turns."""
    chat = store.new_chat(character)
    parent = None
    for i, text in enumerate(texts):
        lane = "persona+prefix" if i % 2 else None
        role = "assistant" if i % 2 else "user"
        parent = store.add(
            chat, parent, role, text, lane=lane, prefixes=["who"] if i % 2 else [], stopped="end" if i % 2 else None
        )
    return chat


@pytest.fixture
def both(mira: CardFile) -> CardFile:
    """Beside Mira lives Yuki, and a card that is faulty."""
    folder = mira.path.parent
    (folder / "bad.yaml").write_text("schema: 1\nname: bad\nlanguage: 7\ncolour: red\n")
    write_card(folder, YUKI)
    return mira


def test_the_list_tells_what_each_character_has(both: CardFile, home: Home, store: ChatStore) -> None:
    said_before(store, "mira", "Old question", "Old reply")
    said_before(store, "mira", "New question", "New reply", "And?", "So.")

    async def story(person: Person) -> None:
        await person.sees("bad  bad · project", "3 faults: roleplay cards check bad")
        await person.sees("Mira  mira · project", "Cooks soup at the harbour.", "no adapter · 2 conversations")
        await person.sees("雪  yuki · project", "看守灯塔的人。", "no adapter · 0 conversations")
        await person.sees("a new conversation", "New question", "2 messages", "Old question", "1 message")
        assert person.text.index("New question") < person.text.index("Old question")
        await person.press("down")
        await person.sees_no("New question")

    play(meet(home, name=None, kept=True), story, (120, 40))


def test_an_adapter_is_told_in_the_list(both: CardFile, home: Home) -> None:
    folder = home.runs / "mira" / "first" / "adapter" / "best"
    folder.mkdir(parents=True)
    (home.runs / "mira" / "first" / "summary.json").write_text("{}")
    identity = '{"name": "pocket", "revision": null, "config": "", "tokenizer": "", "template": "", "weights": null}'
    (folder / "roleplay.json").write_text(
        f'{{"character": "mira", "base": {identity}, "run": "first", "step": 30, "heldout_loss": 1.0}}'
    )

    async def story(person: Person) -> None:
        await person.sees("adapter mira/first@30 · 0")

    play(meet(home, name=None), story)


def test_a_character_is_chosen_at_the_start(both: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("Who do you want to talk to?", "a new conversation")
        await person.press("down", "enter")
        await person.sees("Say something to 雪", "mira/first@30")
        await person.says("hi")
        await person.sees("灯还亮着。")

    play(meet(home, name=None, also={"yuki": ["灯还亮着。"]}), story)


def test_a_faulty_character_cannot_be_chosen(both: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("3 faults", "a new conversation")
        await person.press("up", "up", "enter")
        await person.until(lambda: any(isinstance(screen, ChatScreen) for screen in person.app.screen_stack))
        await person.sees_no("3 faults")
        assert not person.chat.holds("bad")

    play(meet(home, name=None), story)


def test_escape_leads_back_to_the_chat_as_it_was(both: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("half")
        await person.press(*"draft", "ctrl+o")
        await person.sees("a new conversation")
        gate.open()
        await person.press("escape")
        await person.sees("half and whole", "draft")
        await person.press("!")
        assert person.prompt.text == "draft!"

    play(meet(home, Reply(["half", gate, " and whole"])), story)


def test_another_conversation_is_gone_on_with(both: CardFile, home: Home, store: ChatStore) -> None:
    said_before(store, "mira", "Old question", "Old reply")

    async def story(person: Person) -> None:
        await person.says("Now")
        await person.sees("First.")
        await person.hears_out()
        await person.press("ctrl+o")
        await person.sees("Old question", "a new conversation")
        await person.press("right", "down", "down", "enter")
        await person.sees("Old reply", "Say something to Mira")
        assert "First." not in person.text
        await person.says("Go on")
        await person.sees("Second.")
        await person.hears_out(2)
        heard = [turn.text for turn in person.script.questions[-1].asks[0].turns]
        assert heard == ["Old question", "Old reply", "Go on"]
        assert [text for text, _ in stored(store, 1)] == ["Old question", "Old reply", "Go on", "Second."]

    play(meet(home, "First.", "Second.", kept=True), story)


def test_the_same_character_begins_a_new_conversation(both: CardFile, home: Home, store: ChatStore) -> None:
    async def story(person: Person) -> None:
        await person.says("Now")
        await person.sees("First.")
        await person.hears_out()
        script = person.script
        await person.press("ctrl+o")
        await person.sees("a new conversation")
        await person.press("enter")
        await person.sees_no("First.")
        await person.says("Anew")
        await person.sees("Second.")
        await person.hears_out(2)
        assert person.script is script, "the model stays loaded"
        assert [text for text, _ in stored(store, 2)] == ["Soup's on, Tom.", "Anew", "Second."]

    play(meet(home, "First.", "Second.", kept=True), story)


def test_another_character_takes_the_place_of_the_former(both: CardFile, home: Home, store: ChatStore) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("Now")
        await person.sees("half")
        script = person.script
        await person.press("ctrl+o")
        await person.sees("看守灯塔的人。", "a new conversation")
        await person.press("down", "enter")
        await person.sees("Say something to 雪", "你是雪。")
        await person.until(script.closed.is_set, "for the former model to be let go")
        assert "half" not in person.text
        await person.says("hi")
        await person.sees("灯还亮着。")
        await person.press("ctrl+o")
        await person.sees("Mira", "a new conversation")
        await person.press("escape")
        await person.sees("灯还亮着。")

    play(meet(home, Reply(["half", gate]), kept=True, also={"yuki": ["灯还亮着。"]}), story)
    assert stored(store, 1)[-1][0] == "half"
    assert stored(store, 2)[-1] == ("灯还亮着。", "end")


def test_without_any_character_the_list_says_how_to_make_one(project: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("No characters yet: write one to ./characters/<name>.yaml")
        await person.press("enter", "right", "enter", "escape")
        assert not person.app._exit

    play(meet(home, name=None), story)


def test_a_card_that_became_faulty_since_it_was_listed_is_told(both: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("看守灯塔的人。", "a new conversation")
        (both.path.parent / "yuki.yaml").write_text(YUKI.replace("language: zh", "language: 7"), encoding="utf-8")
        await person.press("down", "enter")
        await person.is_told("language")
        await person.sees("Who do you want to talk to?")

    play(meet(home, name=None), story)


def test_a_card_that_became_faulty_leaves_the_running_chat_alone(both: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Soup.")
        await person.press("ctrl+o")
        await person.sees("看守灯塔的人。", "a new conversation")
        (both.path.parent / "yuki.yaml").write_text(MIRA, encoding="utf-8")
        await person.press("down", "enter")
        await person.until(lambda: person.app._exit or person.app._notifications, "for the fault to be told")
        assert not person.app._exit

    play(meet(home, "Soup."), story)

"""Panels over the chat: what was sent, the lens, settings, adapters, finding."""

import json
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui import strangers
from tests.tui.person import MIRA, YUKI, Person, meet, play, write_card
from tests.tui.script import Gate, Reply
from tests.tui.test_hostile_screens import harmless
from tui.app import ChatApp

SMALL = (80, 24)
"""Quickly drawn."""


async def opens(person: Person, key: str, seen: str) -> None:
    """Press a key when the character is loaded, and wait for its panel."""
    await person.sees("mira/first@30")
    await person.press(key)
    await person.sees(seen)


async def closes(person: Person, *keys: str) -> None:
    """Leave the panel."""
    await person.press(*keys)
    await person.until(lambda: person.app.screen is person.chat)


# --- what was sent ---


def test_what_was_sent_is_shown_lane_by_lane_as_text_tokens_and_ids(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person, "f2", "nothing was said yet, so nothing was sent")
        await closes(person, "f2")
        person.chat.talk.show_lanes(["persona+prefix", "base"])
        await person.says("Hi")
        await person.hears_out()
        await opens(person, "f2", "lane 1 of 2")
        await person.sees("prefix who", "5 tokens", "history", "together", "room for", "<who>Soup's on, Tom.Hi")
        await person.press("t")
        await person.sees("as tokens")
        await person.press("t")
        await person.sees("as ids", "1000 1001 1002")
        await person.press("right")
        await person.sees("lane 2 of 2", "No prefix")
        await person.press("left")
        await person.sees("lane 1 of 2")
        await closes(person, "escape")

    play(meet(home, "Well."), story, SMALL)


# --- the lens ---


def with_corpus(project: Path) -> None:
    """Let mira have learned a sentence."""
    said = [
        {"role": "user", "content": "Soup?"},
        {"role": "assistant", "content": "The leek soup is as old as the pier."},
    ]
    write_card(project / "characters", MIRA)
    card = (project / "characters" / "mira.yaml").read_text()
    (project / "characters" / "talk.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    (project / "characters" / "mira.yaml").write_text(f"{card}corpora:\n  - {{path: talk.jsonl, kind: dialogue}}\n")


def test_the_lens_tells_what_is_copied_and_what_was_learned(project: Path, home: Home) -> None:
    with_corpus(project)

    async def story(person: Person) -> None:
        await person.says("Soup?")
        await person.hears_out()
        await opens(person, "f6", "corpus lens")
        await person.sees("memorised 44%", "learned 47%", "+2.77 nats", "copied from", "talk.jsonl:1", "■ memorised")
        await closes(person, "f6")
        await person.press("ctrl+up", "ctrl+up", "ctrl+up", "f6")
        await person.until(lambda: person.shows("LensText") == "Soup'son,Tom.")
        await person.sees("only what an adapter could have answered")
        await closes(person, "escape")

    play(meet(home, "Well: The leek soup is as old as they say, and then some more."), story, SMALL)


def test_without_a_reply_there_is_nothing_to_look_at(project: Path, home: Home) -> None:
    write_card(project / "characters", YUKI)

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.press("f6")
        await person.is_told("There is no reply to look at yet.")
        await person.press("f3")
        await person.is_told("This chat is not kept")

    play(meet(home, name="yuki"), story, SMALL)


# --- settings ---


def test_settings_are_changed_by_keys_and_by_typing_and_wrong_ones_told(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person, "f5", "settings of this chat")
        await person.press("left", "left", "down", "right")
        await person.until(lambda: person.chat.talk.session.settings.sampling == {"temperature": 0.75})
        assert person.chat.talk.session.settings.strength == 0.9
        await person.press("1", ".", "5", "backspace", "2")
        await person.sees("1.2▏", "card 0.7")
        await person.press("enter")
        await person.until(lambda: person.chat.talk.sampling.temperature == 1.2)
        await person.press("delete")
        await person.until(lambda: person.chat.talk.session.settings.sampling == {})
        await person.press("up", "6", "0", "enter")
        await person.until(lambda: person.chat.talk.session.settings.strength == 0.6)
        await person.press("9", "9", "9", "enter")
        await person.sees("out of reach")
        await person.press("down", "down", "7", "enter")
        await person.sees("top_p 7:")
        assert person.chat.talk.session.settings.sampling == {}
        await closes(person, "f5")
        await person.says("Hi")
        await person.hears_out()
        assert person.script.questions[-1].strength == 0.6

    play(meet(home, "Well."), story, SMALL)


# --- adapters ---


def with_run(home: Home, *kept: str) -> None:
    """A finished run of mira's."""
    run = home.runs / "mira" / "first"
    for which in kept:
        (run / "adapter" / which).mkdir(parents=True)
    (run / "summary.json").write_text("{}")


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters are taken for whole; what a passport holds is not what is tried here."""

    class Passport:
        step, heldout_loss = 30, 1.25

    monkeypatch.setattr("roleplay.models.find.read_passport", lambda folder: Passport())


def test_an_adapter_is_chosen_for_the_chat(mira: CardFile, home: Home, sound: None) -> None:
    async def story(person: Person) -> None:
        await opens(person, "f7", "no adapter yet")
        await person.press("s")
        await closes(person, "f7")
        with_run(home, "best", "epoch-2")
        await opens(person, "f7", "first@epoch-2")
        await person.sees("as opened", "step 30 · held-out loss 1.250")
        await person.press("down", "down", "enter")
        await person.until(lambda: person.chat.talk.session.settings.adapter == "first@epoch-2")
        await person.sees("harbour · first@epoch-2")
        await person.says("Hi")
        await person.hears_out()
        assert person.script.questions[-1].adapter == "first@epoch-2"

    play(meet(home, "Well."), story, SMALL)


def test_the_last_message_is_answered_by_every_checkpoint_and_one_answer_is_taken(
    mira: CardFile, home: Home, sound: None
) -> None:
    with_run(home, "best", "epoch-1", "epoch-2")
    stopped, gate = Gate(), Gate()

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.hears_out()
        await opens(person, "f7", "first@epoch-2")
        await person.press("down", "s")
        await person.sees("What each adapter of first says", "no end")
        await person.press("enter")
        await person.is_told("They are still speaking")
        await person.press("escape")
        await person.sees("Each has said")
        await person.press("escape")
        await person.sees("as opened")
        assert person.chat.talk.session.line[-1].text == "Plain."
        await person.press("s")
        await person.sees("half")
        gate.open()
        await person.sees("HALF AND HALF", "Each has said")
        asked = [ask.lane.which for ask in person.script.questions[-1].asks]
        assert asked == ["first@best", "first@epoch-1", "first@epoch-2"]
        await person.press("down", "enter")
        await person.until(lambda: person.app.screen is person.chat)
        await person.sees("HALF AND HALF")
        assert person.chat.talk.session.line[-1].lane == "persona@first@epoch-1+prefix"

    replies = Reply(["no end ", stopped]), Reply(["half ", gate, "and half"])
    play(meet(home, "Plain.", *replies), story, SMALL)


# --- finding ---


def test_a_turn_is_found_and_opened_where_it_stands(mira: CardFile, home: Home, store: ChatStore) -> None:
    write_card(mira.path.parent, YUKI)
    store.add(store.new_chat("yuki"), None, "user", "灯塔 lamp 亮着吗？")

    async def story(person: Person) -> None:
        await person.says("the old lamp")
        await person.hears_out()
        await person.press("ctrl+n")
        await person.until(lambda: len(person.chat.talk.session.line) == 1)
        await person.press("f3")
        await person.sees("find in all chats")
        await person.bursts([*"lamp"])
        await person.sees("2 found", "you to mira", "the old lamp", "you to yuki")
        await person.press("ctrl+t")
        await person.sees("1 found", "the chats with mira")
        await person.press("enter")
        await person.until(lambda: person.chat.marked is not None and person.chat.marked.text == "the old lamp")
        await person.press("ctrl+f")
        await person.sees("find in all chats")
        await person.bursts([*"灯塔"])
        await person.sees("1 found", "you to yuki")
        await person.press("down", "up", "enter")
        await person.until(lambda: person.chat.is_open and person.chat.holds("yuki"))
        await person.sees("lamp 亮着吗？")

    play(meet(home, "one", kept=True), story, SMALL)


def test_texts_of_strangers_steer_nothing_in_any_panel(project: Path, home: Home) -> None:
    strangers.write_cards(project / "characters")
    home.root.mkdir()

    async def story(person: Person) -> None:
        await person.says("lamp")
        await person.until(lambda: person.chat.is_open and person.chat.talk.session.line[1:] and person.idle)
        looks = {"f2": ("t", "as tokens"), "f3": ("[@click=app.quit]", "2 found"), "f5": ("", "strength")}
        looks |= {"f6": ("", "nats on average"), "f7": ("", "as opened")}
        for key, (more, seen) in looks.items():
            await person.press(key)
            await person.until(lambda: person.app.screen is not person.chat)
            await person.until(lambda: len(person.app.screen.query(".panel")) == 1)
            await person.pilot.pause()
            await person.press(*more)
            await person.sees(seen)
            assert harmless(person)
            await closes(person, "escape")
        for word in ("prefixes", "lanes", "card"):
            await person.says(f"/show {word}")
            await person.until(lambda: person.app.screen is not person.chat)
            assert harmless(person)
            await closes(person, "escape")

    play(ChatApp(strangers.lobby(home), strangers.ALL), story, SMALL)

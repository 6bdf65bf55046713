"""Words with a slash in the prompt: each does what its key does, or what no key can say."""

from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui.person import Person, meet, play
from tests.tui.script import Gate, Reply

SMALL = (80, 24)
"""Quickly drawn."""


def line(person: Person) -> list[str]:
    """The conversation as text."""
    return [said.text for said in person.chat.talk.session.line]


async def begins(person: Person, *texts: str) -> None:
    """Wait until the character is loaded, and say this."""
    await person.sees("mira/first@30")
    for number, text in enumerate(texts, 1):
        await person.says(text)
        await person.hears_out(number)


async def becomes(person: Person, *texts: str) -> None:
    """Wait until this is the conversation behind the greeting."""
    await person.until(lambda: line(person)[1:] == list(texts) and person.idle, f"for {texts}, not {line(person)}")


def test_words_walk_through_the_tree_as_their_keys_do(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await begins(person, "a")
        await person.says("/swipe")
        await becomes(person, "a", "two")
        await person.says("/swipe -1")
        await becomes(person, "a", "one")
        await person.says("/regenerate")
        await becomes(person, "a", "three")
        await person.says("/undo")
        await becomes(person, "a", "one")
        await person.says("/delete")
        await becomes(person, "a", "three")
        await person.says("/clear")
        await becomes(person)
        await person.says("/undo")
        await becomes(person, "a", "three")
        await person.says("/branch")
        await person.is_told("Mark a message first")
        await person.says("/edit")
        await person.until(lambda: person.prompt.text == "a")
        await person.press("b", "enter")
        await becomes(person, "ab", "four")
        await person.says("/new")
        await becomes(person)

    play(meet(home, "one", "two", "three", "four"), story, SMALL)


def test_a_cut_reply_is_stopped_and_continued_by_words(mira: CardFile, home: Home) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.says("a")
        await person.until(gate.reached.is_set)
        await person.says("/stop")
        await becomes(person, "a", "half")
        await person.says("/continue")
        await becomes(person, "a", "half and half")
        assert person.script.questions[-1].asks[0].said == "half"

    play(meet(home, Reply(["half", gate]), " and half"), story, SMALL)


def test_words_set_what_the_chat_remembers(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await begins(person)
        await person.says("/set temperature 1.5")
        await person.says("/set own_history on")
        await person.says("/strength 80")
        await person.says("/prefix late on")
        await person.says("/lane base+prefix persona+prefix")
        talk = person.chat.talk
        await person.until(lambda: talk.session.settings.lanes == ("base+prefix", "persona+prefix"))
        assert talk.session.settings.sampling == {"temperature": 1.5}
        assert (talk.session.settings.strength, talk.session.settings.own_history) == (0.8, True)
        assert talk.session.active == ["who", "late"]
        await person.says("a")
        await person.hears_out()
        await person.says("/take persona+prefix")
        await becomes(person, "a", "ONE")
        await person.says("/lane base qwen3:0.6b@http://127.0.0.1:9/v1")
        await person.until(lambda: talk.session.settings.lanes == ("base", "@qwen3:0.6b"))
        await person.says("/set temperature card")
        await person.until(lambda: not talk.session.settings.sampling)

    play(meet(home, "one"), story, SMALL)


WRONG = {
    "/sett x 1": "did you mean 'set'?",
    "/set top_p 3": "top_p 3:",
    "/strength 200": "out of reach",
    "/prefix lat on": "did you mean 'late'?",
    "/lane x@http:": "write MODEL@URL",
    "/lane bse": "did you mean 'base'?",
    "/adapter second@best": "no adapter 'second@best'",
}
OPEN = {
    "/show sent": "prefix who",
    "/show lens": "corpus lens",
    "/show settings": "settings of this chat",
    "/show prefixes": "You are Mira, a cook.",
    "/show lanes": "● the conversation",
    "/show card": "Cooks soup at the harbour.",
    "/adapter": "no adapter yet",
    "/find soup": "find in all chats",
    "/help": "Take back the last step",
}


def test_a_wrong_word_is_told_and_says_nothing(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await begins(person)
        for word, told in WRONG.items():
            person.prompt.clear()
            await person.says(word)
            await person.is_told(told)
        assert person.asked == []

    play(meet(home), story, SMALL)


def test_words_open_what_they_name(mira: CardFile, home: Home, store: ChatStore) -> None:
    async def story(person: Person) -> None:
        await begins(person, "a")
        for word, seen in OPEN.items():
            await person.says(word)
            await person.until(lambda: person.app.screen is not person.chat)
            await person.sees(seen)
            await person.press("escape")
            await person.until(lambda: person.app.screen is person.chat)

    play(meet(home, "one", kept=True), story, SMALL)


def test_a_chat_is_saved_and_loaded(mira: CardFile, home: Home, store: ChatStore, project: Path) -> None:
    async def story(person: Person) -> None:
        await begins(person)
        await person.says("/save")
        await person.is_told("nothing was said yet")
        await person.says("a")
        await person.hears_out()
        for word in ("/save", "/save my chat.jsonl", "/save old.jsonl --format sillytavern"):
            await person.says(word)
        await person.is_told("3 turns are in old.jsonl.")
        assert "Soup's on, Tom." in (project / "mira-1.md").read_text()
        await person.says("/save old.jsonl")
        await person.is_told("old.jsonl is there already; name another file")
        await person.says("/load old.jsonl")
        await person.until(lambda: person.chat.talk.session.keeper.chat == 2)
        await person.says("/load my chat.jsonl")
        await person.until(lambda: person.chat.talk.session.keeper.chat == 3)
        await becomes(person, "a", "one")
        await person.says("/load nothing.jsonl")
        await person.is_told("nothing.jsonl")

    play(meet(home, "one", kept=True), story, SMALL)


def test_two_slashes_begin_a_message_and_bye_leaves(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.bursts([*"/undo", "enter"])
        await person.is_told("")
        await begins(person, "//bye")
        assert person.asked == ["/bye"]
        await person.press("up")
        await person.until(lambda: person.prompt.text == "//bye")
        await person.press("!", "enter")
        await person.hears_out(2)
        assert person.asked[-1] == "/bye!", "a message stays one when it is edited"
        await person.says("/undo")
        await becomes(person, "/bye", "one")
        await person.says("/undo")
        await person.until(lambda: person.prompt.text == "//bye")
        person.prompt.clear()
        await person.says("/bye")
        await person.until(lambda: person.app._exit)

    play(meet(home, "one", "two"), story, SMALL)


def test_tab_completes_words_and_what_stands_behind_them(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await begins(person)
        prompt = person.prompt
        await person.press(*"/pre")
        assert prompt.suggestion == "fix "
        await person.press("tab")
        assert prompt.text == "/prefix "
        await person.press("tab")
        assert prompt.text == "/prefix who"
        await person.press("tab")
        assert prompt.text == "/prefix late"
        await person.press(" ", "o", "tab")
        assert prompt.text == "/prefix late on"
        await person.press("tab")
        assert prompt.text == "/prefix late off"
        prompt.clear()
        await person.press(*"/lane base+", "tab")
        assert prompt.text == "/lane base+prefix"
        prompt.clear()
        await person.press("x", "tab")
        assert prompt.text == "x"

    play(meet(home), story, SMALL)

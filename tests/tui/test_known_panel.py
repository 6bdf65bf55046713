"""The panel of what a reply stood on: passages with their places, wishes about them, and what is told without any."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.cards.model import KNOWLEDGE
from roleplay.chat.lobby import Lobby
from roleplay.chat.manner import Manner
from roleplay.chat.process import AnswerProcess
from roleplay.chat.question import Asked, Heard, Question
from roleplay.generation.events import Cancel
from roleplay.knowledge.build import build
from roleplay.knowledge.passage import Passage, Place, Recalled
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.search import Index
from roleplay.knowledge.source import Source
from roleplay.paths import Home
from tests.tui.payloads import EVERYTHING
from tests.tui.person import MIRA, Person, meet, play, write_card
from tests.tui.script import Reply, Script, able
from tests.tui.test_hostile_screens import harmless
from tests.tui.test_panels import closes, opens
from tui.app import ChatApp
from tui.panels.known import KnownPanel

WIDE = (110, 30)
"""No line of these breaks."""
HEADS = ("Anchor", "Bell", "Crane", "Dock", "Eel")
WORLD = "".join(f"# {name}\n\nThe {name.lower()} is old.\n\n" for name in HEADS)
KNOWING = MIRA + "knowledge: [world.md]\nbook: {entries: [{keys: [soup], content: Soup is hot., name: Soup}]}\n"


class Recalling(Script):
    """To each question the same passages come to mind, as the process that answers tells it."""

    recalled: tuple[Recalled, ...] = ()

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        for heard in super().answer(question, cancel):
            yield replace(heard, recalled=self.recalled) if isinstance(heard, Asked) else heard


@pytest.fixture
def knowing(project: Path) -> CardFile:
    """Mira with a book of lore and a file."""
    card_file = write_card(project / "characters", KNOWING)
    (project / "characters" / "world.md").write_text(WORLD)
    return card_file


@pytest.fixture
def world(knowing: CardFile, home: Home) -> list[Passage]:
    """The passages of her file, read into its index."""
    source = Source("world.md", knowing.path.with_name("world.md"))
    build(home.knowledge_of("mira"), [source], read_document, lambda text: len(text.split()), None, tokenizer="words")
    with Index(home.knowledge_of("mira")) as index:
        return [one.passage for name in HEADS for one in index.search(name) if one.passage.place.headings == (name,)]


def recalls(
    home: Home, *recalled: Recalled, replies: tuple[Reply | str, ...] = ("Well.",), kept: bool = False
) -> ChatApp:
    """The program with Mira, to whom this comes to mind."""

    def answers(card_file: CardFile) -> AnswerProcess:
        script = Recalling(*replies, ready=replace(able(card_file.card), prefixes=card_file.card.switches))
        script.recalled = recalled
        return script  # type: ignore[return-value]

    return ChatApp(Lobby(home, Manner(), save=kept, answers=answers), "mira")


def lore(text: str = "Soup is hot.", name: str = "Soup") -> Recalled:
    return Recalled(Passage(text, 4, Place("book", (name,), None, None, 0, 0)), "book")


async def hears(person: Person, text: str = "Hi") -> None:
    await person.says(text)
    await person.hears_out()


def wishes(person: Person) -> tuple[tuple[str, ...], tuple[str, ...]]:
    settings = person.chat.talk.session.settings
    return settings.pinned, settings.excluded


def test_the_passages_of_the_last_reply_are_shown_with_place_reason_and_score(world: list[Passage], home: Home) -> None:
    async def story(person: Person) -> None:
        await hears(person)
        await opens(person, "f10", "what it stood on")
        await person.sees("2 passages, 8 tokens, stood before your message.", "p pin · x leave out")
        await person.sees("book · Soup  a key of the card's book", "Soup is hot.")
        await person.sees("world.md:11 · Crane  found 0.0164", "The crane is old.")
        assert "pinned" not in person.text
        await closes(person, "f10")
        await opens(person, "f10", "stood before")
        await closes(person, "escape")

    play(recalls(home, lore(), Recalled(world[2], "found", 1 / 61)), story, WIDE)


def test_a_passage_is_pinned_left_out_and_taken_back_by_its_key(world: list[Passage], home: Home) -> None:
    soup, crane = lore(), Recalled(world[2], "found", 0.5)
    first, second = soup.passage.identity, crane.passage.identity

    async def story(person: Person) -> None:
        await hears(person)
        await opens(person, "f10", "stood before")
        await person.press("p")
        await person.sees("● pinned  book · Soup")
        await person.press("down", "x")
        await person.sees("✕ left out  world.md:11")
        assert wishes(person) == ((first,), (second,))
        await person.press("p")
        await person.sees("● pinned  world.md:11")
        assert wishes(person) == ((first, second), ())
        await person.press("up", "p")
        await person.sees_no("● pinned  book")
        assert wishes(person) == ((second,), ())
        await person.press("down", "x")
        await person.sees("✕ left out  world.md:11")
        await closes(person, "escape")
        await person.says("And now?")
        await person.hears_out(2)
        asked = person.script.questions[-1]
        assert (asked.pinned, asked.excluded) == ((), (second,))

    play(recalls(home, soup, crane, replies=("one", "two")), story, WIDE)


def test_enter_shows_a_passage_among_its_neighbours_and_escape_goes_back_step_by_step(
    world: list[Passage], home: Home
) -> None:
    async def story(person: Person) -> None:
        await hears(person)
        await opens(person, "f10", "stood before")
        await person.press("down", "enter")
        await person.sees("world.md:11 · Crane", *(f"The {name.lower()} is old." for name in HEADS), "Esc goes back")
        await person.until(lambda: "Soup is hot." not in person.text)
        strong = [span for span in person.app.screen.query_one("#place").render().spans if "bold" in str(span.style)]
        assert len(strong) == 1
        await person.press("p", "x")
        assert wishes(person) == ((), ())
        await person.press("escape")
        await person.sees("2 passages", "Soup is hot.", "p pin")
        await person.until(lambda: "The dock is old." not in person.text)
        await person.press("x")
        await person.sees("✕ left out  world.md:11")
        await person.press("up", "enter")
        await person.sees("Esc goes back", "book · Soup")
        await person.until(lambda: "old." not in person.text)
        await person.press("escape")
        await person.sees("2 passages")
        await closes(person, "escape")

    play(recalls(home, lore(), Recalled(world[2], "found", 0.5)), story, WIDE)


def test_what_is_wished_besides_is_shown_too_and_does_not_count_as_sent(world: list[Passage], home: Home) -> None:
    async def story(person: Person) -> None:
        await hears(person)
        talk = person.chat.talk
        talk.wish(world[0].identity, "pinned")
        talk.wish(world[1].identity, "excluded")
        await opens(person, "f10", "1 passage, 4 tokens, stood before your message.")
        await person.sees("● pinned  world.md:3 · Anchor  pinned", "✕ left out  world.md:7 · Bell  left out")
        await person.press("down", "down", "x")
        await person.sees_no("✕ left out")
        assert wishes(person) == ((world[0].identity,), ())
        await closes(person, "escape")
        await person.press("ctrl+n")
        await person.until(lambda: len(talk.session.line) == 1)
        await opens(person, "f10", "Nothing has come to mind yet")
        await person.sees("● pinned  world.md:3 · Anchor  pinned")
        await closes(person, "escape")

    play(recalls(home, lore()), story, WIDE)


def test_the_passages_of_the_marked_reply_are_shown(world: list[Passage], home: Home) -> None:
    async def story(person: Person) -> None:
        await hears(person, "One")
        script = person.script
        assert isinstance(script, Recalling)
        script.recalled = ()
        await person.says("Two")
        await person.hears_out(2)
        await opens(person, "f10", "Nothing came to mind, or it is forgotten")
        await person.press("p", "x", "enter")
        assert wishes(person) == ((), ())
        await closes(person, "escape")
        await person.press("ctrl+up", "ctrl+up", "ctrl+up")
        await person.until(lambda: person.chat.marked is not None and person.chat.marked.text == "one")
        await person.press("f10")
        await person.sees("Soup is hot.")
        await closes(person, "escape")

    play(recalls(home, lore(), replies=("one", "two")), story, WIDE)


def test_with_the_prefix_off_it_says_so(world: list[Passage], home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.says(f"/prefix {KNOWLEDGE} off")
        await person.until(lambda: KNOWLEDGE not in person.chat.talk.session.active)
        await opens(person, "f10", "The prefix 'knowledge' is off, so that nothing comes to mind")
        await closes(person, "f10")

    play(recalls(home), story, WIDE)


def test_a_card_that_names_no_books_says_what_does(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await hears(person)
        await opens(person, "f10", "This card names no books: 'knowledge: [FILE or FOLDER]' on it does.")
        await closes(person, "escape")

    play(meet(home, "Well."), story, WIDE)


def test_the_word_and_the_palette_open_it_too(world: list[Passage], home: Home) -> None:
    async def story(person: Person) -> None:
        await hears(person)
        await person.says("/show known")
        await person.until(lambda: isinstance(person.app.screen, KnownPanel))
        await person.sees("Soup is hot.")
        await closes(person, "escape")
        commands = {command.title: command for command in person.app.get_system_commands(person.chat)}
        assert commands["Known"].help.endswith("pin and exclude them · F10")
        await person.press("ctrl+p", *"known")
        await person.sees("Which passages a reply stood on")
        await person.press("enter")
        await person.until(lambda: isinstance(person.app.screen, KnownPanel))
        await person.sees("Soup is hot.")
        await closes(person, "escape")

    play(recalls(home, lore()), story, WIDE)


def test_an_index_of_another_version_is_told_in_the_panel(world: list[Passage], home: Home) -> None:
    with sqlite3.connect(home.knowledge_of("mira")) as connection:
        connection.execute("PRAGMA user_version = 1")

    async def story(person: Person) -> None:
        await hears(person)
        await opens(person, "f10", "another version")
        await person.until(lambda: "'roleplayknowledgebuildmira'" in person.shows(".head"))
        await closes(person, "escape")

    play(recalls(home, lore()), story, WIDE)


def test_passages_of_strangers_steer_nothing(world: list[Passage], home: Home) -> None:
    nasty = "[@click=app.quit]quit[/] " + EVERYTHING.encode(errors="ignore").decode()
    place = Place(nasty, (nasty,), None, None, 0, 1)

    async def story(person: Person) -> None:
        await hears(person)
        await opens(person, "f10", "stood before")
        await person.sees("[@click=app.quit]")
        assert harmless(person)
        await person.press("enter")
        await person.sees("Esc goes back")
        assert harmless(person)
        await closes(person, "escape", "escape")

    play(recalls(home, Recalled(Passage(nasty, 9, place), "found", 0.1)), story, WIDE)

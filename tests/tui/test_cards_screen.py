"""The card of the marked character, and the ways to more characters."""

import json
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.errors import RoleplayError
from roleplay.paths import Home
from tests.tui.person import MIRA, YUKI, Person, meet, play, write_card
from tui.aside import Aside
from tui.characters_screen import CharactersScreen
from tui.runs_screen import RunsScreen
from tui.training_screen import TrainingScreen

FULL = (
    MIRA
    + """\
license: CC0-1.0
tags: [harbour, soup]
catchphrases: ["Soup first."]
alternate_greetings: ["Late again, {{user}}?"]
corpora:
  - {path: mira/talk.yaml, kind: dialogue}
"""
)
TALK = "- - user: Hi.\n  - char: Sit down.\n- - user: Soup?\n  - char: Soup first.\n"
SIZE = (130, 44)


@pytest.fixture
def harbour(project: Path) -> CardFile:
    """Mira with everything a card can say, Yuki, and a card that is faulty."""
    folder = project / "characters"
    (folder / "mira").mkdir(parents=True)
    (folder / "mira" / "talk.yaml").write_text(TALK)
    (folder / "bad.yaml").write_text("schema: 1\nname: bad\nlanguage: 7\ncolour: red\n")
    write_card(folder, YUKI)
    return write_card(folder, FULL)


class Told(Aside):
    """A command that has said what it says."""

    def __init__(self, *arguments: str) -> None:
        self.arguments, self.closed = arguments, False

    def words(self) -> str:
        if "bad" in self.arguments:
            raise RoleplayError("no such corpus")
        return f"told by {' '.join(self.arguments)}"

    def close(self) -> None:
        self.closed = True


def test_the_card_of_the_marked_one_is_rendered(harbour: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("Mira  mira · en · version 1", "Cooks soup at the harbour.", "You are Mira, a cook.")
        await person.sees("on  who  system, trained always", "off late", "Soup's on, Tom.", "Late again, Tom?")
        await person.sees("Soup first.", "harbour, soup", "CC0-1.0", "characters/mira/talk.yaml  2 dialogues")
        await person.press("down")
        await person.sees("你是雪。")
        await person.sees_no("CC0-1.0")

    play(meet(home, name=None), story, SIZE)


def test_a_faulty_card_shows_its_faults_and_cannot_be_talked_to(harbour: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("You are Mira, a cook.")
        await person.press("up")
        await person.sees("This card cannot be used:", "characters/bad.yaml:3: language:", "colour: is not a key of a")
        await person.press("enter")
        await person.is_told("before its card is repaired")

    play(meet(home, name=None), story, SIZE)


def test_a_new_character_is_asked_for_and_marked(harbour: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("You are Mira, a cook.")
        await person.press("n")
        await person.sees("Name in commands and folders")
        await person.press(*"no name", "enter", *"en", "enter", "enter")
        await person.sees("'no name' is no name for a character")
        await person.press(*["backspace"] * 7, *"pia", "enter", "enter", "enter")
        await person.sees("wrote characters/pia.yaml", "wrote characters/pia/dialogue.yaml", "A sketch to be rewritten")
        await person.press("enter")
        await person.sees("Pia  pia · en · version")
        person_screen = person.app.screen
        assert isinstance(person_screen, CharactersScreen)
        assert person_screen.character == "pia"
        await person.press("n", "escape")
        await person.sees_no("Name in commands and folders")

    play(meet(home, name=None), story, SIZE)


def test_a_card_of_another_program_is_imported_and_the_report_shown(harbour: CardFile, home: Home) -> None:
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Ada", "description": "Winds the clocks."}}
    Path("ada.json").write_text(json.dumps(card))

    async def story(person: Person) -> None:
        await person.sees("You are Mira, a cook.")
        await person.press("i")
        await person.sees("A .png, .json, .charx or .yaml card")
        await person.press(*"nobody.png", "enter", "enter")
        await person.sees("there is no file nobody.png")
        await person.press(*["backspace"] * 10, *"ada.json", "enter", "enter")
        await person.sees("wrote characters/ada.yaml", "description", "next: roleplay chat ada")
        await person.press("escape")
        await person.sees("Ada  ada ·")

    play(meet(home, name=None), story, SIZE)


def test_statistics_come_after_a_key(harbour: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.characters_screen.Aside", Told)

    async def story(person: Person) -> None:
        await person.sees("You are Mira, a cook.")
        await person.press("s")
        await person.sees("told by data stats mira --no-plot --pairs 3")
        await person.press("up", "s")
        await person.sees("no such corpus")

    play(meet(home, name=None), story, SIZE)


def test_training_and_runs_open_with_the_marked_one(harbour: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("You are Mira, a cook.")
        for key, kind, whose in [("t", TrainingScreen, "mira"), ("r", RunsScreen, "mira")]:
            await person.press(key)
            await person.until(lambda kind=kind: isinstance(person.app.screen, kind))  # type: ignore[misc]
            assert person.app.screen.character == whose  # type: ignore[attr-defined]
            await person.press("escape")
            await person.sees("Who do you want to talk to?")
        await person.press("down")
        for key, kind in [("f8", TrainingScreen), ("f9", RunsScreen), ("f8", TrainingScreen)]:
            await person.press(key)
            await person.until(lambda kind=kind: isinstance(person.app.screen, kind))  # type: ignore[misc]
            assert person.app.screen.character == "yuki"  # type: ignore[attr-defined]
        await person.press("escape")
        await person.sees("Who do you want to talk to?")

    play(meet(home, name=None), story, SIZE)


def test_a_command_aside_gives_its_words_or_its_complaint(harbour: CardFile, home: Home) -> None:
    assert str(home.root) in Aside("locate").words()
    with pytest.raises(RoleplayError, match="there is no character 'nobody'"):
        Aside("cards", "show", "nobody").words()
    ended = Aside("cards", "list")
    ended.close()
    with pytest.raises(RoleplayError):
        ended.words()

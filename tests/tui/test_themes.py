"""Colours: two themes of our own, a person's, and the one that is remembered."""

from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.errors import FileFaults
from roleplay.paths import Home
from tests.tui.person import Person, meet, play
from tui.theme_file import read_theme


def test_a_theme_is_remembered(mira: CardFile, home: Home) -> None:
    async def first(person: Person) -> None:
        await person.sees("mira/first@30")
        assert person.app.theme == "night"
        assert {"night", "day"} <= set(person.app.available_themes)
        person.app.theme = "day"
        await person.until(home.theme.is_file)

    async def second(person: Person) -> None:
        await person.sees("mira/first@30")
        assert person.app.theme == "day"

    play(meet(home), first)
    play(meet(home), second)


def test_a_theme_of_ones_own_is_worn_and_a_faulty_one_told(mira: CardFile, home: Home) -> None:
    home.themes.mkdir(parents=True)
    (home.themes / "sea.yaml").write_text('primary: "#204060"\nbackground: black\ndark: true\n')
    (home.themes / "bad.yaml").write_text("primray: red\n")
    home.theme.write_text("sea\n")

    async def story(person: Person) -> None:
        await person.until(lambda: person.app.theme == "sea")
        await person.is_told("bad.yaml:1: primray: is no colour of a theme; did you mean 'primary'?")
        assert "bad" not in person.app.available_themes

    play(meet(home), story)


def test_an_unknown_theme_is_forgotten(mira: CardFile, home: Home) -> None:
    home.root.mkdir(parents=True)
    home.theme.write_bytes(b"\xff\x1b[2J")

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        assert person.app.theme == "night"

    play(meet(home), story)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- red\n", "holds no keys and values"),
        ("background: red\n", "primary: is missing"),
        ("primary: reddish\n", "primary: is 'reddish', no colour"),
        ("primary: [red]\n", "no colour"),
        ("primary: red\ndark: maybe\n", "dark: is 'maybe'; write true or false"),
    ],
)
def test_faults_of_a_theme_are_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(FileFaults, match=told.replace("[", r"\[")):
        read_theme(path)


def test_a_theme_takes_its_name_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "sea green.yaml"
    path.write_text("primary: red\n")
    with pytest.raises(FileFaults, match="a name that no theme can have"):
        read_theme(path)
    path = path.rename(tmp_path / "sea-green.yaml")
    assert (read_theme(path).name, read_theme(path).primary, read_theme(path).dark) == ("sea-green", "red", True)

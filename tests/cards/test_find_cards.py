from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.cards.find import card_places, find_cards, open_card
from roleplay.cards.load import CardFile
from roleplay.errors import FileFaults, NotFound
from roleplay.paths import Home, shipped

Load = Callable[..., CardFile]


def write(folder: Path, name: str, display_name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(f"schema: 1\nname: {name}\ndisplay_name: {display_name}\nlanguage: en\n")
    return path


def test_characters_are_looked_up_here_then_at_home_then_among_those_that_ship(project: Path, home: Home) -> None:
    assert [(place.name, place.folder) for place in card_places(home)] == [
        ("project", project / "characters"),
        ("home", home.root / "characters"),
        ("shipped", shipped() / "characters"),
    ]
    assert open_card("yui", home).card.display_name == "结衣"

    write(home.characters, "yui", "Home")
    assert open_card("yui", home).card.display_name == "Home"
    assert find_cards(home)["yui"] == (home.characters / "yui.yaml", "home")

    write(project / "characters", "yui", "Project")
    assert open_card("yui", home).card.display_name == "Project"
    assert find_cards(home)["yui"] == (project / "characters" / "yui.yaml", "project")


def test_cards_are_listed_by_name_without_being_read(project: Path, home: Home) -> None:
    write(project / "characters", "zoe", "Zoe")
    write(home.characters, "anna", "Anna")
    (home.characters / "broken.yaml").write_text("not: [a card")
    (home.characters / "notes.txt").write_text("no card")

    found = {name: place for name, (_, place) in find_cards(home).items() if place != "shipped"}

    assert list(found.items()) == [("anna", "home"), ("broken", "home"), ("zoe", "project")]


def test_an_unknown_name_is_told_with_the_places_and_the_nearest_name(project: Path, home: Home) -> None:
    write(home.characters, "matilda", "Matilda")

    with pytest.raises(NotFound, match="there is no character 'mathilda'") as caught:
        open_card("mathilda", home)

    assert "did you mean 'matilda'?" in str(caught.value)
    assert "in characters, " in str(caught.value)
    assert str(home.characters) in str(caught.value)


@pytest.mark.parametrize("name", ["here.yaml", "./sub/here.yaml", "{tmp}/project/sub/here.yaml"])
def test_a_card_is_opened_by_its_path(project: Path, home: Home, tmp_path: Path, name: str) -> None:
    write(project, "here", "Here")
    write(project / "sub", "here", "Here")

    assert open_card(name.format(tmp=tmp_path), home).card.display_name == "Here"


@pytest.mark.parametrize("name", ["absent.yaml", "sub/absent", "characters/", "../mimi"])
def test_a_path_without_a_card_is_told(project: Path, home: Home, name: str) -> None:
    with pytest.raises(NotFound, match=r"there is no card at .*; give a name from 'roleplay cards list'"):
        open_card(name, home)


def test_a_broken_card_hides_no_place_and_tells_its_faults(project: Path, home: Home) -> None:
    (project / "characters" / "yui.yaml").write_text("schema: 1\n")

    with pytest.raises(FileFaults, match=r"characters/yui\.yaml:1: name: is missing"):
        open_card("yui", home)

"""`roleplay cards` and `roleplay locate`."""

from pathlib import Path

import pytest

from roleplay.cards.load import load_card
from roleplay.paths import Home
from tests.cli.conftest import Outcome, refused, roleplay

FAULTY = "schema: 1\nname: bad\ndisplay_nam: Bad\nlanguage: en\nprefixes:\n  - {id: who}\n"


def test_list_shows_every_character_and_counts_the_faults_of_a_faulty_one(pell: Path, home: Home) -> None:
    home.characters.mkdir(parents=True)
    (home.characters / "bad.yaml").write_text(FAULTY)
    listed = roleplay("cards", "list")
    assert (listed.status, listed.err) == (0, "")
    assert [line.split(maxsplit=3) for line in listed.out.splitlines()] == [
        ["bad", "home", "3", "faults: roleplay cards check bad"],
        ["pell", "en", "project", "A lock keeper with a goat."],
    ]


def test_list_as_json_is_one_array(pell: Path, home: Home) -> None:
    home.characters.mkdir(parents=True)
    (home.characters / "bad.yaml").write_text(FAULTY)
    bad, good = roleplay("cards", "list", "--json").json
    assert (bad["name"], bad["place"], bad["faults"]) == ("bad", "home", 3)
    assert good == {
        "name": "pell",
        "place": "project",
        "path": "characters/pell.yaml",
        "display_name": "Pell",
        "language": "en",
        "description": "A lock keeper with a goat.",
        "faults": 0,
    }


def test_an_empty_list_says_where_to_write_a_card_on_stderr(project: Path) -> None:
    assert roleplay("cards", "list") == Outcome(0, "", "no characters yet: sketch one with 'roleplay cards new NAME'\n")
    assert roleplay("cards", "list", "--json") == Outcome(0, "[]\n", "")


def test_show_fills_the_names_in(pell: Path) -> None:
    shown = roleplay("cards", "show", "pell")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out == (
        "Pell  pell · en · version 1\n"
        "A lock keeper with a goat.\n"
        "characters/pell.yaml\n"
        "\n[on ] who  system, trained always\n"
        "You are Pell.\n"
        "\n[on ] manner  system, trained 0.5\n"
        "Pell is brief.\n"
        "\ngreeting      Hello, Tom.\n"
        f"base          {load_card(pell).card.base}\n"
        "corpus        desc      characters/pell/desc.yaml  6 dialogues\n"
        "corpus        dialogue  characters/pell/talk.yaml  6 dialogues\n"
    )


def test_show_as_json_is_the_card(pell: Path) -> None:
    card = roleplay("cards", "show", "characters/pell.yaml", "--json").json
    assert (card["schema"], card["name"], card["greeting"]) == (1, "pell", "Hello, {{user}}.")
    assert [prefix["train"] for prefix in card["prefixes"]] == ["always", 0.5]


def test_check_is_silent_on_stdout_where_all_is_well(pell: Path) -> None:
    assert roleplay("cards", "check") == Outcome(0, "", "1 checked, 0 faults\n")
    assert roleplay("cards", "check", "pell", "--json") == Outcome(0, "[]\n", "")


def test_check_lists_faults_of_cards_and_corpora_together(pell: Path, home: Home) -> None:
    home.characters.mkdir(parents=True)
    (home.characters / "bad.yaml").write_text(FAULTY)
    (pell.parent / "pell" / "talk.yaml").write_text("- - user: A\n  - chat: B\n- - user: C\n")
    checked = roleplay("cards", "check", "--json")
    assert (checked.status, checked.err) == (1, "")
    assert [(fault["key"], fault["line"]) for fault in checked.json] == [
        ("display_name", 1),
        ("display_nam", 3),
        ("prefixes[0].text", 6),
        ("dialogue 1", 2),
        ("dialogue 2", 3),
    ]
    assert all(fault.keys() == {"file", "line", "key", "problem", "remedy"} for fault in checked.json)
    told = roleplay("cards", "check")
    assert (told.status, told.err) == (1, "2 checked, 5 faults\n")
    assert "characters/pell/talk.yaml:2: dialogue 1: has a turn by 'chat'; did you mean 'char'?\n" in told.out


def test_a_mistyped_key_ends_a_command_with_file_line_and_nearest(project: Path) -> None:
    (project / "bad.yaml").write_text(FAULTY)
    for command in (["cards", "show"], ["train"], ["chat", "--say", "Hi"], ["data", "build"], ["demo"]):
        told = refused(roleplay(command[0], *command[1:], "./bad.yaml"), 1)
        assert "bad.yaml:3: display_nam: is not a key of a card; did you mean 'display_name'?\n" in told


@pytest.mark.parametrize("command", [["cards", "show"], ["train"], ["chat", "--say", "Hi"], ["data", "show"], ["demo"]])
def test_an_unknown_character_is_answered_with_the_nearest(pell: Path, command: list[str]) -> None:
    told = refused(roleplay(*command, "pelll"), 1)
    assert "there is no character 'pelll' in characters, " in told
    assert told.endswith("did you mean 'pell'?\n")


def test_check_of_an_unknown_character_is_an_error(pell: Path) -> None:
    assert "did you mean 'pell'?" in refused(roleplay("cards", "check", "pelll"), 1)


def test_locate_as_json_has_six_places(project: Path, home: Home) -> None:
    places = roleplay("locate", "--json").json
    assert places.keys() == {"home", "characters", "runs", "packs", "chats", "pocket"}
    assert places["home"] == str(home.root)
    assert places["runs"] == str(home.root / "runs")
    assert Path(places["pocket"]).parts[-2:] == ("data", "pocket")


def test_locate_prints_a_place_a_line_and_creates_nothing(project: Path, home: Home) -> None:
    located = roleplay("locate")
    assert [line.split()[0] for line in located.out.splitlines()] == [
        "home",
        "characters",
        "runs",
        "packs",
        "chats",
        "pocket",
    ]
    assert located.err == ""
    assert not home.root.exists()

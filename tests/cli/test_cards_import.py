import base64
import json
from pathlib import Path

import pytest

from tests.cli.conftest import roleplay

TALK = "".join(f"<START>\n{{{{user}}}}: Number {i}?\n{{{{char}}}}: It is {i}, and the lamp burns.\n" for i in range(12))
DATA = {
    "name": "Mina Vale",
    "description": "Keeper of lamps.",
    "first_mes": "Evening.",
    "mes_example": TALK,
    "odd": [1],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an empty `characters/` and a V2 card."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "characters").mkdir()
    (tmp_path / "mina.json").write_text(json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": DATA}))
    return tmp_path


def test_an_import_tells_what_became_what_and_what_is_next(here: Path) -> None:
    done = roleplay("cards", "import", "mina.json")
    assert done.status == 0
    assert done.out.splitlines() == [
        "name                       display_name",
        "description                prefix description",
        "first_mes                  greeting",
        "mes_example                corpus of 12 dialogues, 24 turns",
        "corpus: characters/mina-vale/examples.yaml",
        "kept aside, given back on export: odd",
        "kept as it was written too: mes_example",
    ]
    assert done.err == (
        "wrote characters/mina-vale.yaml\n"
        "next: roleplay train mina-vale, or talk to it untrained: roleplay chat mina-vale\n"
    )


def test_an_imported_character_passes_check_and_builds_its_data(here: Path) -> None:
    assert roleplay("cards", "import", "mina.json", "--name", "mina").status == 0
    assert roleplay("cards", "check", "mina").status == 0
    built = roleplay("data", "build", "mina", "--json")
    assert built.status == 0, built.err
    assert built.json["gate"]["passed"]


def test_import_and_export_report_as_json(here: Path) -> None:
    done = roleplay("cards", "import", "mina.json", "--into", "mine", "--json").json
    assert (done["name"], done["path"], done["spec"]) == ("mina-vale", "mine/mina-vale.yaml", "v2")
    assert done["corpora"] == ["mine/mina-vale/examples.yaml"]
    assert done["aside"] == ["odd"]
    assert {"field": "first_mes", "place": "greeting"} in done["became"]
    out = roleplay("cards", "export", "mine/mina-vale.yaml", "--format", "v2-json", "--out", "out.json", "--json").json
    assert out == {"path": "out.json", "format": "v2-json", "carried": ["mina-vale/examples.yaml"], "left_behind": []}
    assert json.loads(Path("out.json").read_text())["data"] == DATA | json.loads(Path("out.json").read_text())["data"]


def test_a_card_outside_the_places_of_cards_is_called_by_its_path(here: Path) -> None:
    assert "roleplay chat mine/mina-vale.yaml" in roleplay("cards", "import", "mina.json", "--into", "mine").err


def test_an_export_prints_its_file_and_how_to_read_it_back(here: Path) -> None:
    roleplay("cards", "import", "mina.json", "--name", "mina")
    done = roleplay("cards", "export", "mina", "--format", "v3-png")
    assert (done.status, done.out) == (0, "mina.png\n")
    assert done.err == "carries mina/examples.yaml\nto read it back: roleplay cards import mina.png\n"
    assert roleplay("cards", "import", "mina.png", "--name", "again").status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["import", "gone.png"], 1, "there is no file gone.png"),
        (["import", "mina.json", "--name", "a b"], 2, "--name 'a b' is no name"),
        (["import", "bad.json"], 1, "bad.json: is not valid JSON"),
        (["export", "mina", "--format", "v3png"], 2, "--format 'v3png' is not known; did you mean 'v3-png'?"),
        (["export", "nobody", "--format", "charx"], 1, "there is no character 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_one_named_error(arguments: list[str], status: int, told: str, here: Path) -> None:
    (here / "bad.json").write_text("{")
    done = roleplay("cards", *arguments)
    assert done.status == status
    assert told in done.err
    assert done.err.count("error: ") == 1
    assert done.out == ""


def test_a_newer_card_is_read_with_a_warning_and_hostile_text_never_reaches_the_terminal(here: Path) -> None:
    data = DATA | {"tags": ["\x1b[31mred"], "\x1b]0;title\x07": 1}
    value = {"spec": "chara_card_v3", "spec_version": "4.0", "data": data}
    text = base64.b64encode(json.dumps(value).encode())
    (here / "new.json").write_bytes(base64.b64decode(text))
    done = roleplay("cards", "import", "new.json")
    assert done.status == 0
    assert "warning: the card is of version 4.0, newer than 3.0; unknown fields are kept" in done.err
    assert "\x1b" not in done.out + done.err + Path("characters/mina-vale.yaml").read_text()

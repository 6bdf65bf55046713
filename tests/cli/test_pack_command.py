"""`roleplay pack`: the commands, from the character of one person to the chat of another."""

import json
from pathlib import Path

import pytest

from roleplay.paths import Home
from tests.cli.conftest import refused, roleplay


@pytest.fixture
def pack(tuned_pell: Path, project: Path, home: Home) -> Path:
    """Pell packed; card and run are then gone, as on another machine."""
    outcome = roleplay("pack", "export", "pell", "-o", "pell.charx")
    assert (outcome.status, outcome.out) == (0, "pell.charx\n")
    (project / "characters").rename(project / "hers")
    home.runs.rename(home.root / "hers")
    return project / "pell.charx"


def test_a_character_travels_and_answers(pack: Path, tiny_base: Path, home: Home) -> None:
    outcome = roleplay("pack", "install", pack, "--base", tiny_base, "--json")
    assert outcome.status == 0
    told = outcome.json
    assert (told["name"], told["reproduces"]) == ("pell", True)
    assert Path(told["folder"]).is_relative_to(home.packs)
    chat = roleplay("chat", "pell", "--base", tiny_base, "--say", "Hm?", "--max-new-tokens", "2", "--no-save", "--json")
    assert (chat.status, chat.json["adapter"].split("/")[0]) == (0, "pell")
    listed = roleplay("pack", "list", "--json").json
    assert [(one["name"], one["used"], one["base"]) for one in listed] == [("pell", True, "tiny")]
    assert listed[0]["verdict"].startswith("reproduces")
    assert "in use" in roleplay("pack", "list").out
    (card,) = roleplay("cards", "list", "--json").json
    assert (card["name"], card["place"]) == ("pell", "pack")


def test_without_its_base_it_is_installed_and_the_base_is_named(pack: Path) -> None:
    outcome = roleplay("pack", "install", pack)
    assert outcome.status == 0
    assert "base not here: it needs tiny; fetch it, or name its folder with --base" in outcome.err
    assert "base not here" in roleplay("pack", "list").out


def test_inspect_shows_all_of_it_and_installs_nothing(pack: Path, home: Home) -> None:
    outcome = roleplay("pack", "inspect", pack)
    assert outcome.status == 0
    for told in ("pell, version", "tiny", "rank 16", "preset", "held-out bits", "roleplay/canaries.json"):
        assert told in outcome.out, told
    assert "nothing is wrong with it" in outcome.err
    assert roleplay("pack", "inspect", pack, "--json").json["problems"] == []
    assert not home.packs.exists()


def test_inspect_tells_what_is_damaged_and_fails(pack: Path) -> None:
    data = pack.read_bytes()
    at = data.index(b"lora_A")
    pack.write_bytes(data[:at] + b"X" + data[at + 1 :])
    assert "adapter_model.safetensors' is damaged (Bad CRC-32" in refused(roleplay("pack", "inspect", pack), 1)


def test_verify_tells_what_was_changed(pack: Path, tiny_base: Path) -> None:
    folder = Path(roleplay("pack", "install", pack, "--no-canaries", "--json").json["folder"])
    good = roleplay("pack", "verify", "pell", "--base", tiny_base)
    assert good.status == 0
    assert "every file is as it came" in good.out
    assert "reproduces: " in good.out
    (folder / "characters" / "pell.yaml").write_text("schema: 1\n")
    bad = roleplay("pack", "verify", "pell", "--json")
    assert (bad.status, bad.json["changed"], bad.json["verdict"]) == (
        1,
        ["'roleplay/characters/pell.yaml' was changed"],
        None,
    )


def test_nothing_is_put_aside_unasked(pack: Path, project: Path) -> None:
    (project / "hers").rename(project / "characters")
    outcome = roleplay("pack", "install", pack, "--no-canaries")
    assert "add --yes" in refused(outcome, 2)
    assert "characters/pell.yaml is found before the card of the pack" in outcome.err
    assert roleplay("pack", "list", "--json").json == []
    assert roleplay("pack", "install", pack, "--no-canaries", "--yes").status == 0


def test_packs_are_removed_and_rolled_back(pack: Path) -> None:
    roleplay("pack", "install", pack, "--no-canaries")
    assert "was never another version" in refused(roleplay("pack", "rollback", "pell"), 1)
    assert "add --yes" in refused(roleplay("pack", "remove", "pell"), 2)
    outcome = roleplay("pack", "remove", "pell", "--yes")
    assert outcome.status == 0
    assert "there is no character 'pell' any more" in outcome.err
    assert "no pack of 'pell' is installed" in refused(roleplay("pack", "remove", "pell", "--yes"), 1)
    assert "no pack of 'pell' is installed" in refused(roleplay("pack", "list", "pell"), 1)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nothing.charx", "there is no pack at nothing.charx"),
        ("plain.charx", "is cut off, has something behind its end, or is no archive"),
        ("card.charx", "so it is no pack; a card of another program is read by 'roleplay cards import'"),
        (".", "has no roleplay/manifest.json, so it is no pack"),
    ],
)
def test_what_is_no_pack_is_told(source: str, told: str, pell: Path, project: Path) -> None:
    (project / "plain.charx").write_text("hello")
    assert roleplay("cards", "export", "pell", "--format", "charx", "--out", "card.charx").status == 0
    assert told in refused(roleplay("pack", "install", source), 1)


def test_export_prints_the_manifest_as_json(tuned_pell: Path, project: Path) -> None:
    outcome = roleplay("pack", "export", "pell", "--no-adapter", "--json")
    assert outcome.status == 0
    told = json.loads(outcome.out)
    assert told["manifest"]["left_out"] == ["adapter: left out on request"]
    assert "names no licence" in outcome.err
    assert (project / "pell.charx").stat().st_size == told["size"]

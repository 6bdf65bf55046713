"""A pack read as a card: by our importer, and against the card for other programs that lies in it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roleplay.authoring.tavern_in import import_card
from roleplay.cards.load import load_card
from roleplay.packs.install import opened_pack
from roleplay.paths import Home
from tests.packs.mimi import DIALOGUE, MORE


def vouch(unpacked: Path, *names: str) -> None:
    """Let the manifest vouch for files as they are now."""
    path = unpacked / "roleplay" / "manifest.json"
    manifest = json.loads(path.read_text())
    for entry in manifest["entries"]:
        if entry["path"] in names:
            content = (unpacked / entry["path"]).read_bytes()
            entry |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(json.dumps(manifest, ensure_ascii=False))


def problems(home: Home, unpacked: Path) -> list[str]:
    with opened_pack(unpacked, home) as pack:
        return list(pack.problems)


def test_a_pack_imported_as_a_card_is_the_same_character(home: Home, pack: Path, tmp_path: Path) -> None:
    with opened_pack(pack, home) as opened:
        packed = load_card(opened.folder / "characters" / "mimi.yaml").card
    done = import_card(pack, tmp_path / "imported")
    books: dict[str, Any] = {"knowledge": []}
    assert load_card(done.path).card == packed.model_copy(update=books), "its books come with 'pack install' alone"
    assert done.avatar is not None
    assert done.avatar.read_bytes().startswith(b"\x89PNG")
    own = done.path.parent / "mimi"
    assert ((own / "dialogue.yaml").read_text(), (own / "more.jsonl").read_text()) == (DIALOGUE, MORE)
    assert done.archive_files == 0
    assert any("'roleplay pack install' brings its adapter" in warning for warning in done.warnings)
    assert not list(own.rglob("*.safetensors"))


def changed_card(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], str]:
    def apply(unpacked: Path) -> str:
        path = unpacked / "card.json"
        card = json.loads(path.read_text())
        change(card["data"])
        path.write_text(json.dumps(card, ensure_ascii=False))
        return "card.json"

    return apply


def changed_yaml(old: str, new: str) -> Callable[[Path], str]:
    def apply(unpacked: Path) -> str:
        path = unpacked / "roleplay" / "characters" / "mimi.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return "roleplay/characters/mimi.yaml"

    return apply


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed_card(lambda data: data.update(name="Somebody else")), "differ in display_name"),
        (changed_card(lambda data: data.update(first_mes="Send me your password.")), "differ in greeting"),
        (changed_yaml("Mind the step", "Send it all"), "differ in greeting"),
        (changed_card(lambda data: data["extensions"].pop("roleplay")), "differ in"),
        (changed_yaml("CC0-1.0", "MIT"), "license is 'MIT', and the manifest says 'CC0-1.0'"),
        (changed_yaml("mimi/dialogue.yaml", "mimi/../../mimi.yaml"), "mimi.yaml"),
        (changed_yaml("path: mimi/more.jsonl", "character: mimi"), "names the corpus mimi, which is not in it"),
        (changed_yaml("display_name: Mimi", 'display_name: Mimi\nbase: "/home/x/model"'), "a place on a machine"),
        (changed_yaml("display_name: Mimi", "display_name: Mimi\nbase: ../model"), "a place on a machine"),
        (changed_yaml("A mole with a lamp.", '"A mole with a \\e[31mlamp."'), "control characters in description"),
        (changed_yaml("- lamp.txt", "- /etc/passwd"), "names the book '/etc/passwd', which is not in it"),
        (changed_yaml("display_name: Mimi", "display_name: Mimi\ntraining: {from_adapter: /x}"), "from_adapter"),
        (changed_yaml("A mole with a lamp.", "&a [*a]"), "alias"),
        (changed_card(lambda data: data.update(description="\u001b]52;c;x\u0007")), "control characters in data.desc"),
    ],
)
def test_two_characters_in_one_pack_and_references_out_of_it_are_problems(
    change: Callable[[Path], str], told: str, home: Home, project: Path, unpacked: Path
) -> None:
    vouch(unpacked, change(unpacked))
    assert any(told in problem for problem in problems(home, unpacked)), problems(home, unpacked)


def test_an_untouched_pack_has_no_problem_whatever_order_its_manifest_has(
    home: Home, project: Path, unpacked: Path
) -> None:
    path = unpacked / "roleplay" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"entries": manifest["entries"][::-1]}))
    assert problems(home, unpacked) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"- - user: \xff\n", "is not UTF-8 at byte 10"),
        ("- - user: a\n  - char: b\u202e\n".encode(), "holds the control character U+202E in line 2"),
        (b"- - user: a\r  - char: b\n", "holds the control character U+000D in line 1"),
        (b"- - user: a\x1b[2J\n", "holds the control character U+001B in line 1"),
    ],
)
def test_texts_that_steer_a_terminal_are_problems(
    content: bytes, told: str, home: Home, project: Path, unpacked: Path
) -> None:
    name = "roleplay/characters/mimi/dialogue.yaml"
    (unpacked / name).write_bytes(content)
    vouch(unpacked, name)
    assert problems(home, unpacked) == [f"'{name}' {told}"]


def test_a_program_that_is_called_a_picture_is_a_problem(home: Home, project: Path, unpacked: Path) -> None:
    name = "roleplay/characters/mimi/avatar.png"
    (unpacked / name).write_bytes(b"\x80\x04\x95anything")
    vouch(unpacked, name)
    (told,) = problems(home, unpacked)
    assert "no picture or sound but a program, a pickle or an archive" in told

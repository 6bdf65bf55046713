"""Keys of a person's own, from the home's `keys.yaml`."""

from pathlib import Path

import pytest
from textual.binding import Binding

from roleplay.cards.load import CardFile
from roleplay.paths import Home
from tests.tui.person import Person, meet, play
from tui.keymap import read_keymap

BINDINGS = [
    Binding("enter", "submit", id="chat.send"),
    Binding("ctrl+j,shift+enter", "new_line", id="chat.new-line"),
    Binding("ctrl+n", "new", id="chat.new"),
    Binding("f1", "help", id="app.help"),
    Binding("enter", "close", id="report.close"),
]


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "keys.yaml").write_text(text)
    return tmp_path / "keys.yaml"


def test_keys_are_one_or_several(tmp_path: Path) -> None:
    path = write(tmp_path, "chat.send: Ctrl+S\nchat.new-line: [enter, ctrl+j]\nchat.new: alt+n, f12\n")
    keymap = read_keymap(path, BINDINGS)
    assert keymap.keys == {"chat.send": "ctrl+s", "chat.new-line": "enter,ctrl+j", "chat.new": "alt+n,f12"}
    assert keymap.faults == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("chat.sent: ctrl+s", "keys.yaml:1: chat.sent: is the id of no key; did you mean 'chat.send'?"),
        ("chat.send: control+s", "has a key that is none: 'control+s'; did you mean 'ctrl'?"),
        ("chat.send: ctrl+entre", "has a key that is none: 'ctrl+entre'; did you mean 'enter'?"),
        ("chat.send:", "has no key"),
        ("chat.send: [1, {a: b}]", "has no key"),
        ("chat.send: ctrl+n", "has the key 'ctrl+n', which is that of chat.new; give chat.new another one too"),
        ("chat.send: f1", "which is that of app.help"),
        ("chat.send: ctrl+x\nchat.new: ctrl+x", "has the key 'ctrl+x', which is that of chat.new"),
        ("- chat.send", "holds no keys"),
        ("a: b: c", "is not valid YAML"),
    ],
)
def test_what_is_wrong_is_told_and_left_out(tmp_path: Path, text: str, told: str) -> None:
    keymap = read_keymap(write(tmp_path, f"{text}\n"), BINDINGS)
    assert told in "\n".join(map(str, keymap.faults))
    assert "chat.send" not in keymap.keys


def test_keys_may_change_places_and_screens_do_not_share_theirs(tmp_path: Path) -> None:
    keymap = read_keymap(write(tmp_path, "chat.send: ctrl+n\nchat.new: enter\nreport.close: ctrl+j\n"), BINDINGS)
    assert keymap.keys == {"chat.send": "ctrl+n", "chat.new": "enter", "report.close": "ctrl+j"}


def test_without_a_file_keys_are_as_they_ship(tmp_path: Path) -> None:
    assert read_keymap(tmp_path / "keys.yaml", BINDINGS).keys == {}


def test_own_keys_hold_and_palette_and_help_name_them(mira: CardFile, home: Home) -> None:
    home.root.mkdir(exist_ok=True)
    home.keys.write_text("chat.send: ctrl+s\nchat.new-line: enter\nchat.sent: alt+w\nchat.wrong: f1\n")

    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.is_told("chat.wrong: is the id of no key")
        await person.press("a", "enter", "b", "ctrl+s")
        await person.hears_out()
        assert person.asked == ["a\nb"]
        helped = {command.title: command.help for command in person.app.get_system_commands(person.chat)}
        assert helped["Send"].endswith("· Ctrl+S")
        await person.press("alt+w")
        await person.sees("what was sent")
        await person.press("escape", "f1")
        await person.sees("Ctrl+S")

    play(meet(home, "one"), story)

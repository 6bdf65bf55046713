"""Writing in one's own editor."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.app import App, SuspendNotSupported

from roleplay.cards.load import CardFile
from roleplay.errors import UsageError
from roleplay.paths import Home
from tests.terminal import Terminal
from tests.tui import strangers
from tests.tui.person import Person, meet, play
from tui.editor import write_in_editor

ROOT = Path(__file__).parents[2]


class Aside(App[object]):
    """A program that can stand aside."""

    @contextlib.contextmanager
    def suspend(self) -> Iterator[None]:
        yield


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `$EDITOR` runs; it is to be written."""
    path = tmp_path / "my editor"
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{path}' --wait")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return path


def script(path: Path, lines: str) -> None:
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)


def left(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("message-*"))


def test_the_text_goes_to_the_editor_and_comes_back(editor: Path, tmp_path: Path) -> None:
    script(editor, 'test "$1" = --wait && printf "灯塔\\r\\n\\033[31m%s\\n\\n" "$(cat "$2")" > "$2"')
    assert write_in_editor(Aside(), "two\nlines", 100) == "灯塔\n[31mtwo\nlines"
    assert left(tmp_path) == []


def test_visual_comes_before_editor(editor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "true")
    assert write_in_editor(Aside(), "kept", 100) == "kept"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("exit 3", "ended with status 3; nothing in the prompt has changed"),
        (None, "cannot be run: No such file or directory; nothing in the prompt has changed"),
    ],
)
def test_an_editor_that_fails_is_told(editor: Path, tmp_path: Path, lines: str | None, told: str) -> None:
    if lines is not None:
        script(editor, lines)
    with pytest.raises(UsageError) as caught:
        write_in_editor(Aside(), "kept", 100)
    assert told in str(caught.value)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("lines", "told"), [('yes | head -80 > "$2"', "has 159 characters"), ('printf "\\377" > "$2"', "as UTF-8")]
)
def test_what_no_turn_can_hold_is_kept_in_its_file(editor: Path, tmp_path: Path, lines: str, told: str) -> None:
    script(editor, lines)
    with pytest.raises(UsageError) as caught:
        write_in_editor(Aside(), "", 100)
    assert told in str(caught.value)
    assert str(left(tmp_path)[0]) in str(caught.value)


@pytest.mark.parametrize(("command", "told"), [("", "no editor is set"), ("'vi", "No closing quotation")])
def test_a_missing_editor_is_told(editor: Path, monkeypatch: pytest.MonkeyPatch, command: str, told: str) -> None:
    monkeypatch.setenv("EDITOR", command)
    with pytest.raises(UsageError) as caught:
        write_in_editor(Aside(), "", 100)
    assert told in str(caught.value)


def test_where_the_screen_cannot_stand_aside_that_is_told(editor: Path) -> None:
    class Web(App[object]):
        @contextlib.contextmanager
        def suspend(self) -> Iterator[None]:
            raise SuspendNotSupported
            yield

    with pytest.raises(UsageError, match="needs a terminal of its own"):
        write_in_editor(Web(), "", 100)


def test_f4_tells_what_went_wrong_and_keeps_what_was_written(mira: CardFile, home: Home, editor: Path) -> None:
    async def story(person: Person) -> None:
        await person.press("h", "i", "f4")
        await person.is_told("cannot be run" if person.app._driver.can_suspend else "needs a terminal")  # type: ignore[union-attr]
        assert person.prompt.text == "hi"

    play(meet(home), story)


def test_f4_in_a_real_terminal(project: Path, home: Home, editor: Path) -> None:
    strangers.write_cards(project / "characters")
    home.root.mkdir()
    script(editor, 'read key; printf "%s and %s" "$(cat "$2")" "$key" > "$2"')
    command = [sys.executable, "-m", "tests.tui.driver", strangers.ALL]
    with Terminal(command, columns=100, rows=30, env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}) as terminal:
        terminal.wait_for("Say something to")
        terminal.type("soup")
        terminal.wait_for("soup")
        terminal.type("\x1bOS")
        terminal.wait(lambda: terminal.bytes.count(b"\x1b[?1049l") == 1)  # the screen stands aside
        terminal.type("bread\r")
        terminal.wait_for("soup and bread")
        terminal.type("\x11")
        assert terminal.wait_exit() == 0

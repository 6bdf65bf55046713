"""What can go wrong around a chat, in a real terminal: one clear message each, and nothing lost."""

import os
import resource
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from roleplay.chat.store import ChatStore
from roleplay.paths import Home, shipped
from tests.terminal import Terminal
from tests.tui.test_real_program import CHAT, RESTORED, children, replied, said, settle


def ends_with_an_error(terminal: Terminal, told: str) -> None:
    """The program gives the screen back, says one error, and ends with status 1."""
    assert terminal.wait_exit() == 1
    assert "Traceback" not in terminal.text
    after = bytes(terminal.bytes).rpartition(RESTORED)[2].decode()
    assert after.count("error: ") == 1
    assert told in " ".join(after.split())


def test_a_name_that_is_none_is_said_after_the_screen_is_given_back() -> None:
    with Terminal([*CHAT, "yuri"]) as terminal:
        ends_with_an_error(terminal, "did you mean 'yui'?")


def test_a_faulty_card_is_said_with_all_its_faults(tmp_path: Path) -> None:
    card = tmp_path / "mira.yaml"
    card.write_text("schema: 1\nname: mira\nlanguage: 7\n")
    with Terminal([*CHAT, str(card)]) as terminal:
        ends_with_an_error(terminal, "display_name")


def test_a_home_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with Terminal([*CHAT, "yui"], env={"ROLEPLAY_HOME": str(tmp_path / "file")}) as terminal:
        ends_with_an_error(terminal, "ROLEPLAY_HOME")


def test_conversations_of_a_newer_version_are_left_alone(home: Home) -> None:
    ChatStore(home.chats).close()
    with sqlite3.connect(home.chats) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = home.chats.read_bytes()
    with Terminal([*CHAT, "yui"]) as terminal:
        ends_with_an_error(terminal, "written by a newer roleplay")
    assert home.chats.read_bytes() == before


def test_nothing_to_resume_is_one_clear_error() -> None:
    with Terminal([*CHAT, "--resume"]) as terminal:
        ends_with_an_error(terminal, "there is no conversation to resume yet")


def test_a_paste_of_a_hundred_thousand_characters_is_refused_and_the_prompt_stays() -> None:
    with Terminal([*CHAT, "yui"], columns=120) as terminal:
        terminal.wait_for("Say something")
        terminal.type("before ")
        terminal.wait_for("before")
        terminal.type("\x1b[200~" + "长" * 100_000 + "\x1b[201~after")
        terminal.wait_for("The paste has 100,000 characters")
        terminal.wait_for("before after")
        terminal.type("\x11")
        assert terminal.wait_exit() == 0


SOAKED = [pytest.param(number, marks=pytest.mark.soak) for number in (signal.SIGTERM, signal.SIGHUP)]


@pytest.mark.parametrize("number", [signal.SIGINT, *SOAKED])
def test_a_signal_while_loading_ends_the_program_and_its_model(number: signal.Signals) -> None:
    with Terminal([*CHAT, "yui"], columns=120) as terminal:
        terminal.wait_for("importing")
        (worker,) = children(terminal.process.pid)
        os.kill(terminal.process.pid, number)
        assert terminal.wait_exit() == 130
        assert RESTORED in terminal.bytes
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_a_full_disk_is_told_and_the_reply_stays(home: Home) -> None:
    """A real refusal by the kernel: no file may grow past what the conversations have now."""
    with Terminal([*CHAT, "yui", "--max-new-tokens", "12", "--no-greet"], columns=120, rows=40) as terminal:
        terminal.wait_for("yui/")
        terminal.type("在吗？\r")
        replied(terminal, home, 1)
        size = home.chats.with_name(home.chats.name + "-wal").stat().st_size
        resource.prlimit(terminal.process.pid, resource.RLIMIT_FSIZE, (size, size))
        terminal.type("还在吗？\r")
        terminal.wait_for("cannot be read or written")
        assert "在吗？" in terminal.text
        assert len(said(home)) == 2
        terminal.type("\x11")
        assert terminal.wait_exit() == 0


@pytest.mark.soak
def test_a_model_that_is_removed_or_killed_costs_nothing_but_its_reply(home: Home, tmp_path: Path) -> None:
    base = shutil.copytree(shipped() / "data" / "pocket", tmp_path / "pocket")
    with Terminal([*CHAT, "yui", "--base", str(base), "--max-new-tokens", "400"], columns=120, rows=40) as terminal:
        terminal.wait_for("yui/")
        shutil.rmtree(base)
        terminal.type("在吗？\r")
        terminal.wait_for("tokens/s")  # what is loaded stays loaded
        terminal.type("\x1b")
        settle(terminal)
        (worker,) = children(terminal.process.pid)
        os.kill(worker, signal.SIGKILL)
        terminal.type("还在吗？\r")
        terminal.wait_for("Ctrl+R tries again")
        if "SIGKILL" in terminal.text:  # the message was quicker than the news of the death
            terminal.type("\x12")
        terminal.wait_for("there is no folder")
        assert "还在吗？" in terminal.text
        shutil.copytree(shipped() / "data" / "pocket", base)
        before = len(said(home))
        settle(terminal)
        terminal.type("\x12")
        terminal.wait(lambda: len(said(home)) > before)
        os.kill(terminal.process.pid, signal.SIGTERM)  # in the midst of a reply
        assert terminal.wait_exit() == 130
    assert [role for role, *_ in said(home)] == ["assistant", *["user", "assistant"] * 2]

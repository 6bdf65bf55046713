"""Conversations are on disk turn by turn, as a tree, and strangers' bytes stay out."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from roleplay.chat.store import ChatStore
from roleplay.errors import StorageError
from roleplay.paths import Home


def test_a_turn_is_on_disk_when_add_returns(home: Home) -> None:
    """The writer is killed right after its second turn."""
    script = (
        "import os, signal, sys; from pathlib import Path; from roleplay.chat.store import ChatStore\n"
        f"store = ChatStore(Path({str(home.chats)!r})); chat = store.new_chat('yui')\n"
        "first = store.add(chat, None, 'user', '在吗'); store.add(chat, first, 'assistant', '嗯', stopped='end')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    store = ChatStore(home.chats)
    turns = store.path_to(store.newest_turn(1))
    assert [(turn.role, turn.text, turn.parent, turn.stopped) for turn in turns] == [
        ("user", "在吗", None, None),
        ("assistant", "嗯", 1, "end"),
    ]


def test_two_replies_to_one_turn_are_two_branches(home: Home) -> None:
    store = ChatStore(home.chats)
    chat = store.new_chat("yui")
    said = store.add(chat, None, "user", "早")
    left = store.add(chat, said, "assistant", "早，学长。", lane="persona+prefix", prefixes=["who"])
    right = store.add(chat, said, "assistant", "……早。", lane="persona")
    assert [turn.text for turn in store.path_to(left)] == ["早", "早，学长。"]
    assert [turn.text for turn in store.path_to(right)] == ["早", "……早。"]
    assert store.path_to(left)[1].prefixes == ("who",)
    assert store.path_to(None) == []


def test_control_characters_are_not_kept(home: Home) -> None:
    store = ChatStore(home.chats)
    turn = store.add(store.new_chat("yui"), None, "user", "\x1b]0;title\x07hi\u202e")
    assert store.path_to(turn)[0].text == "]0;titlehi"


def test_a_file_of_a_newer_version_is_left_alone(home: Home) -> None:
    ChatStore(home.chats).close()
    with sqlite3.connect(home.chats) as database:
        database.execute("PRAGMA user_version = 99")
    before = home.chats.read_bytes()
    with pytest.raises(StorageError, match="newer roleplay \\(version 99, this one knows 1\\); upgrade"):
        ChatStore(home.chats)
    assert home.chats.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at" * 20])
def test_a_file_that_is_no_database_is_one_clear_error(home: Home, content: bytes) -> None:
    home.root.mkdir(parents=True)
    home.chats.write_bytes(content)
    with pytest.raises(StorageError, match="cannot be read or written"):
        ChatStore(home.chats)
    assert home.chats.read_bytes() == content


def test_a_home_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="ROLEPLAY_HOME"):
        ChatStore(tmp_path / "file" / "chats.sqlite3")


def test_a_full_disk_keeps_the_turns_of_before(home: Home) -> None:
    """A real refusal by the kernel: the file may not grow past its size."""
    script = (
        "import resource, signal, sys; from pathlib import Path; from roleplay.chat.store import ChatStore\n"
        "from roleplay.errors import StorageError\n"
        f"path = Path({str(home.chats)!r}); store = ChatStore(path); chat = store.new_chat('yui')\n"
        "turn = store.add(chat, None, 'user', 'kept')\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "size = path.with_name(path.name + '-wal').stat().st_size\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "try:\n    store.add(chat, turn, 'assistant', 'x' * 100_000)\n"
        "except StorageError as error:\n    sys.exit(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "finished turns are kept" in done.stderr
    assert "Traceback" not in done.stderr
    store = ChatStore(home.chats)
    assert [turn.text for turn in store.path_to(store.newest_turn(1))] == ["kept"]

"""Conversations are on disk turn by turn, as a tree, and strangers' bytes stay out."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roleplay.chat.store import ChatStore, StoredTurn
from roleplay.dialogue import Role
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
    turns = store.path_to(store.head(1))
    assert [(turn.role, turn.text, turn.parent, turn.stopped) for turn in turns] == [
        ("user", "在吗", None, None),
        ("assistant", "嗯", 1, "end"),
    ]


def test_every_turn_that_was_acknowledged_outlives_a_kill_at_any_instant(home: Home) -> None:
    script = (
        "import sys; from pathlib import Path; from roleplay.chat.store import ChatStore\n"
        f"store = ChatStore(Path({str(home.chats)!r})); chat = store.new_chat('yui'); turn = None\n"
        "while True:\n"
        "    turn = store.add(chat, turn, 'user', 'turn ' * 40)\n"
        "    sys.stdout.write(f'{turn}\\n'); sys.stdout.flush()\n"
    )
    acknowledged = 0
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(7):
                acknowledged = int(child.stdout.readline())
            child.kill()
            for line in child.stdout:  # what it acknowledged until the kill came through
                acknowledged = int(line) if line.endswith("\n") else acknowledged
        store = ChatStore(home.chats)
        line = store.path_to(acknowledged)
        store.close()
        assert len(line) >= 7
        assert line[-1].id == acknowledged
        assert {turn.text for turn in line} == {"turn " * 40}
    assert acknowledged >= 21


def test_every_turn_is_flushed_to_the_disk_itself(home: Home) -> None:
    """A power cut cannot be tried here; this is the setting that outlives one (sqlite.org/pragma.html)."""
    store = ChatStore(home.chats)

    assert store.database.rows("PRAGMA synchronous") == [(2,)]
    assert store.database.rows("PRAGMA journal_mode") == [("wal",)]


def test_many_may_open_a_new_file_at_once(home: Home) -> None:
    """The first to come makes the tables, the others find them made."""
    gate = threading.Barrier(8)

    def begin(number: int) -> int:
        gate.wait()
        store = ChatStore(home.chats)
        chat = store.new_chat(f"c{number}")
        store.close()
        return chat

    with ThreadPoolExecutor(8) as pool:
        chats = list(pool.map(begin, range(8)))

    assert sorted(chats) == list(range(1, 9))


def test_two_chats_keep_their_turns_apart(home: Home) -> None:
    one, other = ChatStore(home.chats), ChatStore(home.chats)
    first, second = one.new_chat("yui"), other.new_chat("yui")
    a = one.add(first, None, "user", "a")
    b = other.add(second, None, "user", "b")
    c = one.add(first, a, "assistant", "c")

    assert (one.head(first), one.head(second)) == (c, b)
    assert [turn.text for turn in other.path_to(c)] == ["a", "c"]
    assert one.head(one.new_chat("nobody")) is None


def test_a_long_conversation_comes_back_in_order(home: Home) -> None:
    store = ChatStore(home.chats)
    chat, turn = store.new_chat("yui"), None
    for number in range(60):
        turn = store.add(chat, turn, "user" if number % 2 == 0 else "assistant", str(number))

    line = store.path_to(turn)

    assert [turn.text for turn in line] == [str(number) for number in range(60)]
    assert [turn.parent for turn in line] == [None, *(turn.id for turn in line[:-1])]


def test_a_turn_comes_back_as_it_was_given(home: Home) -> None:
    store = ChatStore(home.chats)
    text = '\'; DROP TABLE turns; --\n\t学长🐈‍⬛ "%s" {{user}} [bold]'
    turn = store.add(
        store.new_chat("yui"), None, "assistant", text, lane="persona+prefix", prefixes=["who", "w'o"], stopped="length"
    )

    (found,) = store.path_to(turn)
    marks = (False, False, None, "", False, found.created)
    assert found == StoredTurn(turn, None, "assistant", text, "persona+prefix", ("who", "w'o"), "length", *marks)


@pytest.mark.parametrize(
    ("chat", "parent", "role"),
    [(99, None, "user"), (1, 99, "user"), (1, None, "system")],
    ids=["chat", "parent", "role"],
)
def test_a_turn_that_belongs_nowhere_is_refused(chat: int, parent: int | None, role: Role, home: Home) -> None:
    store = ChatStore(home.chats)
    store.new_chat("yui")

    with pytest.raises(StorageError, match="cannot be read or written"):
        store.add(chat, parent, role, "lost")

    assert store.head(chat) is None


def test_a_folder_in_the_place_of_the_file_is_one_clear_error(home: Home) -> None:
    home.chats.mkdir(parents=True)

    with pytest.raises(StorageError, match=r"cannot be read or written: .*; make room, check its permissions, or"):
        ChatStore(home.chats)


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
    with pytest.raises(StorageError, match=r"newer roleplay \(version 99, this one knows \d+\); upgrade"):
        ChatStore(home.chats)
    assert home.chats.read_bytes() == before


def test_a_file_that_is_no_database_is_one_clear_error(home: Home) -> None:
    content = b"not a database at all, but long enough to be looked at" * 20
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
    assert [turn.text for turn in store.path_to(store.head(1))] == ["kept"]

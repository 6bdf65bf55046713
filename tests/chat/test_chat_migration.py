"""A file of the first version becomes one of the newest, whole or not at all."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roleplay.chat.database import MIGRATIONS
from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from roleplay.errors import StorageError
from roleplay.paths import Home
from tests.chat.scripted import Scripted, begin, hear, stored

FIRST_VERSION = """
PRAGMA journal_mode = WAL;
CREATE TABLE chats (id INTEGER PRIMARY KEY, character TEXT NOT NULL, created REAL NOT NULL) STRICT;
CREATE TABLE turns (id INTEGER PRIMARY KEY, chat INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    parent INTEGER REFERENCES turns (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')), text TEXT NOT NULL, lane TEXT,
    prefixes TEXT NOT NULL, stopped TEXT, created REAL NOT NULL) STRICT;
CREATE INDEX turns_by_parent ON turns (chat, parent);
PRAGMA user_version = 1;
INSERT INTO chats VALUES (1, 'mira', 1700000000.0), (2, 'yui', 1700000100.0), (3, 'mira', 1700000200.0);
INSERT INTO turns VALUES
    (1, 1, NULL, 'assistant', 'Soup''s on.', NULL, '[]', NULL, 1700000001.0),
    (2, 2, NULL, 'user', '在吗', NULL, '[]', NULL, 1700000101.0),
    (3, 1, 1, 'user', 'Hi', NULL, '[]', NULL, 1700000300.0),
    (4, 2, 2, 'assistant', '嗯', 'persona+prefix', '["who"]', 'end', 1700000301.0),
    (5, 1, 3, 'assistant', 'Hello.', 'persona+prefix', '["late"]', 'length', 1700000302.0);
"""
"""As the first version wrote it: three chats, the last of them empty, turns of the others in turn."""
KEPT = "SELECT id, chat, parent, role, text, lane, prefixes, stopped, created FROM turns ORDER BY id"
"""What the first version knows of a turn."""
OLD_CHATS = [(1, "mira", 1, "Hi"), (2, "yui", 1, "在吗")]


@pytest.fixture
def old(home: Home) -> Path:
    """A file of the first version."""
    home.root.mkdir()
    database = sqlite3.connect(home.chats)
    database.executescript(FIRST_VERSION)
    database.close()
    return home.chats


def listed(store: ChatStore) -> list[tuple[int, str, int, str]]:
    return [(chat.id, chat.character, chat.said, chat.opening) for chat in store.chats()]


def rows(path: Path, *queries: str) -> list[list[tuple[object, ...]]]:
    database = sqlite3.connect(path)
    found = [database.execute(query).fetchall() for query in queries]
    database.close()
    return found


def test_an_old_file_keeps_every_turn_and_learns_its_heads(old: Path) -> None:
    before = rows(old, KEPT, "SELECT id, character, created FROM chats ORDER BY id")
    store = ChatStore(old)

    assert listed(store) == OLD_CHATS
    assert [store.head(chat) for chat in (1, 2, 3)] == [5, 4, None]
    assert stored(store, 1) == [("Soup's on.", None), ("Hi", None), ("Hello.", "length")]
    assert stored(store, 2) == [("在吗", None), ("嗯", "end")]
    store.close()
    assert rows(old, KEPT, "SELECT id, character, created FROM chats ORDER BY id") == before
    assert rows(old, "PRAGMA user_version", "PRAGMA foreign_key_check") == [[(len(MIGRATIONS),)], []]


def test_an_old_conversation_can_be_resumed(old: Path) -> None:
    store = ChatStore(old)
    session: Session = begin(Scripted("Aye."), store)
    session.resume(1)
    assert session.active == ["late"]
    session.say("And?")
    hear(session)

    assert [text for text, _ in stored(store, 1)] == ["Soup's on.", "Hi", "Hello.", "And?", "Aye."]
    assert [chat.id for chat in store.chats()] == [1, 2]


def test_a_new_file_and_a_migrated_one_have_the_same_tables(old: Path, tmp_path: Path) -> None:
    for path in (old, tmp_path / "new.sqlite3"):
        ChatStore(path).close()
    columns = [f"PRAGMA table_info({table})" for table in ("chats", "turns")] + ["PRAGMA foreign_key_list(chats)"]

    assert rows(old, *columns) == rows(tmp_path / "new.sqlite3", *columns)


def test_a_second_opening_changes_nothing(old: Path) -> None:
    store = ChatStore(old)
    redrawn = store.add(1, 3, "assistant", "beside", lane="base", head=False)
    store.close()

    assert redrawn > 5
    assert ChatStore(old).head(1) == 5


def test_threads_that_open_an_old_file_at_once_migrate_it_once(old: Path) -> None:
    gate = threading.Barrier(8)

    def open_it(_: int) -> list[tuple[int, str, int, str]]:
        gate.wait()
        store = ChatStore(old)
        found = listed(store)
        store.close()
        return found

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_it, range(8))) == [OLD_CHATS] * 8


def test_processes_that_open_an_old_file_at_once_migrate_it_once(old: Path) -> None:
    """Each waits for the signal of all the others to be there."""
    script = (
        "import sys; from pathlib import Path; from roleplay.chat.store import ChatStore\n"
        "print('here', flush=True); sys.stdin.readline()\n"
        f"print(len(ChatStore(Path({str(old)!r})).chats()))\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout.readline() == "here\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()

    assert [child.communicate(timeout=60) for child in children] == [("2\n", "")] * 4
    assert [child.returncode for child in children] == [0] * 4
    assert rows(old, "PRAGMA user_version", "SELECT head FROM chats ORDER BY id") == [
        [(len(MIGRATIONS),)],
        [(5,), (4,), (None,)],
    ]


def test_a_migration_that_fails_leaves_the_old_file_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last statement fails, after those before have changed the tables."""
    steps = ("ALTER TABLE chats ADD COLUMN head INTEGER", "DELETE FROM turns", "UPDATE nowhere SET head = 1")
    tables = ("SELECT * FROM turns", "SELECT * FROM chats", "PRAGMA user_version", "PRAGMA table_info(chats)")
    before = rows(old, *tables)

    with monkeypatch.context() as patch:
        patch.setattr("roleplay.chat.database.MIGRATIONS", ((), steps))
        with pytest.raises(StorageError, match="no such table: nowhere; make room"):
            ChatStore(old)

    assert rows(old, *tables) == before
    assert listed(ChatStore(old)) == OLD_CHATS


def test_a_full_disk_during_the_migration_leaves_the_old_file_as_it_was(old: Path, tmp_path: Path) -> None:
    """A real refusal by the kernel: no file may grow past its size."""
    copy = shutil.copytree(old.parent, tmp_path / "copy") / old.name
    script = (
        "import resource, signal, sys; from pathlib import Path; from roleplay.chat.store import ChatStore\n"
        "from roleplay.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        f"try:\n    ChatStore(Path({str(copy)!r}))\nexcept StorageError as error:\n    sys.exit(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make room" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(copy, "PRAGMA user_version", "SELECT count(*) FROM turns") == [[(1,)], [(5,)]]
    assert listed(ChatStore(copy)) == OLD_CHATS

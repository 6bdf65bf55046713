"""What is on disk while a reply streams, after a kill, and after the disk was full."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from roleplay.chat.question import Heard
from roleplay.chat.store import ChatStore
from roleplay.errors import StorageError
from roleplay.generation.events import Finished
from roleplay.paths import Home
from tests.chat.scripted import ALONE, BESIDE, SEVEN, Scripted, begin, hear, shown, stored

ROOT = Path(__file__).parents[2]
BEGIN = (
    "import resource, signal, sys, time; from pathlib import Path\n"
    "from roleplay.chat.store import ChatStore; from roleplay.errors import StorageError\n"
    "from roleplay.generation.events import Piece\n"
    "from tests.chat.scripted import *\n"
    "store = ChatStore(Path(sys.argv[1]))\n"
)


def child(script: str, home: Home) -> list[str]:
    """The command of a process that runs `script` with a store in `home`."""
    return [sys.executable, "-c", BEGIN + script, str(home.chats)]


def test_a_kill_in_the_middle_of_a_reply_keeps_the_half_that_was_said(home: Home) -> None:
    script = (
        "session = begin(Scripted(Reply(['Well', ', I', ' never'])), store); session.say('Hi')\n"
        "for heard in session.answer(BESIDE, SEVEN):\n"
        "    if isinstance(heard, Piece):\n"
        "        print(heard.text, flush=True); time.sleep({'WELL': 1.05, ', I': 60}.get(heard.text, 0))\n"
    )
    with subprocess.Popen(child(script, home), stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["Well\n", "WELL\n", ", I\n"]
        process.kill()
    assert process.returncode == -signal.SIGKILL

    store = ChatStore(home.chats)
    assert stored(store) == [("Hi", None), ("Well, I", "cut")]
    assert {turn.text for turn in store.replies_to(1)} == {"Well, I", "WELL"}
    session = begin(Scripted("Yes."), store)
    session.resume(1)
    session.say("Go on")
    hear(session)
    assert [text for text, _ in stored(store)] == ["Hi", "Well, I", "Go on", "Yes."]


def test_the_persons_turn_is_on_disk_before_anything_is_asked(home: Home) -> None:
    store = ChatStore(home.chats)
    begin(Scripted(), store, greet=True).say("Hi")

    assert stored(store) == [("Soup's on.", None), ("Hi", None)]


def test_a_greeting_alone_is_not_kept(home: Home) -> None:
    store = ChatStore(home.chats)
    begin(Scripted(), store, greet=True).save()

    assert rows(home, "SELECT count(*) FROM chats") == [(0,)]


def test_what_cannot_be_kept_is_told_at_the_end_and_kept_later_in_order(home: Home) -> None:
    store = ChatStore(home.chats)
    session = begin(Scripted("one", "two", "three"), store)
    session.say("Hi")
    hear(session)
    store.database._connection.execute("PRAGMA query_only = ON")

    session.say("And?")
    heard: list[Heard] = []
    with pytest.raises(StorageError, match="readonly"):
        heard.extend(session.answer(BESIDE, SEVEN))
    with pytest.raises(StorageError, match="readonly"):
        hear(session)

    assert [event.text for event in heard if isinstance(event, Finished)] == ["two", "TWO"]
    assert shown(session) == ["Hi", "one", "And?", "three"]
    assert [text for text, _ in stored(store)] == ["Hi", "one"]
    store.database._connection.execute("PRAGMA query_only = OFF")
    session.save()
    assert stored(store) == [("Hi", None), ("one", "end"), ("And?", None), ("three", "end")]
    assert {turn.text for turn in store.replies_to(store.path_to(store.head(1))[2].id)} == {"two", "TWO", "three"}


def test_saving_twice_writes_nothing_new(home: Home) -> None:
    store = ChatStore(home.chats)
    session = begin(Scripted("one"), store)
    session.say("Hi")
    hear(session, BESIDE)
    before = rows(home, "SELECT * FROM turns")
    session.save()

    assert len(before) == 3
    assert rows(home, "SELECT * FROM turns") == before


def test_a_disk_that_was_full_gets_all_of_it_once_there_is_room(home: Home) -> None:
    """A real refusal by the kernel: no file may grow past its size, until it may again."""
    script = (
        "session = begin(Scripted('one', 'two', 'three'), store); session.say('Hi'); hear(session)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "size = Path(sys.argv[1] + '-wal').stat().st_size; hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))\n"
        "for text in ('long ' * 20_000, 'And?'):\n"
        "    session.say(text)\n"
        "    try:\n        hear(session)\n"
        "    except StorageError as error:\n        print(error)\n"
        "print([text for text, _ in stored(store)])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)); session.save()\n"
    )
    done = subprocess.run(child(script, home), capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ)
    *errors, kept = done.stdout.splitlines()

    assert kept == "['Hi', 'one']"
    assert len(errors) == 2
    assert all("finished turns are kept" in error for error in errors)
    texts = [text for text, _ in stored(ChatStore(home.chats))]
    assert texts == ["Hi", "one", ("long " * 20_000).strip(), "two", "And?", "three"]


def test_a_chat_that_is_not_kept_talks_all_the_same(home: Home) -> None:
    session = begin(Scripted("one", "two"))
    session.say("Hi")
    hear(session, BESIDE)
    hear(session, ALONE)
    session.save()

    assert shown(session) == ["Hi", "two"]
    assert not home.root.exists()


def rows(home: Home, query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(home.chats)
    found = database.execute(query).fetchall()
    database.close()
    return found

"""JSON Lines carry the whole tree; read again it is the same."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.chat.search import search
from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore, Pin, StoredTurn
from roleplay.chat.transcripts.export import export_chat
from roleplay.chat.transcripts.import_ import import_chat
from roleplay.chat.transcripts.jsonl import read_jsonl, to_jsonl
from roleplay.chat.whole import WholeChat, read_whole, write_whole
from roleplay.errors import FileFaults, StorageError
from roleplay.paths import Home
from tests.chat.scripted import Scripted, shown
from tests.chat.transcripts.conftest import TWO_GREETINGS


@pytest.fixture
def file(lived: Session, store: ChatStore, home: Home, tmp_path: Path) -> Path:
    """The conversation, exported."""
    file = tmp_path / "chat.jsonl"
    file.write_text(export_chat(store, 1, "jsonl", home).text, encoding="utf-8")
    return file


def test_a_chat_imported_again_is_the_same_tree(lived: Session, store: ChatStore, file: Path) -> None:
    before = read_whole(store, 1)
    store.new_chat("other")
    store.add(2, None, "user", "so that numbers differ")
    done = import_chat(store, file, TWO_GREETINGS)
    after = read_whole(store, done.chat)

    assert (done.form, done.turns, done.report) == ("jsonl", len(before.turns), ())
    assert to_jsonl(read_jsonl(file)) == file.read_text(encoding="utf-8")
    assert read_jsonl(file) == before
    assert after.turns[0].id != before.turns[0].id
    assert (after.pin, after.settings, after.created) == (before.pin, before.settings, before.created)
    assert [turn.text for turn in after.line] == [turn.text for turn in before.line] == shown(lived)
    assert positions(after) == positions(before)


def test_an_imported_chat_goes_on(lived: Session, store: ChatStore, file: Path) -> None:
    session = Session(TWO_GREETINGS, TWO_GREETINGS.prefixes, Scripted("Aye."), store, greet=True)
    session.resume(import_chat(store, file, TWO_GREETINGS).chat)

    assert shown(session) == shown(lived)
    assert (session.active, session.settings.strength) == (["who", "late"], 0.8)
    assert {said.text for said in session.tree.ways(session.line[0])} == {"Soup's on.", "Late again?"}
    assert session.line[-1].can_continue


def test_an_imported_chat_is_found(lived: Session, store: ChatStore, file: Path) -> None:
    chat = import_chat(store, file, TWO_GREETINGS).chat

    assert [found.chat for found in search(store, "猫")] == [chat, 1]


@pytest.mark.parametrize(
    ("line", "change", "told"),
    [
        (0, {"roleplay_chat": 2}, r"chat.jsonl:1: roleplay_chat: input should be 1; get the file again"),
        (0, {"head": 99}, r"chat.jsonl:1: head: 99 is no turn of the file"),
        (0, {"extra": 1}, r"chat.jsonl:1: extra: extra inputs are not permitted"),
        (2, {"parent": 99}, r"chat.jsonl:3: parent: 99 is no turn above it"),
        (2, {"origin": 99}, r"chat.jsonl:3: origin: 99 is no turn above it"),
        (2, {"id": 1}, r"chat.jsonl:3: id: 1 is there already"),
        (2, {"role": "system"}, r"chat.jsonl:3: role: input should be 'user' or 'assistant'"),
        (2, {"created": float("inf")}, r"chat.jsonl:3: created: input should be a finite number"),
        (2, {"drawn": [1]}, r"chat.jsonl:3: drawn: input should be a valid dictionary"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_nothing_is_kept(
    store: ChatStore, file: Path, line: int, change: dict[str, object], told: str
) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | change)
    file.write_text("\n".join(lines), encoding="utf-8")
    chats = store.database.rows("SELECT count(*) FROM chats")

    with pytest.raises(FileFaults, match=told):
        import_chat(store, file, TWO_GREETINGS)
    assert store.database.rows("SELECT count(*) FROM chats") == chats


def test_every_fault_is_told_at_once(store: ChatStore, file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([lines[0], "{half", "7", *lines[3:]]), encoding="utf-8")

    with pytest.raises(FileFaults) as caught:
        import_chat(store, file, TWO_GREETINGS)
    assert {2, 3} <= {fault.line for fault in caught.value.faults}


def test_an_import_that_fails_half_way_leaves_nothing(lived: Session, store: ChatStore) -> None:
    whole = read_whole(store, 1)
    bad = WholeChat("mira", 1.0, (*whole.turns[:3], faulty(whole.turns[3])), None, Pin(None, None, None))
    counts = "SELECT (SELECT count(*) FROM chats), (SELECT count(*) FROM turns), (SELECT count(*) FROM words)"
    before = store.database.rows(counts)

    with pytest.raises(StorageError):
        write_whole(store, bad)
    assert store.database.rows(counts) == before


def test_strangers_bytes_stay_out(store: ChatStore, file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | {"text": "a\x1b[2Jb", "lane": "\x9bX", "prefixes": ["\u202ewho"]})
    file.write_text("\n".join(lines), encoding="utf-8")
    turn = read_whole(store, import_chat(store, file, TWO_GREETINGS).chat).turns[1]

    assert (turn.text, turn.lane, turn.prefixes) == ("a[2Jb", "X", ("who",))


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.text(max_size=20), st.booleans()), max_size=30))
def test_any_tree_comes_back(drawn: list[tuple[int, bool, str, bool]]) -> None:
    store = ChatStore(Path(":memory:"))
    chat, numbers = store.new_chat("mira"), [None]
    for parent, user, text, deleted in drawn:
        at = numbers[parent % len(numbers)]
        numbers.append(store.add(chat, at, "user" if user else "assistant", text))  # type: ignore[arg-type]
        store.mark(numbers[-1] or 0, beside=not user, taken=False, deleted=deleted)
    before = read_whole(store, chat)
    after = read_whole(store, write_whole(store, before))

    assert positions(after) == positions(before)
    store.close()


def positions(whole: WholeChat) -> list[tuple[object, ...]]:
    """The turns with places in the list for numbers."""
    at = {turn.id: i for i, turn in enumerate(whole.turns)} | {None: None}
    return [
        (at[turn.parent], at[turn.origin], turn.id == whole.head, *list(vars(turn).values())[2:9], turn.drawn,
         turn.deleted, turn.created)
        for turn in whole.turns
    ]  # fmt: skip


def faulty(turn: StoredTurn) -> StoredTurn:
    """A turn that the file refuses."""
    return StoredTurn(**{**vars(turn), "role": "system"})

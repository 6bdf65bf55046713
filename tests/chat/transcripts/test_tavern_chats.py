"""SillyTavern chats: out with swipes and a count of what has no place, in with every message."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore, StoredTurn
from roleplay.chat.transcripts.export import export_chat
from roleplay.chat.transcripts.import_ import Imported, import_chat
from roleplay.chat.transcripts.tavern_dates import read_date
from roleplay.chat.whole import WholeChat, read_whole
from roleplay.corpora.read import read
from roleplay.errors import FileFaults
from roleplay.paths import Home
from tests.chat.scripted import Scripted, hear, shown
from tests.chat.transcripts.conftest import TWO_GREETINGS

HEAD = {
    "user_name": "Captain",
    "character_name": "Mira",
    "create_date": "2024-7-12@01h31m37s",
    "chat_metadata": {"note_prompt": "x"},
}


def message(name: str, mes: object, **more: object) -> dict[str, object]:
    return {"name": name, "is_user": name == "Captain", "send_date": "July 12, 2024 1:31am", "mes": mes, **more}


def write(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def brought(store: ChatStore, tmp_path: Path, *rows: object) -> tuple[Imported, WholeChat]:
    done = import_chat(store, write(tmp_path / "chat.jsonl", *rows), TWO_GREETINGS)
    return done, read_whole(store, done.chat)


def ways(whole: WholeChat) -> list[tuple[str, list[str]]]:
    """Each turn of the path with all in its place."""
    return [(turn.text, [way.text for way in whole.ways(turn)]) for turn in whole.line]


def test_replies_go_out_with_their_swipes(lived: Session, store: ChatStore, home: Home) -> None:
    done = export_chat(store, 1, "sillytavern", home)
    head, *messages = [json.loads(line) for line in done.text.splitlines()]

    assert (head["user_name"], head["character_name"], head["chat_metadata"]) == ("Captain", "Mira", {})
    assert read_date(head["create_date"]) == int(read_whole(store, 1).created)
    assert [(said["name"], said["is_user"], said["mes"]) for said in messages] == [
        ("Mira", False, "Late again?"),
        ("Captain", True, "Hi there"),
        ("Mira", False, "HELLO."),
        ("Captain", True, "猫呢？"),
        ("Mira", False, "On the roof,"),
        ("Captain", True, "Why?"),
        ("Mira", False, "Because"),
    ]
    assert (messages[2]["swipes"], messages[2]["swipe_id"]) == (["Hello.", "HELLO."], 1)
    assert (messages[4]["swipes"], messages[4]["swipe_id"]) == (["In the soup.", "On the roof,"], 1)
    assert messages[4]["swipe_info"][0]["extra"]["roleplay"]["prefixes"] == ["who", "late"]
    assert done.left_out == ("3 swipes and turns of other branches", "2 deleted turns")


def test_what_went_out_comes_back_with_its_swipes(lived: Session, store: ChatStore, home: Home, tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text(export_chat(store, 1, "sillytavern", home).text, encoding="utf-8")
    done = import_chat(store, file, TWO_GREETINGS)
    whole = read_whole(store, done.chat)

    assert (done.form, done.report) == ("sillytavern", ())
    assert [turn.text for turn in whole.line] == shown(lived)
    assert [turn.lane for turn in whole.line] == [said.lane for said in lived.line]
    assert [turn.prefixes for turn in whole.line] == [said.prefixes for said in lived.line]
    assert [turn.stopped for turn in whole.line] == [said.stopped for said in lived.line]
    assert [dict(ways(whole))[text] for text in ("HELLO.", "On the roof,")] == [
        ["Hello.", "HELLO."],
        ["In the soup.", "On the roof,"],
    ]
    assert export_chat(store, done.chat, "sillytavern", home).left_out == ()


def test_what_goes_out_is_read_as_a_corpus_too(lived: Session, store: ChatStore, home: Home, tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text(export_chat(store, 1, "sillytavern", home).text, encoding="utf-8")
    reading = read(file)
    (dialogue,) = list(reading)

    assert reading.report.lost == 0
    assert [turn.text for turn in dialogue.turns] == shown(lived)  # type: ignore[union-attr]


def test_swipes_of_greetings_and_replies_become_ways(store: ChatStore, tmp_path: Path) -> None:
    done, whole = brought(
        store,
        tmp_path,
        HEAD,
        message("Mira", "Soup?", swipes=["Hello.", "Soup?"], swipe_id=1),
        message("Captain", "Hi"),
        message("Mira", "b", swipes=["a", "b", "c", ""], swipe_id=1, extra={"model": "small"}),
        message("Captain", "Bye"),
    )

    assert ways(whole) == [("Soup?", ["Hello.", "Soup?"]), ("Hi", ["Hi"]), ("b", ["a", "b", "c"]), ("Bye", ["Bye"])]
    assert [turn.lane for turn in whole.line] == [None, None, "@small", None]
    assert [turn.lane for turn in whole.ways(whole.line[2])] == ["@imported", "@small", "@imported"]
    assert (done.turns, done.report) == (7, ())
    session = Session(TWO_GREETINGS, TWO_GREETINGS.prefixes, Scripted("Fare well."), store)
    session.resume(done.chat)
    hear(session)
    assert session.active == ["who"]
    assert shown(session) == ["Soup?", "Hi", "b", "Bye", "Fare well."]


def test_an_imported_reply_can_be_drawn_anew(store: ChatStore, tmp_path: Path) -> None:
    done, _ = brought(store, tmp_path, HEAD, message("Captain", "Hi"), message("Mira", "Hello."))
    session = Session(TWO_GREETINGS, TWO_GREETINGS.prefixes, Scripted("Aye."), store)
    session.resume(done.chat)
    assert session.can_regenerate
    hear(session)

    assert [said.text for said in session.tree.ways(session.line[-1])] == ["Hello.", "Aye."]


def test_replies_that_follow_each_other_are_one(store: ChatStore, tmp_path: Path) -> None:
    done, whole = brought(
        store,
        tmp_path,
        message("Captain", "Hi"),
        message("Mira", "b", swipes=["a", "b"], swipe_id=1),
        message("Mira", "d", swipes=["c", "d"], swipe_id=1),
        message("Captain", "One"),
        message("Captain", "Two"),
    )

    assert ways(whole)[1:] == [("b\n\nd", ["a", "b\n\nc", "b\n\nd"]), ("One", ["One"]), ("Two", ["Two"])]
    assert "1 turns merged" in done.report[0]


def test_others_who_talk_are_told_apart(store: ChatStore, tmp_path: Path) -> None:
    done, whole = brought(
        store,
        tmp_path,
        HEAD | {"character_name": "unused"},
        message("Mira", "Hello."),
        message("Captain", "Hi"),
        message("Bo", "Me too."),
        message("Mira", "Quiet, Bo."),
    )

    assert [turn.text for turn in whole.line] == ["Hello.", "Hi", "Bo: Me too.\n\nQuiet, Bo."]
    assert "1 messages of others than Mira begin with the name of who said them" in done.report


def test_hidden_messages_are_kept_and_not_sent(store: ChatStore, tmp_path: Path) -> None:
    done, whole = brought(
        store,
        tmp_path,
        message("Captain", "Hi"),
        message("Mira", "(note)", is_system=True),
        message("Mira", "Hello."),
    )

    assert [turn.text for turn in whole.line] == ["Hi", "Hello."]
    assert [(turn.text, turn.deleted) for turn in whole.turns][1] == ("(note)", True)
    assert "1 messages were hidden from the chat; they are kept as deleted turns" in done.report


def test_a_text_changed_behind_its_swipes_loses_neither(store: ChatStore, tmp_path: Path) -> None:
    _, whole = brought(
        store, tmp_path, message("Captain", "Hi"), message("Mira", "new", swipes=["old", "other"], swipe_id=0)
    )

    assert ways(whole)[1] == ("new", ["old", "other", "new"])


def test_lines_that_are_wrong_are_told_by_number(store: ChatStore, tmp_path: Path) -> None:
    done, whole = brought(
        store, tmp_path, HEAD, message("Captain", "Hi"), "{half", [1], message("Mira", 7), message("Mira", " "),
        message("Mira", "A\x1b[2Jy\u202ee", swipes="none", swipe_id="x", swipe_info=7, extra=[]),
    )  # fmt: skip

    assert [turn.text for turn in whole.line] == ["Hi", "A[2Jye"]
    assert done.report == (
        "6 rows read, 2 kept, 4 dropped, 0 turns merged",
        "dropped 2: is no message of a chat (row 4, 5)",
        "dropped 1: is not JSON (row 3)",
        "dropped 1: is an empty message (row 6)",
    )


@pytest.mark.parametrize("rows", [(), (HEAD,), ("{}",), ({"text": "a corpus"},)])
def test_a_file_without_a_message_is_one_clear_error(store: ChatStore, tmp_path: Path, rows: tuple[Any, ...]) -> None:
    with pytest.raises(FileFaults, match=r"chat.jsonl: holds no message of a chat; give a chat as SillyTavern"):
        brought(store, tmp_path, *rows)


def test_a_missing_file_is_one_clear_error(store: ChatStore, tmp_path: Path) -> None:
    with pytest.raises(FileFaults, match="cannot be read"):
        import_chat(store, tmp_path / "none.jsonl", TWO_GREETINGS)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-07-12T01:31:37.500Z", 1720747897.5),
        (1720747897500, 1720747897.5),
        ("1720747897500", 1720747897.5),
        (1720747897, 1720747897.0),
        ("tomorrow", None),
        ("2024-13-45@99h", None),
        (None, None),
        (float("nan"), None),
        (10**30, None),
        ([], None),
    ],
)
def test_dates_are_read_as_they_were_written(text: object, utc: float | None) -> None:
    assert read_date(text) == utc


@pytest.mark.parametrize(
    "text",
    ["2024-7-12@01h31m37s", "2024-07-12 @01h 31m 37s 123ms", "2024-07-12@01h31m37s123ms", "July 12, 2024 1:31am"],
)
def test_dates_in_local_time_are_read(text: str) -> None:
    moment = read_date(text)
    assert moment is not None
    assert datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M") == "2024-07-12 01:31"


def test_turns_keep_their_times(store: ChatStore, tmp_path: Path) -> None:
    _, whole = brought(
        store,
        tmp_path,
        HEAD,
        message("Captain", "Hi", send_date="2024-07-12T01:31:37Z"),
        message("Mira", "Hello.", send_date="soon"),
    )
    line: list[StoredTurn] = whole.line

    assert [turn.created for turn in line] == [1720747897.0, 1720747897.0]

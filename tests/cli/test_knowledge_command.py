"""`roleplay knowledge`: building, what is in it, searching, forgetting, and what goes wrong."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from roleplay.chat import books
from roleplay.knowledge.database import building
from roleplay.knowledge.passage import Block
from roleplay.paths import Home
from tests.cli.conftest import Outcome, in_a_process, refused, roleplay

LOCK = "# The lock\n\nThe lower gate sticks in winter.\n\n# The goat\n\nNettle eats thistles and letters.\n"
TOWN = "The bakery opens at five.\n"


@pytest.fixture
def knowing(pell: Path) -> Path:
    """Pell's card, which names a folder of two books and a picture."""
    folder = pell.parent / "books"
    folder.mkdir()
    (folder / "lock.md").write_text(LOCK)
    (folder / "town.txt").write_text(TOWN)
    (folder / "map.png").write_bytes(b"\x89PNG")
    pell.write_text(pell.read_text() + "knowledge: [books]\n")
    return pell


@pytest.fixture
def built(knowing: Path, home: Home) -> Path:
    """Pell's index."""
    assert build().status == 0
    return home.knowledge_of("pell")


def build(*options: object) -> Outcome:
    return roleplay("knowledge", "build", "pell", *options)


def numbers(**others: int) -> dict[str, int]:
    return {"read": 0, "unchanged": 0, "removed": 0, "passages": 0, "embedded": 0} | others


def search(question: str, *options: object) -> list[Any]:
    outcome = roleplay("knowledge", "search", "pell", question, "--json", *options)
    assert (outcome.status, outcome.err) == (0, "")
    return outcome.json


def texts(question: str, *options: object) -> list[str]:
    return [found["passage"]["text"] for found in search(question, *options)]


# --- building ---


def test_books_are_read_once_and_what_no_reader_knows_is_told(knowing: Path) -> None:
    first = build()
    assert first.out == "2 files read, 0 unchanged, 0 gone; 3 new passages\n"
    assert first.err.splitlines() == [
        "books/map.png is of no kind that is read here; left out",
        "1/2 books/lock.md",
        "2/2 books/town.txt",
    ]
    again = build("--json")
    assert again.json == numbers(unchanged=2)
    assert [line for line in again.err.splitlines() if "/2 " in line] == []


def test_only_what_changed_is_read_again_and_what_is_gone_is_forgotten(built: Path, knowing: Path) -> None:
    town = knowing.parent / "books" / "town.txt"
    town.write_text("The bakery opens at six.\n")
    assert build("--json").json == numbers(read=1, unchanged=1, passages=1)
    assert texts("bakery") == ["The bakery opens at six."]
    town.unlink()
    assert build("--json").json == numbers(unchanged=1, removed=1)
    assert texts("bakery") == []


def test_other_sizes_of_passages_have_all_read_again(built: Path) -> None:
    assert build("--budget", 16, "--overlap", 0, "--json").json["read"] == 2
    assert build("--budget", 16, "--overlap", 0, "--json").json["unchanged"] == 2
    assert max(found["passage"]["tokens"] for found in search("gate goat bakery", "-k", 100)) <= 16


def test_the_bar_shows_no_character_that_steers_a_terminal(knowing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (knowing.parent / "books" / "a\x1b[2J\u202eb.txt").write_text(TOWN)
    told: list[str] = []
    bar = SimpleNamespace(update=lambda task, **values: told.append(values["description"]), stop=lambda: None)
    monkeypatch.setattr("roleplay.cli.terminal_bar.begin_bar", lambda *, transient: (bar, 0))
    assert build().status == 0
    assert told[0] == "books/a[2Jb.txt"


def test_a_build_that_is_interrupted_goes_on_behind_what_was_finished(
    knowing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path) -> Iterator[Block]:
        if path.name == "town.txt":
            raise KeyboardInterrupt
        yield Block("paragraph", "The lock.", 0)

    with monkeypatch.context() as patch:
        patch.setattr(books, "read_document", interrupted)
        assert build().status == 130
    assert texts("lock") == ["The lock."]
    assert build("--json").json == numbers(read=1, unchanged=1, passages=1)


def test_a_file_that_cannot_be_read_keeps_its_old_passages_and_all_such_are_told(built: Path, knowing: Path) -> None:
    folder = knowing.parent / "books"
    (folder / "lock.md").write_text("")
    (folder / "town.txt").write_bytes(b"\n \n")
    (folder / "more.txt").write_text("A ferry comes on Mondays.\n")
    told = refused(build(), 1)
    assert "lock.md" in told
    assert "town.txt" in told
    assert told.count("holds no text; write some, or take it off the card") == 2
    assert texts("thistles") == ["Nettle eats thistles and letters."]
    assert texts("bakery") == ["The bakery opens at five."]
    assert texts("ferry") == ["A ferry comes on Mondays."], "the others are read none the less"


def test_two_builds_at_once_are_one_error_and_the_index_stays(built: Path, knowing: Path) -> None:
    (knowing.parent / "books" / "town.txt").write_text("Changed.\n")
    with building(built):
        assert "another process is building" in refused(build(), 1)
        assert "another process is building" in refused(roleplay("knowledge", "rm", "pell", "--yes"), 1)
        assert "another process is building" in refused(roleplay("knowledge", "rm", "pell", "books/lock.md"), 1)
    assert texts("bakery") == ["The bakery opens at five."]
    assert build("--json").json["read"] == 1


def test_an_index_of_another_version_is_refused_by_search_and_built_anew(built: Path) -> None:
    with sqlite3.connect(built) as connection:
        connection.execute("PRAGMA user_version = 1")
    told = refused(roleplay("knowledge", "search", "pell", "gate"), 1)
    assert "another version" in told
    assert "build it again with 'roleplay knowledge build pell'" in told
    assert build("--json").json == numbers(read=2, passages=3)
    assert len(texts("gate")) == 1


@pytest.mark.parametrize("content", [b"", b"this is no index " * 99])
def test_what_is_no_index_can_be_removed_and_built_anew(built: Path, content: bytes) -> None:
    built.write_bytes(content)
    for beside in built.parent.glob("*-wal"):
        beside.unlink()
    refused(roleplay("knowledge", "stats", "pell"), 1)
    if content:
        assert "remove it and build it again" in refused(build(), 1)
        assert roleplay("knowledge", "rm", "pell", "--yes").status == 0
    assert build("--json").json == numbers(read=2, passages=3)


# --- looking ---


def test_stats_tell_files_passages_and_size(built: Path) -> None:
    told = roleplay("knowledge", "stats", "pell")
    assert (told.status, told.err) == (0, "")
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines] == ["2", "1", "3"]
    assert [line.split()[-1] for line in lines[:2]] == ["books/lock.md", "books/town.txt"]
    assert "tokens in all; no vectors: searched by words; 0.1 MB" in lines[2]

    found = roleplay("knowledge", "stats", "pell", "--json").json
    assert (found["passages"], found["embedder"], found["vectors"]) == (3, None, 0)
    assert [(file["name"], file["passages"]) for file in found["files"]] == [
        ("books/lock.md", 2),
        ("books/town.txt", 1),
    ]
    assert sum(file["tokens"] for file in found["files"]) == found["tokens"] > 10


def test_a_question_finds_passages_with_their_place(built: Path) -> None:
    told = roleplay("knowledge", "search", "pell", "What does the goat eat?")
    assert (told.status, told.err) == (0, "")
    assert told.out == "books/lock.md:7 · The goat  words 1\n  Nettle eats thistles and letters.\n"

    (found,) = search("What does the goat eat?")
    assert (found["text_rank"], found["vector_rank"]) == (1, None)
    place = found["passage"]["place"]
    assert (place["file"], place["headings"], place["line"]) == ("books/lock.md", ["The goat"], 7)
    assert LOCK[place["start"] : place["end"]] == found["passage"]["text"]
    assert len(found["identity"]) == 64


def test_as_many_are_shown_as_asked_for(built: Path) -> None:
    assert len(search("gate goat bakery")) == 3
    assert len(search("gate goat bakery", "-k", 2)) == 2
    assert roleplay("knowledge", "search", "pell", "x", "-k", 0).status == 2


def test_where_nothing_is_found_that_is_told(built: Path) -> None:
    nothing = roleplay("knowledge", "search", "pell", "zebra")
    assert (nothing.status, nothing.out, nothing.err) == (0, "", "nothing found\n")
    assert search("zebra") == []


def test_nothing_that_a_book_holds_steers_the_terminal(knowing: Path) -> None:
    (knowing.parent / "books" / "town.txt").write_text("Bakery \x1b]52;c;x\x07\u202e [red]five[/red] \x9b2J\n")
    assert build().status == 0
    told = roleplay("knowledge", "search", "pell", "bakery").out
    assert told.endswith("  Bakery ]52;c;x [red]five[/red] 2J\n")
    assert texts("bakery") == ["Bakery ]52;c;x [red]five[/red] 2J"]


def test_the_real_command_searches_without_a_heavy_library(built: Path) -> None:
    code = (
        "import sys; from roleplay.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "print({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules), file=sys.stderr)"
    )
    arguments = ("knowledge", "search", "pell", "the lower gate", "--json")
    told = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert told.stderr == "set()\n"
    assert json.loads(told.stdout)[0]["passage"]["text"] == "The lower gate sticks in winter."
    assert in_a_process("knowledge", "stats", "pell").out.count("\n") == 3


# --- forgetting ---


def test_one_file_is_taken_out_until_the_next_build(built: Path) -> None:
    told = roleplay("knowledge", "rm", "pell", "books/town.txt")
    assert (told.status, told.out) == (0, "")
    assert told.err == "books/town.txt is out of the index; a build puts it back while the card names it\n"
    assert texts("bakery") == []
    assert len(texts("goat")) == 1
    assert "did you mean 'books/lock.md'?" in refused(roleplay("knowledge", "rm", "pell", "books/lok.md"), 1)
    assert build("--json").json == numbers(read=1, unchanged=1, passages=1)


def test_all_is_taken_out_when_that_is_confirmed(built: Path) -> None:
    asked = roleplay("knowledge", "rm", "pell", stdin="n\n")
    assert asked.status == 1
    assert "Remove all that was read of the books of pell? [y/N]" in asked.err
    assert built.is_file()
    assert roleplay("knowledge", "rm", "pell", stdin="y\n").status == 0
    assert list(built.parent.glob("pell*")) == []
    assert build().status == 0
    told = roleplay("knowledge", "rm", "pell", "--yes")
    assert told.err == "the index of pell is gone; 'roleplay knowledge build pell' makes it again\n"
    assert not built.exists()


# --- what is not there ---


@pytest.mark.parametrize("command", [("build",), ("stats",), ("search", "x"), ("rm",), ("rm", "x")])
def test_a_character_that_is_not_there_is_one_error_with_the_nearest(knowing: Path, command: tuple[str, ...]) -> None:
    word, *more = command
    told = refused(roleplay("knowledge", word, "pel", *more), 1)
    assert told.startswith("error: there is no character 'pel' in ")
    assert "; did you mean 'pell'?" in told


@pytest.mark.parametrize("command", [("stats",), ("search", "x"), ("rm", "x")])
def test_books_that_were_not_read_are_one_error_that_says_how(knowing: Path, command: tuple[str, ...]) -> None:
    word, *more = command
    told = refused(roleplay("knowledge", word, "pell", *more), 1)
    assert told == "error: the books of pell were not read yet; 'roleplay knowledge build pell' does that\n"


def test_where_nothing_was_read_there_is_nothing_to_remove(knowing: Path) -> None:
    assert "to remove" in refused(roleplay("knowledge", "rm", "pell"), 1)


def test_a_card_that_names_no_books_says_what_to_add(pell: Path, home: Home) -> None:
    told = refused(build(), 1)
    assert "pell.yaml names no books; add 'knowledge: [FILE or FOLDER]'" in told
    assert not home.knowledge_of("pell").exists()


def test_all_books_that_are_not_there_are_told_at_once(pell: Path, home: Home) -> None:
    pell.write_text(pell.read_text() + "knowledge: [gone, 'also/gone.md']\n")
    told = refused(build(), 1)
    assert "the card's knowledge 'gone' is not in " in told
    assert "the card's knowledge 'also/gone.md' is not in " in told
    assert not home.knowledge_of("pell").exists()


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (("--budget", 15), 2, "'--budget'"),
        (("--budget", 20, "--overlap", 11), 2, "cannot repeat 11; choose 0 to 10"),
        (("--base", "/no/such/base"), 1, "/no/such/base"),
    ],
)
def test_what_cannot_be_is_one_error_and_the_index_stays(
    built: Path, options: tuple[object, ...], status: int, told: str
) -> None:
    outcome = build(*options)
    assert outcome.status == status
    assert told in outcome.err
    assert outcome.out == ""
    assert len(texts("bakery")) == 1

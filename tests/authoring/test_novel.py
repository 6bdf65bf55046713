"""A novel becomes a corpus of one of its characters."""

import codecs
import json
from pathlib import Path

import pytest

from roleplay.authoring.novel import Wish, read_novel
from roleplay.corpora.documents import read_documents
from roleplay.corpora.native import read_native
from roleplay.errors import FileFaults, NotFound, StorageError, UsageError
from roleplay.paths import Home
from tests.corpora.labelled import read_story

CARD = (
    'schema: 1\nname: xia\ndisplay_name: 林夏\nlanguage: zh\nversion: "1"\nprefixes:\n  - {id: who, text: 你是林夏。}\n'
)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book in the current folder, with the card of one who speaks in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "characters" / "xia").mkdir(parents=True)
    (tmp_path / "characters" / "xia.yaml").write_text(CARD, encoding="utf-8")
    path = tmp_path / "harbour.txt"
    path.write_text(read_story("zh_1").text, encoding="utf-8")
    return path


def test_the_corpus_lies_beside_the_card_and_can_be_read(book: Path, home: Home) -> None:
    done = read_novel(Wish(book, "xia", ("小夏", "夏夏")), home)
    assert done.out == book.parent / "characters" / "xia" / "harbour.yaml"
    assert done.card_line == "- {path: xia/harbour.yaml, kind: dialogue}"
    made = read_native(done.out)
    assert len(made) == done.written >= 4
    assert sum(turn.role == "assistant" for one in made for turn in one.turns) == done.answers >= 30
    assert sum(one.turns[0].role == "assistant" for one in made) == done.openings
    assert done.out.read_text(encoding="utf-8").startswith("# From harbour.txt. 林夏 / 小夏 / 夏夏.\n")


def test_the_report_counts_and_shows(book: Path, home: Home) -> None:
    done = read_novel(Wish(book, "xia"), home)
    assert (done.language, done.names) == ("zh", ("林夏",))
    assert done.speakers[0][0] == "林夏"
    assert sum(count for _, count in done.speakers) + done.unknown == done.lines
    assert done.ignored > 0
    assert len(done.sample) == 8
    assert all(sample.text.split("\n")[0] for sample in done.sample)
    assert len({sample.paragraph for sample in done.sample}) == 8


def test_other_names_of_the_character_are_proposed(tmp_path: Path, book: Path, home: Home) -> None:
    book.write_text("“来。”林夏说。\n\n“来。”陈舟说。\n\n“走。”林姑娘说。\n\n“走。”陈舟说。\n", encoding="utf-8")
    (tmp_path / "characters" / "xia.yaml").write_text(CARD.replace("林夏", "林青夏"), encoding="utf-8")
    done = read_novel(Wish(book, "xia", ("林夏",)), home)
    assert [name for name, _ in done.likely_aliases] == ["林姑娘"]


@pytest.mark.parametrize("codec", ["utf-8-sig", "gb18030", "utf-16"])
def test_other_encodings_are_read(book: Path, home: Home, codec: str) -> None:
    expected = read_novel(Wish(book, "xia"), home)
    book.write_bytes(read_story("zh_1").text.encode(codec))
    assert codecs.lookup(codec)
    assert read_novel(Wish(book, "xia", force=True), home) == expected


def test_continuations_for_sft_and_for_pretraining(book: Path, home: Home) -> None:
    pairs = read_novel(Wish(book, "xia", mode="continuation-sft", length=200, out=book.with_name("on.yaml")), home)
    assert pairs.card_line.endswith("on.yaml, kind: general}")
    made = read_native(pairs.out)
    assert len(made) == pairs.written == pairs.answers
    assert all(one.turns[0].text.startswith("请接着往下写：\n\n") for one in made)
    texts = read_novel(Wish(book, "xia", mode="continuation-pt", length=200), home)
    assert texts.out.name == "harbour.jsonl"
    assert len(read_documents(texts.out)) == texts.written > 5


def test_an_out_that_ends_in_jsonl_holds_a_dialogue_a_line(book: Path, home: Home) -> None:
    done = read_novel(Wish(book, "xia", out=book.with_name("xia.jsonl")), home)
    lines = done.out.read_text(encoding="utf-8").splitlines()
    assert len([json.loads(line) for line in lines]) == done.written


def test_a_corpus_that_is_there_is_not_overwritten_unasked(book: Path, home: Home) -> None:
    out = read_novel(Wish(book, "xia"), home).out
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="is there already; add --force"):
        read_novel(Wish(book, "xia"), home)
    assert out.read_text(encoding="utf-8") == "mine"
    read_novel(Wish(book, "xia", force=True), home)
    assert out.read_text(encoding="utf-8") != "mine"


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("x.txt", "does not end in .yaml or .yml or .jsonl"),
        ("a.yaml", "is a folder"),
        ("harbour.yaml", "is the file that is read"),
    ],
)
def test_places_that_cannot_be_are_refused(book: Path, home: Home, out: str, problem: str) -> None:
    book = book.rename(book.with_name("harbour.yaml"))
    book.with_name("a.yaml").mkdir()
    with pytest.raises(UsageError, match=problem):
        read_novel(Wish(book, "xia", out=book.with_name(out), force=True), home)


def test_a_character_who_says_nothing_is_named_with_those_who_speak(tmp_path: Path, book: Path, home: Home) -> None:
    (tmp_path / "characters" / "xia.yaml").write_text(CARD.replace("林夏", "阮七"), encoding="utf-8")
    with pytest.raises(NotFound, match=r"阮七 says nothing in harbour\.txt; it lets speak: 林夏 \(\d+\), .*--alias"):
        read_novel(Wish(book, "xia"), home)
    assert not (tmp_path / "characters" / "xia" / "harbour.yaml").exists()


def test_books_that_hold_nothing_are_refused(book: Path, home: Home) -> None:
    book.write_text("", encoding="utf-8")
    with pytest.raises(NotFound, match="no quotation in it"):
        read_novel(Wish(book, "xia"), home)
    with pytest.raises(NotFound, match="too short"):
        read_novel(Wish(book, "xia", mode="continuation-sft"), home)
    with pytest.raises(NotFound, match="no character 'nobody'"):
        read_novel(Wish(book, "nobody"), home)
    with pytest.raises(FileFaults, match="cannot be read"):
        read_novel(Wish(book.with_name("none.txt"), "xia"), home)

import os
from pathlib import Path

import pytest

from roleplay.errors import FileFaults, NotFound
from roleplay.knowledge.read.document import ENDINGS, read_document
from roleplay.knowledge.read.sources import find_sources
from tests.knowledge.read.conftest import Write


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_empty_file_is_one_fault_in_every_format(write: Write, ending: str) -> None:
    with pytest.raises(FileFaults) as caught:
        list(read_document(write(f"a{ending.upper()}", b"")))
    assert len(caught.value.faults) == 1
    assert "has the ending" not in str(caught.value)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_of_anything_is_read_or_one_fault(write: Write, ending: str) -> None:
    path = write(f"a{ending}", bytes(range(256)) * 64)

    with pytest.raises(FileFaults) as caught:
        list(read_document(path))
    assert len(caught.value.faults) == 1
    assert "\x1b" not in str(caught.value)


def test_an_ending_that_no_reader_knows_is_told_with_those_they_know(write: Write) -> None:
    with pytest.raises(FileFaults, match=r"a\.doc: has the ending '\.doc'; use one of \.txt, \.md, .*\.jsonl"):
        list(read_document(write("a.doc", "x")))


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
@pytest.mark.parametrize("ending", [".txt", ".pdf", ".epub"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, kind: str, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)

    with pytest.raises(FileFaults, match="cannot be read: No such file" if kind == "missing" else "is no file"):
        list(read_document(path))


@pytest.fixture
def cards(write: Write) -> Path:
    """A folder of cards with books, and beside it what they must not reach."""
    for name in ("cards/yui/b.md", "cards/yui/a.txt", "cards/yui/sub/c.PDF", "cards/yui/.hidden.md", "cards/lone.md"):
        write(name, "x")
    for name in (
        "cards/yui/.git/d.md",
        "cards/yui/picture.png",
        "cards/yui/sub/noending",
        "secret.md",
        "more/yui/z.md",
    ):
        write(name, "x")
    folder = write("more/other.md", "x").parent.parent
    (folder / "cards/yui/out.md").symlink_to(folder / "secret.md")
    (folder / "cards/yui/outer").symlink_to(folder)
    (folder / "cards/yui/loop.md").symlink_to("loop.md")
    (folder / "cards/yui/inside.md").symlink_to("b.md")
    (folder / "cards/linked.md").symlink_to(folder / "secret.md")
    os.mkfifo(folder / "cards/yui/pipe.md")
    return folder


def found(named: list[str], folder: Path, *, anywhere: bool = False) -> tuple[list[str], list[str]]:
    sources, unknown = find_sources(named, [folder / "cards", folder / "more"], anywhere=anywhere)
    assert all(source.path.is_file() for source in sources)
    return [source.name for source in sources], unknown


WORLD = ["yui/a.txt", "yui/b.md", "yui/inside.md", "yui/sub/c.PDF"]


def test_a_folder_is_its_files_in_order_without_what_is_hidden_or_leads_out(cards: Path) -> None:
    assert found(["yui"], cards) == (WORLD, ["yui/picture.png", "yui/sub/noending"])


@pytest.mark.parametrize(
    ("named", "names"),
    [
        (["lone.md", "yui/sub"], ["lone.md", "yui/sub/c.PDF"]),
        (["./yui//b.md", "yui/b.md", "yui/"], ["yui/b.md", "yui/a.txt", "yui/inside.md", "yui/sub/c.PDF"]),
        (["other.md"], ["other.md"]),
        (["yui/picture.png"], ["yui/picture.png"]),
        (["yui/.hidden.md"], ["yui/.hidden.md"]),
        ([], []),
    ],
)
def test_names_mean_the_first_folder_that_has_them_and_each_file_once(
    cards: Path, named: list[str], names: list[str]
) -> None:
    assert found(named, cards)[0] == names


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../secret.md", "yui/../../secret.md", "C:\\secret.md", "yui\\..\\..\\secret.md", "//h/secret.md"],
)
def test_a_card_of_a_stranger_cannot_name_what_lies_elsewhere(cards: Path, name: str) -> None:
    with pytest.raises(NotFound, match="leads out of the card's folders"):
        found([name], cards)


def test_a_link_that_a_card_names_must_not_lead_out(cards: Path) -> None:
    for name in ("linked.md", "yui/outer", "yui/outer/secret.md"):
        with pytest.raises(NotFound, match="is a link that leads out of"):
            found([name], cards)


def test_a_persons_own_card_names_files_anywhere(cards: Path) -> None:
    away = str(cards / "secret.md")
    names, _ = found([away, "../secret.md", "linked.md", "lone.md", "../more"], cards, anywhere=True)

    assert names == [away, "../secret.md", "linked.md", "lone.md", "../more/other.md", "../more/yui/z.md"]


def test_every_name_that_means_nothing_is_told_at_once(cards: Path) -> None:
    with pytest.raises(NotFound) as caught:
        found(["gone.md", "lone.md", "../x", "a\0b", "x" * 5_000, "e\x1b[m"], cards)

    lines = str(caught.value).split("\n")
    assert [line.startswith("the card's knowledge '") for line in lines] == [True] * 5
    assert "'gone.md' is not in cards, more; put it there" in lines[0]
    assert max(map(len, lines)) < 200
    assert "\x1b" not in str(caught.value)

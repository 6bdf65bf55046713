"""Books in packs: what goes along and under which name, what stays behind, and that a card leads to no other file."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from roleplay.cards.find import open_card
from roleplay.cards.load import load_card
from roleplay.chat.books import find_books
from roleplay.errors import NotFound, PackError
from roleplay.knowledge.build import build
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.search import Index
from roleplay.packs import books as packed_books
from roleplay.packs.build import Wanted
from roleplay.packs.export import ExportedPack, export_pack
from roleplay.packs.install import opened_pack
from roleplay.packs.keep import changed_files, find_pack
from roleplay.paths import Home
from tests.cli.conftest import roleplay
from tests.packs.conftest import Install
from tests.packs.mimi import BOOKS, CARD, write_mimi
from tests.packs.mutations_of_books import BOOKS as MUTATIONS
from tests.packs.parts import KNOWLEDGE, taken_apart


@pytest.fixture
def author(home: Home, project: Path) -> Home:
    """The home of who made mimi; there is no adapter."""
    write_mimi(home)
    return home


def exported(author: Home, **wanted: object) -> ExportedPack:
    return export_pack("mimi", author, Path("small.charx"), Wanted(adapter=False, **wanted), force=True)  # type: ignore[arg-type]


def naming(author: Home, *names: str | Path) -> None:
    """Let her card name other books."""
    listed = json.dumps([str(name) for name in names], ensure_ascii=False)
    (author.characters / "mimi.yaml").write_text(CARD.replace("[burrow, lamp.txt]", listed), encoding="utf-8")


def books(path: Path) -> dict[str, bytes]:
    """Books of a pack by name, in the order in which its card names them."""
    with zipfile.ZipFile(path) as archive:
        named = re.findall(
            r"^  - (.*)$", archive.read("roleplay/characters/mimi.yaml").decode().split("\nknowledge:")[1], re.M
        )
        there = {name for name in archive.namelist() if name.startswith(KNOWLEDGE)}
        assert there == {f"{KNOWLEDGE}{name}" for name in named}
        return {name: archive.read(f"{KNOWLEDGE}{name}") for name in named}


def test_files_and_folders_go_along_and_the_card_names_every_file(author: Home) -> None:
    done = exported(author)
    assert books(done.path) == {name: text.encode() for name, text in BOOKS.items()}
    assert done.manifest.left_out == ["adapter: left out on request"]


def test_books_from_anywhere_go_along_without_the_place_they_lay_in(author: Home, tmp_path: Path) -> None:
    for name in ("far/world/deep/a.md", "far/b.txt", "home/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    naming(
        author, tmp_path / "far" / "world", tmp_path / "far" / "b.txt", "../c.txt", "./lamp.txt", "burrow/../lamp.txt"
    )
    done = exported(author)
    assert list(books(done.path)) == ["world/deep/a.md", "b.txt", "c.txt", "lamp.txt"]
    assert done.manifest.left_out == ["adapter: left out on request"], "named twice, the lamp goes along once"
    with zipfile.ZipFile(done.path) as archive:
        assert not [name for name in archive.namelist() if str(tmp_path).encode() in archive.read(name)]


@pytest.mark.parametrize(
    ("name", "text", "codec"),
    [
        ("notes.txt", "第三间屋子有四十根蜡烛。\r\n\r\n灯里是菜油。\r\n" * 9, "gb18030"),
        ("notes.md", "# 屋子\r\n\r\n第三间屋子有四十根蜡烛。\u202e\x1b[2J\r\n" * 9, "utf-16"),
        ("page.html", '<meta charset="gb18030"><h1>屋子</h1><p>第三间屋子有四十根蜡烛。</p>' * 9, "gb18030"),
        ("notes.csv", "屋子,蜡烛\r\n第三间,四十根\r\n第四间,一座钟\r\n" * 9, "utf-8-sig"),
        ("notes.json", '[{"屋子": "第三间\\u001b", "蜡烛": 40}]', "utf-8"),
    ],
)
def test_a_book_of_another_encoding_goes_along_as_utf_8_and_reads_the_same(
    name: str, text: str, codec: str, author: Home, installed: Install
) -> None:
    mine = author.characters / name
    mine.write_bytes(text.encode(codec))
    naming(author, name)
    theirs = installed(exported(author).path) / "data" / "knowledge" / name
    assert "第三间".encode() in theirs.read_bytes()
    assert not re.search(rb"\r|\x1b|\xef\xbb\xbf|\xe2\x80\xae", theirs.read_bytes())
    assert list(read_document(theirs)) == list(read_document(mine))


def test_what_stays_behind_is_named_with_its_reason_a_few_of_each(
    author: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_books, "MOST_TEXT", 100)
    burrow = author.characters / "burrow"
    for name in ("a.pdf", "b.epub", "c.docx", "d.png", "e.PDF"):
        (burrow / name).write_bytes(b"%PDF")
    (burrow / "long.txt").write_bytes(bytes(101))  # and is not read to find that out
    (burrow / "longer in UTF-8.txt").write_bytes(("屋子" * 22).encode("utf-16"))
    (burrow / "noise.txt").write_bytes(bytes(range(160, 250)))
    (burrow / "ROOMS.md").write_text("Another.")
    (burrow / "con.txt").write_text("A device elsewhere.")
    (author.characters / ".notes.txt").write_text("Hidden.")
    naming(author, "burrow", ".notes.txt", "mimi/more.jsonl")
    done = exported(author)
    assert list(books(done.path)) == ["burrow/ROOMS.md", "burrow/stores.csv"]
    assert done.manifest.left_out == [
        "burrow/a.pdf, burrow/b.epub, burrow/c.docx and 2 more: books of this ending do not travel",
        "burrow/con.txt: its name is not one for every system",
        "burrow/long.txt, burrow/longer in UTF-8.txt: has more than 100 bytes",
        "burrow/noise.txt: is neither UTF-8 nor UTF-16 nor GB18030",
        "burrow/rooms.md: another book of that name goes along",
        ".notes.txt: a pack has no such file",
        "mimi/more.jsonl: a file of that name lies beside the card in the pack",
        "adapter: left out on request",
    ]


def test_books_that_are_not_there_are_all_named_and_nothing_is_written(author: Home) -> None:
    naming(author, "nothing.md", "lamp.txt", "nowhere")
    with pytest.raises(PackError, match=r"(?s)'nothing\.md' is not in .*'nowhere' is not in .*--no-knowledge leaves"):
        exported(author)
    assert not Path("small.charx").exists()
    assert exported(author, knowledge=False).manifest.left_out[0] == "knowledge: left out on request"


def test_books_stay_at_home_on_request(author: Home) -> None:
    assert roleplay("pack", "export", "mimi", "--no-adapter", "--no-knowledge").status == 0
    with zipfile.ZipFile("mimi.charx") as archive:
        assert not [name for name in archive.namelist() if "knowledge" in name]
        assert "knowledge:" not in archive.read("roleplay/characters/mimi.yaml").decode()
        assert "knowledge: left out on request" in json.loads(archive.read("roleplay/manifest.json"))["left_out"]


@pytest.mark.parametrize("name", ["burrow/rooms.md", "burrow/page.html"])
def test_a_folder_of_this_person_in_a_book_is_refused_with_its_line(name: str, author: Home) -> None:
    (author.characters / name).write_text(f"<p>One.</p>\n<p>In {Path.home()}/notes.</p>\n")
    with pytest.raises(PackError, match=rf"data/knowledge/{name}' names .* in line 2"):
        exported(author)


def test_more_books_than_a_pack_holds_are_told_before_they_are_read(
    author: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("_MOST_BOOKS", "MOST_TEXTS"):
        with monkeypatch.context() as patch:
            patch.setattr(packed_books, bound, 2)
            with pytest.raises(PackError, match=r"more than a pack holds.*name fewer on the card; --no-knowledge"):
                exported(author)


def test_labelled_questions_stay_behind_and_the_card_names_none(author: Home) -> None:
    card = author.characters / "mimi.yaml"
    card.write_text(CARD.replace("probes:\n", "probes:\n  known: questions.jsonl\n"))
    done = exported(author)
    assert "probes.known: labelled questions do not travel" in done.manifest.left_out
    with zipfile.ZipFile(done.path) as archive:
        assert not [name for name in archive.namelist() if b"questions.jsonl" in archive.read(name)]


def passages(path: Path, card: str, home: Home) -> list[object]:
    """Whatever her questions find, in an index of her books made at `path`."""
    sources, unknown = find_books(open_card(card, home), home)
    assert unknown == []
    assert build(path, sources, read_document, len, None, tokenizer="letters").read == 14
    asked = ("借书能借几天", "弄湿的书怎么办", "种子店几点开门", "逗号是谁")
    with Index(path) as index:
        return [index.search(question, 5) for question in asked]


def test_a_shipped_character_travels_with_its_books_and_the_same_passages_are_found(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the project's own characters come before those of a pack
    mine = passages(tmp_path / "mine.sqlite3", "yui", home)
    assert all(mine)
    done = export_pack("yui", home, tmp_path / "yui.charx", Wanted(adapter=False))
    other = tmp_path / "other"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROLEPLAY_HOME", str(other))
        outcome = roleplay("pack", "install", "--yes", done.path)
    assert outcome.status == 0
    assert "its books are not read yet: roleplay knowledge build yui\n" in outcome.err
    assert open_card("yui", Home(other)).path.is_relative_to(other)
    assert passages(tmp_path / "theirs.sqlite3", "yui", Home(other)) == mine
    assert not (other / "knowledge").exists(), "an index is built, never brought"


def test_an_installed_character_is_packed_again_with_the_same_books(
    home: Home, pack: Path, installed: Install, tmp_path: Path
) -> None:
    installed(pack)
    again = export_pack("mimi", home, tmp_path / "again.charx", Wanted(adapter=False))
    assert books(again.path) == books(pack)


def link(folder: Path, secret: Path) -> None:
    (folder / "data" / "knowledge" / "lamp.txt").unlink()
    (folder / "data" / "knowledge" / "lamp.txt").symlink_to(secret)


def folder_link(folder: Path, secret: Path) -> None:
    (folder / "data" / "knowledge" / "lamp.txt").unlink()
    (folder / "data" / "knowledge" / "lamp.txt").symlink_to(secret.parent, target_is_directory=True)


def rename(name: str) -> Callable[[Path, Path], None]:
    def change(folder: Path, secret: Path) -> None:
        card = folder / "characters" / "mimi.yaml"
        card.write_text(card.read_text().replace("- lamp.txt", f"- {name or secret}"))

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (rename("/etc/passwd"), "leads out of the card's folders"),
        (rename("../../../../../secret.txt"), "leads out of the card's folders"),
        (rename("burrow/../../../../secret.txt"), "leads out of the card's folders"),
        (rename(""), "leads out of the card's folders"),
        (link, "is a link that leads out of"),
        (folder_link, "is a link that leads out of"),
    ],
)
def test_an_installed_card_that_was_changed_leads_to_no_file_of_this_machine(
    change: Callable[[Path, Path], None], told: str, home: Home, pack: Path, installed: Install
) -> None:
    folder = installed(pack)
    secret = home.root / "secret.txt"
    secret.write_text("The word is turnip.")
    assert [source.name for source in find_books(open_card("mimi", home), home)[0]] == list(BOOKS)
    change(folder, secret)
    with pytest.raises(NotFound, match=told):
        find_books(open_card("mimi", home), home)
    with pytest.raises(PackError, match=told):
        export_pack("mimi", home, home.root / "again.charx", Wanted(adapter=False))


def swap(folder: Path) -> None:
    one, other = folder / "burrow" / "rooms.md", folder / "burrow" / "stores.csv"
    one.rename(folder / "kept")
    other.rename(one)
    (folder / "kept").rename(other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "lamp.txt").unlink(), {"lamp.txt' is missing"}),
        (lambda folder: (folder / "lamp.txt").rename(folder / "Lamp.md"), {"lamp.txt' is missing"}),
        (lambda folder: (folder / "lamp.txt").write_text("It burns oil of roses.\n"), {"lamp.txt' was changed"}),
        (swap, {"burrow/rooms.md' was changed", "burrow/stores.csv' was changed"}),
    ],
)
def test_verifying_holds_books_against_the_manifest(
    change: Callable[[Path], object], told: set[str], home: Home, pack: Path, installed: Install
) -> None:
    folder = installed(pack)
    assert changed_files(find_pack(home, "mimi")) == []
    change(folder / "data" / "knowledge")
    assert set(changed_files(find_pack(home, "mimi"))) == {f"'{KNOWLEDGE}{one}" for one in told}


@pytest.mark.parametrize(
    ("table", "row"), [(table, row) for table in MUTATIONS for row in range(len(MUTATIONS[table]))]
)
def test_a_changed_book_is_refused_for_what_it_is_or_is_what_the_card_leads_to(
    table: str, row: int, home: Home, project: Path, pack: Path
) -> None:
    case, parts = MUTATIONS[table][row], taken_apart(pack)
    case.change(parts, Random(row))
    pack.write_bytes(parts.written())
    try:
        with opened_pack(pack, home) as opened:
            said = "\n".join(opened.problems)
            if not said:
                sources, _ = find_books(load_card(opened.folder / "characters" / "mimi.yaml"), home)
                found = {f"{KNOWLEDGE}{source.name}": source.path.read_bytes() for source in sources}
                assert found == {path: content for path, content in parts.files.items() if path.startswith(KNOWLEDGE)}
    except PackError as error:
        said = str(error)
    assert re.search(case.told, said) if case.told else not said
    assert not home.packs.exists()

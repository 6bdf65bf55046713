"""What goes into a pack: everything of the character, nothing of its author's machine, the same bytes again."""

import json
import os
import time
import zipfile
from pathlib import Path

import pytest

from roleplay.errors import PackError, StorageError
from roleplay.models.shape import WEIGHTS
from roleplay.packs.build import Wanted
from roleplay.packs.export import export_pack
from roleplay.packs.manifest import Manifest
from roleplay.paths import Home
from tests.packs.mimi import write_adapter, write_mimi


@pytest.fixture
def author(home: Home, project: Path) -> Home:
    """The home of who made mimi, adapter included."""
    write_mimi(home)
    write_adapter(home)
    return home


def paths(manifest: Manifest) -> set[str]:
    return {entry.path for entry in manifest.entries}


def without_adapter(author: Home, **wanted: object) -> Manifest:
    return export_pack("mimi", author, Path("small.charx"), Wanted(adapter=False, **wanted), force=True).manifest  # type: ignore[arg-type]


def test_everything_of_the_character_is_in_it(made: Path) -> None:
    with zipfile.ZipFile(made / "mimi.charx") as archive:
        names = archive.namelist()
        manifest = Manifest.model_validate_json(archive.read("roleplay/manifest.json"))
        assert archive.testzip() is None
    assert names[:2] == ["card.json", "roleplay/manifest.json"]
    assert (
        set(names) - {"roleplay/manifest.json"}
        == paths(manifest)
        == {
            "card.json",
            "roleplay/adapter/best/adapter_config.json",
            "roleplay/adapter/best/adapter_model.safetensors",
            "roleplay/adapter/best/roleplay.json",
            "roleplay/canaries.json",
            "roleplay/characters/mimi.yaml",
            "roleplay/characters/mimi/avatar.png",
            "roleplay/characters/mimi/dialogue.yaml",
            "roleplay/characters/mimi/more.jsonl",
            "roleplay/data/knowledge/burrow/rooms.md",
            "roleplay/data/knowledge/burrow/stores.csv",
            "roleplay/data/knowledge/lamp.txt",
        }
    )
    assert (manifest.version, manifest.license, manifest.left_out) == ("1.2", "CC0-1.0", [])
    assert manifest.adapter is not None
    assert (manifest.adapter.rank, manifest.adapter.modules, manifest.adapter.step) == (2, 18, 7)
    assert manifest.base is not None
    assert manifest.base.name == "pocket"
    assert manifest.evidence.training == {"steps": 7}


def test_other_programs_find_card_and_picture(made: Path) -> None:
    with zipfile.ZipFile(made / "mimi.charx") as archive:
        card = json.loads(archive.read("card.json"))
        assert (card["spec"], card["data"]["name"]) == ("chara_card_v3", "Mimi")
        assert "Mind the step" in card["data"]["first_mes"]
        (icon,) = card["data"]["assets"]
        assert archive.read(icon["uri"].removeprefix("embeded://")).startswith(b"\x89PNG")


def test_the_same_character_gives_the_same_bytes_whoever_packs_it_where_and_when(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Home(tmp_path / "elsewhere" / "of-another")
    write_mimi(other)
    folder = write_adapter(other)
    for path in other.root.rglob("*"):
        os.utime(path, (1, 1))
    folder.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    again = export_pack("mimi", other, tmp_path / "again.charx")
    monkeypatch.undo()
    time.tzset()
    assert again.path.read_bytes() == (made / "mimi.charx").read_bytes()


def test_it_tells_nothing_of_who_made_it(made: Path) -> None:
    told = b"".join(path.read_bytes() for path in (made / "unpacked").rglob("*") if path.is_file())
    traces = [str(made), str(Path.home()), str(Path.cwd()), "author", "attic"]
    assert not [trace for trace in traces if trace != "/" and trace.encode() in told]
    with zipfile.ZipFile(made / "mimi.charx") as archive:
        assert {(entry.date_time, entry.external_attr, entry.extra) for entry in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), 0o100644 << 16, b"")
        }


def test_a_folder_of_this_person_in_a_corpus_is_refused_with_its_line(author: Home) -> None:
    corpus = author.characters / "mimi" / "dialogue.yaml"
    corpus.write_text(corpus.read_text() + f"- - user: Where?\n  - char: In {Path.home()}/notes, under the lamp.\n")
    with pytest.raises(PackError, match=r"mimi/dialogue\.yaml' names .* in line 6"):
        without_adapter(author)
    assert not Path("small.charx").exists()


def test_a_base_in_a_folder_is_named_without_its_place(author: Home, tmp_path: Path) -> None:
    (tmp_path / "bases" / "mole-7b").mkdir(parents=True)
    card = author.characters / "mimi.yaml"
    card.write_text(f"{card.read_text()}base: {tmp_path}/bases/mole-7b\n")
    without_adapter(author)
    with zipfile.ZipFile("small.charx") as archive:
        assert "base: mole-7b\n" in archive.read("roleplay/characters/mimi.yaml").decode()


def test_what_cannot_go_along_is_named_in_it(author: Home) -> None:
    (author.characters / "data").mkdir()
    (author.characters / "notes.pdf").write_bytes(b"%PDF Moles dig.")
    card = author.characters / "mimi.yaml"
    write_mimi(author)
    text = card.read_text().replace(
        "  - {path: mimi/more.jsonl", "  - {character: mimi, kind: general}\n  - {path: mimi/more.jsonl"
    )
    card.write_text(text.replace("lamp.txt]", "lamp.txt, notes.pdf]"))
    manifest = without_adapter(author)
    assert [line.split(":")[0] for line in manifest.left_out] == [
        "corpus of the character mimi",
        "notes.pdf",
        "adapter",
    ]


def test_corpora_books_and_adapter_stay_at_home_on_request(author: Home) -> None:
    manifest = without_adapter(author, corpora=False, knowledge=False)
    assert paths(manifest) == {
        "card.json",
        "roleplay/characters/mimi.yaml",
        "roleplay/characters/mimi/avatar.png",
    }
    assert (manifest.adapter, manifest.base) == (None, None)
    with zipfile.ZipFile("small.charx") as archive:
        assert b"Dark here" not in archive.read("card.json"), "nothing of the corpora, not even as an example"


def test_another_picture_takes_the_place_of_the_cards(author: Home, tmp_path: Path) -> None:
    other = tmp_path / "face.WEBP"
    other.write_bytes(b"RIFF0000WEBP")
    assert "roleplay/characters/mimi/avatar.webp" in paths(without_adapter(author, avatar=other))
    with pytest.raises(PackError, match=r"nothing\.png is no picture"):
        without_adapter(author, avatar=tmp_path / "nothing.png")


def test_another_adapter_is_taken_by_its_label(author: Home) -> None:
    with pytest.raises(PackError, match="did you mean 'attic@best'"):
        export_pack("mimi", author, Path("a.charx"), Wanted(label="attic@bets"))


def test_a_file_that_is_there_is_not_replaced_unasked(author: Home) -> None:
    Path("mimi.charx").write_bytes(b"mine")
    with pytest.raises(StorageError, match="is there already"):
        export_pack("mimi", author, None, Wanted(adapter=False))
    assert Path("mimi.charx").read_bytes() == b"mine"
    export_pack("mimi", author, None, Wanted(adapter=False), force=True)


def test_weights_are_nearly_all_of_it(made: Path) -> None:
    with zipfile.ZipFile(made / "mimi.charx") as archive:
        sizes = {entry.filename: entry.compress_size for entry in archive.infolist()}
    corpora = sum(size for name, size in sizes.items() if name.endswith(("dialogue.yaml", "more.jsonl")))
    adapter = (made / "unpacked" / "roleplay" / "adapter" / "best" / WEIGHTS).stat().st_size
    assert (made / "mimi.charx").stat().st_size <= 1.1 * adapter + corpora

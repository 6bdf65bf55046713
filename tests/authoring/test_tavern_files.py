import base64
import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from roleplay.authoring.tavern_in import default_folder, import_card
from roleplay.authoring.tavern_out import FORMATS, Format, export_card
from roleplay.cards.load import CardFile, load_card, resolve_corpus
from roleplay.cards.tavern.open import open_tavern
from roleplay.cards.tavern.png import read_png, write_png
from roleplay.corpora.native import read_native
from roleplay.errors import FileFaults, NotFound, RoleplayError, StorageError, UsageError
from roleplay.paths import Home, shipped

DATA: dict[str, Any] = {
    "name": "Mina",
    "description": "Keeper of lamps.\r\nLow voice.",
    "personality": "patient",
    "scenario": "",
    "first_mes": "Evening, {{user}}.",
    "mes_example": "<START>\n{{user}}: Late?\n{{char}}: Always.\n<START>\n{{user}}: Oil?\n{{char}}: In the shed.",
    "extensions": {"depth_prompt": {"prompt": "Whisper.", "depth": 4}},
    "character_book": {"entries": [{"keys": ["lamp"], "content": "It burns oil.", "insertion_order": 10}]},
}
V2 = {"spec": "chara_card_v2", "spec_version": "2.0", "data": DATA}
V3 = {"spec": "chara_card_v3", "spec_version": "3.0", "data": DATA | {"group_only_greetings": []}}


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (3, 2), (200, 30, 90)).save(out, kind)
    return out.getvalue()


def archive(value: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("card.json", json.dumps(value))
        packed.writestr("assets/icon/me.jpeg", picture("JPEG"))
        packed.writestr("assets/other/song.mp3", b"la")
    return out.getvalue()


ICON = {"type": "icon", "uri": "embeded://assets/icon/me.jpeg", "name": "main", "ext": "jpeg"}
CARDS: dict[str, bytes] = {
    "v2.json": json.dumps(V2).encode(),
    "v3.png": write_png(picture(), {"ccv3": base64.b64encode(json.dumps(V3).encode())}, "f"),
    "v3.charx": archive(V3 | {"data": V3["data"] | {"assets": [ICON]}}),
    "webui.yaml": b"name: Mina\ngreeting: Evening.\ncontext: |\n  Keeper.\n  You: Late?\n  Mina: Always.\nturn: x\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an empty `characters/` and a file of each kind of card."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "characters").mkdir()
    for name, content in CARDS.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def read(path: Path) -> tuple[Any, dict[str, Any]]:
    """A card and its corpora: dialogues where they are native, else their text."""
    card_file = load_card(path)
    corpora = {
        str(entry.path): [dialogue.turns for dialogue in read_native(resolve_corpus(path, entry))]
        for entry in card_file.card.corpora
    }
    return card_file.card.model_dump(), corpora


@pytest.mark.parametrize("name", CARDS)
def test_an_imported_card_passes_its_check_and_has_its_files(name: str, folder: Path) -> None:
    done = import_card(Path(name), Path("characters"))
    card, corpora = read(done.path)
    assert (done.name, done.path) == ("mina", Path("characters/mina.yaml"))
    assert done.corpora == (Path("characters/mina/examples.yaml"),)
    assert [turn.text for turn in corpora["mina/examples.yaml"][0]] == ["Late?", "Always."]
    assert card["avatar"] == (str(done.avatar.relative_to("characters")) if done.avatar else None)
    assert done.avatar is None or done.avatar.is_file()
    expected = {"v3.png": "avatar.png", "v3.charx": "charx/assets/icon/me.jpeg"}.get(name)
    assert done.avatar == (Path("characters/mina") / expected if expected else None)
    assert done.archive_files == (2 if name == "v3.charx" else 0)


SAME: list[tuple[str, Format]] = [
    ("v2.json", "v2-json"),
    ("v3.png", "v3-png"),
    ("v3.charx", "charx"),
    ("webui.yaml", "webui"),
]


@pytest.mark.parametrize(("name", "format_"), SAME)
def test_an_export_in_the_same_format_has_the_same_content(name: str, format_: Format, folder: Path) -> None:
    done = import_card(Path(name), Path("characters"))
    exported = export_card(load_card(done.path), format_, Path("out"))
    before, after = open_tavern(Path(name)), open_tavern(exported.path.rename(f"out{Path(name).suffix}"))
    assert (after.value, after.picture, after.files) == (before.value, before.picture, before.files)
    assert exported.left_behind == ()


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("format_", [format_ for format_ in FORMATS if format_ != "webui"])
def test_import_export_import_gives_the_same_character(name: str, format_: Format, folder: Path) -> None:
    first = import_card(Path(name), Path("characters"))
    exported = export_card(load_card(first.path), format_, Path("out"))
    second = import_card(exported.path, Path("again"))
    (one, said), (other, said_again) = read(first.path), read(second.path)
    ours = {"extra", "avatar"}  # what another format says otherwise, and a picture that JSON does not carry
    assert {k: v for k, v in one.items() if k not in ours} == {k: v for k, v in other.items() if k not in ours}
    assert said == said_again


@pytest.mark.parametrize(
    ("name", "format_"),
    [("yui", "v3-png"), ("yui", "charx"), ("dot", "v2-json")]
    + [pytest.param("yui", format_, marks=pytest.mark.soak) for format_ in ("v2-png", "v3-json", "v2-json")]
    + [pytest.param("dot", format_, marks=pytest.mark.soak) for format_ in ("v3-png", "v2-png", "v3-json", "charx")],
)
def test_a_shipped_character_comes_back_with_its_corpora(name: str, format_: Format, folder: Path) -> None:
    original = load_card(shipped() / "characters" / f"{name}.yaml")
    exported = export_card(original, format_)
    done = import_card(exported.path, Path("characters"))
    assert exported.path.name.startswith(f"{name}.")
    probes = original.card.probes.model_copy(update={"known": None})
    assert load_card(done.path).card == original.card.model_copy(update={"knowledge": [], "probes": probes})
    assert exported.left_behind[-2:] == (
        f"{name}: knowledge files do not travel",
        "probes.known: labelled questions do not travel",
    )
    assert done.avatar is None
    for entry in original.card.corpora:
        assert (Path("characters") / str(entry.path)).read_bytes() == resolve_corpus(original.path, entry).read_bytes()


def write_card(folder: Path, more: str, corpora: dict[str, str]) -> CardFile:
    for path, text in corpora.items():
        (folder / "characters" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "characters" / path).write_text(text, encoding="utf-8")
    path = folder / "characters" / "lamp.yaml"
    path.write_text(f"schema: 1\nname: lamp\ndisplay_name: Lamp\nlanguage: en\n{more}", encoding="utf-8")
    return load_card(path)


TALK = "- - user: Hi.\n  - char: Hello.\n"


def test_corpora_outside_the_own_folder_get_a_place_in_it(folder: Path) -> None:
    more = "corpora: [{path: talk.yaml, kind: dialogue}, {path: lamp/talk.yaml, kind: desc}]\n"
    card_file = write_card(folder, more, {"talk.yaml": TALK, "lamp/talk.yaml": TALK.replace("Hi", "Ho")})
    exported = export_card(card_file, "v3-json", Path("out.json"))
    assert exported.carried == ("talk.yaml", "lamp/talk.yaml")
    done = import_card(exported.path, Path("characters"), name="other")
    _, corpora = read(done.path)
    assert list(corpora) == ["other/shared/talk.yaml", "other/talk.yaml"]


def test_what_does_not_travel_is_told(folder: Path) -> None:
    (folder / "characters" / "big.parquet").write_bytes(b"x")
    more = "avatar: gone.png\nknowledge: [sea.txt]\ncorpora: [{path: talk.yaml, kind: dialogue}]\n"
    card_file = write_card(folder, more, {"talk.yaml": TALK})
    assert export_card(card_file, "v3-png", Path("out.png")).left_behind == (
        "sea.txt: knowledge files do not travel",
        "gone.png: there is no such picture beside the card",
    )
    assert export_card(card_file, "webui", Path("out.yaml")).left_behind[0].startswith("talk.yaml: the format has no")


def test_a_picture_of_another_kind_becomes_a_png(folder: Path) -> None:
    (folder / "characters" / "face.jpg").write_bytes(picture("JPEG"))
    exported = export_card(write_card(folder, "avatar: face.jpg\n", {}), "v2-png")
    with Image.open(exported.path) as shown:
        assert (shown.format, shown.size) == ("PNG", (3, 2))
    charx = export_card(load_card(Path("characters/lamp.yaml")), "charx")
    done = import_card(charx.path, Path("again"))
    assert done.avatar == Path("again/lamp/avatar.jpg")
    assert done.avatar.read_bytes() == picture("JPEG")


def test_an_avatar_that_is_no_picture_is_one_error(folder: Path) -> None:
    (folder / "characters" / "face.png").write_bytes(b"no picture")
    with pytest.raises(FileFaults, match=r"lamp.png: cannot be made: the avatar is no picture that can be read"):
        export_card(write_card(folder, "avatar: face.png\n", {}), "v2-png")
    assert not Path("lamp.png").exists()


def test_an_avatar_outside_the_folder_stays_behind(folder: Path) -> None:
    (folder / "secret.png").write_bytes(picture())
    exported = export_card(write_card(folder, "avatar: ../secret.png\n", {}), "charx")
    assert exported.left_behind == ("../secret.png: there is no such picture beside the card",)


def test_nothing_of_the_persons_is_overwritten_unless_asked(folder: Path) -> None:
    done = import_card(Path("v2.json"), Path("characters"))
    mine = Path("characters/mina/mine.yaml")
    mine.write_text(TALK)
    before = done.path.read_bytes()
    with pytest.raises(StorageError, match=r"characters/mina.yaml is there already; add --force"):
        import_card(Path("v3.png"), Path("characters"))
    assert done.path.read_bytes() == before
    again = import_card(Path("v3.png"), Path("characters"), force=True)
    assert again.avatar is not None
    assert mine.read_text() == TALK

    card_file = load_card(done.path)
    export_card(card_file, "v2-json")
    with pytest.raises(StorageError, match=r"mina.json is there already; choose another --out, or add --force"):
        export_card(card_file, "v2-json")
    export_card(card_file, "v2-json", force=True)
    with pytest.raises(StorageError, match="is there already"):
        export_card(card_file, "webui", Path("characters"), force=True)


def test_the_name_of_the_file_may_hold_anything(folder: Path) -> None:
    odd = Path("a\nschema: 2\x07\u202e.json")
    odd.write_bytes(CARDS["v2.json"])
    done = import_card(odd, Path("characters"))
    assert done.path.read_text().startswith("# Imported from a schema: 2.json.\nschema: 1\n")
    assert load_card(done.path).card.name == "mina"


def test_a_card_that_cannot_be_written_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: str) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr("roleplay.authoring.tavern_in.write_file", full)
    with pytest.raises(StorageError, match="the disk is full"):
        import_card(Path("v3.png"), Path("characters"))
    assert list(Path("characters").iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "../up", "", "x" * 65])
def test_a_name_that_cannot_be_one_is_wrong_usage(name: str, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"--name '.*' is no name"):
        import_card(Path("v2.json"), Path("characters"), name=name)


def test_a_card_without_a_latin_letter_asks_for_a_name(folder: Path) -> None:
    Path("莉.json").write_text(json.dumps({"data": {"name": "莉莉"}}))
    with pytest.raises(UsageError, match="'莉莉' has no Latin letter to make a name of; add --name NAME"):
        import_card(Path("莉.json"), Path("characters"))
    assert import_card(Path("莉.json"), Path("characters"), name="lili").name == "lili"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.yaml", b"name: &a Mina\ncontext: *a\n", "uses a YAML alias or anchor"),
        ("a.json", b"{", "a.json: is not valid JSON"),
        ("a.webp", b"RIFF....WEBP", "is no card file .*roleplay data import"),
        ("a.jsonl", b"[]\n", "is no card file"),
    ],
)
def test_a_file_that_is_no_card_is_one_error(name: str, content: bytes, problem: str, folder: Path) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(FileFaults, match=problem):
        import_card(Path(name), Path("characters"))
    with pytest.raises(NotFound, match=r"there is no file gone\.png"):
        import_card(Path("gone.png"), Path("characters"))
    assert list(Path("characters").iterdir()) == []


def test_characters_go_to_the_project_or_else_to_the_home(folder: Path, home: Home) -> None:
    assert default_folder(home) == folder / "characters"
    (folder / "characters").rmdir()
    assert default_folder(home) == home.characters


def mutant(rng: random.Random, content: bytes, fixtures: list[bytes]) -> bytes:
    """Bytes changed, cut, doubled or taken from another file; in a picture, those of the card inside it."""
    inside = content.startswith(b"\x89PNG") and rng.random() < 0.8
    data = bytearray(base64.b64decode(read_png(content, "f").texts[0][1]) if inside else content)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at, length = rng.randrange(len(data) + 1), rng.choice([1, 2, 8, 200])
        other = rng.choice(fixtures)
        start = rng.randrange(len(other) + 1)
        data[at : at + rng.choice([0, length])] = rng.choice(
            [
                b"",
                rng.randbytes(length),
                other[start : start + length],
                bytes(data[:length]),
                b'"',
                b"[",
                b"null",
                b"9" * 40,
            ]
        )
    return write_png(picture(), {"chara": base64.b64encode(data)}, "f") if inside else bytes(data)


def check_mutants(count: int, files: dict[str, bytes], tmp_path: Path) -> int:
    """Import mutants; each is a good character or one error of ours. Returns how many were characters."""
    rng, good = random.Random(6), 0
    sources = [content for content in files.values() if len(content) < 100_000]
    for number in range(count):
        name = rng.choice(sorted(files))
        path = tmp_path / f"mutant{Path(name).suffix}"
        try:
            path.write_bytes(mutant(rng, files[name], sources))
            done = import_card(path, tmp_path / "out", name=f"m{number}")
            card_file = load_card(done.path)
            for entry in card_file.card.corpora:
                read_native(resolve_corpus(done.path, entry))
            export_card(card_file, rng.choice(FORMATS), tmp_path / "exported", force=True)
            good += 1
        except RoleplayError:
            assert not (tmp_path / "out" / f"m{number}").exists()
    return good


def test_two_hundred_mutants_are_characters_or_errors_of_ours(tmp_path: Path) -> None:
    assert 20 < check_mutants(200, CARDS, tmp_path) < 180


@pytest.mark.soak
def test_five_thousand_mutants_of_real_cards_are_characters_or_errors_of_ours(shared: Path, tmp_path: Path) -> None:
    fixtures = {path.name: path.read_bytes() for path in (shared / "fixtures" / "cards").iterdir()}
    assert check_mutants(5000, CARDS | fixtures, tmp_path) > 500

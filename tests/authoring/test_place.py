"""Where new corpora go."""

from pathlib import Path

import pytest

from roleplay.authoring.place import advice, card_line, check_place, corpus_place
from roleplay.errors import StorageError, UsageError


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("roleplay.authoring.place.shipped", lambda: tmp_path / "installed")
    for folder in ("characters", "installed/characters"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pell.yaml").touch()
    return tmp_path / "characters" / "pell.yaml"


def test_a_corpus_goes_to_the_projects_corpora_else_beside_the_card(card: Path, tmp_path: Path) -> None:
    assert corpus_place(card, "pell", "new.yaml") == tmp_path / "characters" / "pell" / "new.yaml"
    (tmp_path / "data" / "corpora").mkdir(parents=True)
    assert corpus_place(card, "pell", "new.yaml") == tmp_path / "data" / "corpora" / "pell" / "new.yaml"


def test_nothing_is_written_into_the_installed_package(card: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "installed" / "characters" / "pell.yaml"
    out = corpus_place(shipped, "pell", "new.yaml")
    assert out == tmp_path / "data" / "corpora" / "pell" / "new.yaml"
    assert advice(shipped, out, "general") == "add to the card's corpora: - {path: pell/new.yaml, kind: general}"


@pytest.mark.parametrize(
    ("out", "line"),
    [
        ("characters/pell/new.yaml", "- {path: pell/new.yaml, kind: desc}"),
        ("data/corpora/pell/new.yaml", "- {path: pell/new.yaml, kind: desc}"),
        ("characters/佩尔/new.yaml", "- {path: 佩尔/new.yaml, kind: desc}"),
        ('characters/a: "b"/new.yaml', '- {path: "a: \\"b\\"/new.yaml", kind: desc}'),
        ("characters/-/new.yaml", '- {path: "-/new.yaml", kind: desc}'),
    ],
)
def test_the_cards_line_names_the_corpus_as_the_card_finds_it(card: Path, tmp_path: Path, out: str, line: str) -> None:
    assert card_line(card, tmp_path / out, "desc") == line
    assert advice(card, tmp_path / out, "desc") == f"add to the card's corpora: {line}"


def test_a_corpus_out_of_the_cards_reach_has_to_be_moved(card: Path, tmp_path: Path) -> None:
    told = advice(card, tmp_path / "new.yaml", "desc")
    assert told == "move new.yaml beside the card, and add to the card's corpora: - {path: new.yaml, kind: desc}"


def test_only_a_new_yaml_file_is_written_without_force(tmp_path: Path) -> None:
    out = tmp_path / "new.yaml"
    check_place(out, force=False)
    out.touch()
    with pytest.raises(StorageError, match="add --force"):
        check_place(out, force=False)
    check_place(out, force=True)
    with pytest.raises(UsageError, match=r"does not end in \.yaml"):
        check_place(tmp_path / "new.json", force=True)
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_place(folder, force=True)

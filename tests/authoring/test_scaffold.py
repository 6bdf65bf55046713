"""A scaffold holds whatever is said of the character, as a card and corpora that can be trained."""

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.authoring.scaffold import LANGUAGES, Wishes, default_wishes, guess_language, write_scaffold
from roleplay.cards.load import load_card, resolve_corpus
from roleplay.cards.model import Card, Generation, Prefix
from roleplay.corpora.native import read_native
from roleplay.dataset.draws import heldout_identities
from roleplay.dialogue import Dialogue
from roleplay.errors import StorageError, UsageError
from roleplay.measures.duplicates import repeated_share
from roleplay.paths import Home
from roleplay.strictyaml import read_utf8
from roleplay.text import clean


def corpora(card: Path) -> list[list[Dialogue]]:
    return [read_native(resolve_corpus(card, entry)) for entry in load_card(card).card.corpora]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_scaffold_is_a_whole_character(tmp_path: Path, home: Home, language: str) -> None:
    path, desc, talk = write_scaffold("mo-1", tmp_path, default_wishes("mo-1", language), home, force=False)
    card = load_card(path).card
    assert (card.name, card.display_name, card.language, card.base) == ("mo-1", "Mo-1", language, None)
    assert [entry.kind for entry in card.corpora] == ["desc", "dialogue"]
    assert {path.name for path in (desc, talk)} == {"desc.yaml", "dialogue.yaml"}
    assert card.greeting
    assert card.alternate_greetings
    assert len(card.extra["likes"]) == 3
    for dialogues in corpora(path):
        assert len(dialogues) >= 12
        assert 1 <= len(heldout_identities(dialogues)) <= 4
    said = [
        turn.text for part in corpora(path) for dialogue in part for turn in dialogue.turns if turn.role == "assistant"
    ]
    assert {phrase for phrase in card.catchphrases if sum(phrase in text for text in said) < 2} == set()
    assert repeated_share(said) == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_comment_stands_before_every_key(tmp_path: Path, home: Home, language: str) -> None:
    path, *_ = write_scaffold("mo", tmp_path, default_wishes("mo", language), home, force=False)
    lines = read_utf8(path).splitlines()
    keys = [i for i, line in enumerate(lines) if line[:1].isalpha()]
    assert {lines[i].split(":")[0] for i in keys} <= {field.alias or name for name, field in Card.model_fields.items()}
    grouped = ("alternate_greetings:",)  # told of in the comment of the key above
    assert [lines[i] for i in keys if lines[i - 1][:1] != "#" and not lines[i].startswith(grouped)] == []
    named = [line.strip().lstrip("# -").split(":")[0] for line in lines]
    nested = [*Generation.model_fields, *Prefix.model_fields]
    assert set(nested) - set(named) == {"top_k", "min_p"}


TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
CARD_LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1, max_size=40).filter(
    lambda text: clean(text).strip()
)


@given(CARD_LINE, st.sampled_from(LANGUAGES), TEXT, CARD_LINE, st.lists(CARD_LINE, min_size=1, max_size=4))
def test_whatever_is_said_comes_back_from_the_card(
    tmp_path: Path, home: Home, display_name: str, language: str, description: str, persona: str, likes: list[str]
) -> None:
    wishes = Wishes(display_name, language, description, persona, tuple(likes))
    path, desc, _ = write_scaffold("mo", tmp_path, wishes, home, force=True)
    card = load_card(path).card
    assert card.display_name == clean(display_name).strip()
    assert card.description == clean(description).strip()
    assert card.prefixes[0].text == clean(persona).strip()
    assert card.extra["likes"] == [clean(like).strip() for like in likes]
    assert any(clean(likes[-1]).strip() in turn.text for dialogue in read_native(desc) for turn in dialogue.turns)


@pytest.mark.parametrize("name", ["", "-a", "a b", "../a", "a/b", "a.yaml", "墨", "a" * 65, "a\n", "a\x1b[2J"])
def test_a_name_that_is_no_file_name_everywhere_is_refused(tmp_path: Path, home: Home, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a character; use letters, digits"):
        write_scaffold(name, tmp_path / "characters", default_wishes("x", "en"), home, force=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["123", "1e5", "true", "null", "No", "_x"[1:]])
def test_a_name_that_yaml_might_take_for_something_else_stays_a_name(tmp_path: Path, home: Home, name: str) -> None:
    path, *_ = write_scaffold(name, tmp_path, default_wishes(name, "en"), home, force=False)
    assert load_card(path).card.name == name


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"display_name": " "}, "--display-name"),
        ({"display_name": "a\nb"}, "--display-name"),
        ({"likes": ("tea", "x" * 201)}, "--likes"),
        ({"persona": "\x00 "}, "--persona"),
    ],
)
def test_what_no_card_can_hold_is_refused_before_anything_is_written(
    tmp_path: Path, home: Home, changes: dict[str, object], option: str
) -> None:
    default = default_wishes("mo", "en")
    values = {field.name: getattr(default, field.name) for field in fields(default)}
    with pytest.raises(UsageError, match=option):
        write_scaffold("mo", tmp_path / "characters", Wishes(**values | changes), home, force=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["mo.yaml", "mo/desc.yaml", "mo/dialogue.yaml"])
def test_a_file_that_is_there_stops_all_of_it_unless_forced(tmp_path: Path, home: Home, there: str) -> None:
    wishes = default_wishes("mo", "en")
    (tmp_path / "mo").mkdir()
    (tmp_path / there).write_text("mine")
    (tmp_path / "mo" / "notes.yaml").write_text("mine too")
    with pytest.raises(StorageError, match=f"{there} is there already; .*--force"):
        write_scaffold("mo", tmp_path, wishes, home, force=False)
    assert sorted(path.name for path in tmp_path.rglob("*.yaml")) == sorted({Path(there).name, "notes.yaml"})
    path, *_ = write_scaffold("mo", tmp_path, wishes, home, force=True)
    assert load_card(path).card.display_name == "Mo"
    assert (tmp_path / "mo" / "notes.yaml").read_text() == "mine too"


def test_a_language_without_a_scaffold_is_named() -> None:
    with pytest.raises(UsageError, match="--language fr: there is a scaffold in zh and en"):
        default_wishes("mo", "fr")


def test_the_language_is_that_of_what_was_said() -> None:
    assert guess_language(None, "Mo", "晴天") == "zh"
    assert guess_language(None, "Mo") == guess_language() == "en"


def test_the_comments_name_the_card_as_commands_want_it(tmp_path: Path, home: Home) -> None:
    wishes = default_wishes("mo", "en")
    near, *_ = write_scaffold("mo", home.characters, wishes, home, force=False)
    far, *_ = write_scaffold("mo", tmp_path / "my cards", wishes, home, force=False)
    assert "#   roleplay train mo  " in near.read_text()
    assert f"#   roleplay train '{far}'  " in far.read_text()

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile, corpus_folders, load_card, resolve_corpus
from roleplay.cards.model import Generation, Prefix, TrainingChoice
from roleplay.paths import shipped
from roleplay.text import fingerprint

Load = Callable[..., CardFile]


def test_a_card_of_four_lines_has_every_default(card: Load) -> None:
    loaded = card("").card

    assert (loaded.schema_version, loaded.name, loaded.display_name, loaded.language) == (1, "mimi", "Mimi", "en")
    assert (loaded.user_name, loaded.version, loaded.description, loaded.base, loaded.greeting) == (
        "User",
        "1",
        "",
        None,
        None,
    )
    assert (loaded.prefixes, loaded.corpora, loaded.tags, loaded.extra) == ([], [], [], {})
    assert loaded.generation == Generation()
    assert loaded.training == TrainingChoice()


def test_a_full_prefix_keeps_the_order_of_the_card(card: Load) -> None:
    loaded = card(
        "prefixes:\n"
        "  - {id: b, text: first}\n"
        "  - {id: a, text: second, place: last_user, default: off, train: never}\n"
        "  - {id: c, text: third, train: 0.25}\n"
    ).card

    assert loaded.prefixes == [
        Prefix(id="b", text="first", place="system", default=True, train="always"),
        Prefix(id="a", text="second", place="last_user", default=False, train="never"),
        Prefix(id="c", text="third", place="system", default=True, train=0.25),
    ]
    assert [prefix.train_probability for prefix in loaded.prefixes] == [1.0, 0.0, 0.25]


@pytest.mark.parametrize(
    ("written", "default"),
    [("on", True), ("off", False), ("yes", True), ("no", False), ("true", True), ("False", False)],
)
def test_a_switch_is_written_as_a_person_would(card: Load, written: str, default: bool) -> None:
    assert card(f"prefixes: [{{id: a, text: x, default: {written}}}]\n").card.prefixes[0].default is default


@pytest.mark.parametrize(("written", "number"), [("5e-5", 5e-5), ("0.5", 0.5), ("1", 1.0), ("0", 0.0)])
def test_a_share_is_any_number_from_0_to_1(card: Load, written: str, number: float) -> None:
    assert card(f"prefixes: [{{id: a, text: x, train: {written}}}]\n").card.prefixes[0].train_probability == number


def test_words_that_yaml_1_1_would_change_stay_text(card: Load) -> None:
    loaded = card("greeting: yes\ndescription: 2026-07-31\nuser_name: off\ntags: [on, no, 12:30]\n").card

    assert loaded.greeting == "yes"
    assert loaded.description == "2026-07-31"
    assert loaded.user_name == "off"
    assert loaded.tags == ["on", "no", "12:30"]


def test_control_characters_are_cleaned_out_of_every_text(card: Load) -> None:
    loaded = card(
        'greeting: "\\e[2Jhi\\e]0;owned\\a"\n'
        'description: "c1\\x9b31m bidi\\u202eevil"\n'
        'prefixes: [{id: a, text: "\\x00one\\r\\ntwo\\u2028\\ud800"}]\n'
        'alternate_greetings: ["\\x85hello"]\n'
        'extra: {"k\\e": {deep: ["v\\u2066"]}}\n'
    ).card

    assert loaded.greeting == "[2Jhi]0;owned"
    assert loaded.description == "c131m bidievil"
    assert loaded.prefixes[0].text == "one\ntwo"
    assert loaded.alternate_greetings == ["hello"]
    assert loaded.extra == {"k": {"deep": ["v"]}}


def test_text_of_control_characters_alone_is_no_greeting(card: Load) -> None:
    with pytest.raises(Exception, match="greeting: string should have at least 1 character"):
        card('greeting: "\\e\\a "\n')


def test_text_in_a_block_loses_the_white_space_around_it(card: Load) -> None:
    loaded = card(
        "greeting: |\n  Good morning.\n\n  Sit down.\n\nprefixes:\n  - id: a\n    text: >\n      one\n      two\n"
    )

    assert loaded.card.greeting == "Good morning.\n\nSit down."
    assert loaded.card.prefixes[0].text == "one two"


def test_what_the_format_does_not_know_is_kept_under_extra_and_book(card: Load) -> None:
    loaded = card(
        "extra: {a: [1, 2.5, true, null, {b: on}], c: ' x '}\nbook: {entries: [{keys: [moon], order: 1}]}\n"
    ).card

    assert loaded.extra == {"a": [1, 2.5, True, None, {"b": "on"}], "c": " x "}
    assert loaded.book == {"entries": [{"keys": ["moon"], "order": 1}]}


def test_wishes_for_training_are_kept_for_where_presets_are_resolved(card: Load) -> None:
    training = card("training: {preset: founding, epochs: 4, learning_rate: 5e-5}\n").card.training

    assert training.preset == "founding"
    assert training.model_extra == {"epochs": 4, "learning_rate": 5e-5}


def test_values_of_a_card_do_not_change_after_reading(card: Load) -> None:
    loaded = card("").card

    with pytest.raises(Exception, match="frozen"):
        loaded.display_name = "Other"


def test_a_corpus_lies_beside_the_card_first_and_else_in_data_corpora(card: Load, project: Path) -> None:
    loaded = card("corpora: [{path: mimi/desc.yaml, kind: desc}, {path: ' mimi/desc.yaml', kind: dialogue}]\n")
    entry, spaced = loaded.card.corpora

    assert resolve_corpus(loaded.path, entry) == project / "data" / "corpora" / "mimi" / "desc.yaml"
    assert resolve_corpus(loaded.path, spaced) == resolve_corpus(loaded.path, entry)

    (project / "characters" / "mimi").mkdir()
    (project / "characters" / "mimi" / "desc.yaml").write_text("- - char: Hi.\n")
    assert resolve_corpus(loaded.path, entry) == project / "characters" / "mimi" / "desc.yaml"


def test_a_folder_beside_the_card_does_not_hide_the_corpus_of_that_name(card: Load, project: Path) -> None:
    (project / "data" / "corpora" / "talk").write_text("- - char: Hi.\n")
    (project / "characters" / "talk").mkdir()

    loaded = card("corpora: [{path: talk, kind: dialogue}]\n")

    assert resolve_corpus(loaded.path, loaded.card.corpora[0]) == project / "data" / "corpora" / "talk"


def test_corpora_that_ship_are_in_reach_of_every_card(card: Load) -> None:
    loaded = card("corpora: [{path: yui/desc.yaml, kind: desc}]\n")

    assert corpus_folders(loaded.path)[-1] == shipped() / "data" / "corpora"
    assert resolve_corpus(loaded.path, loaded.card.corpora[0]) == shipped() / "data" / "corpora" / "yui" / "desc.yaml"


def test_a_symbolic_link_within_the_folder_is_followed(card: Load, project: Path) -> None:
    (project / "data" / "corpora" / "link.yaml").symlink_to("mimi/desc.yaml")

    loaded = card("corpora: [{path: link.yaml, kind: desc}]\n")

    assert resolve_corpus(loaded.path, loaded.card.corpora[0]).name == "desc.yaml"


def test_identity_is_that_of_the_bytes(card: Load) -> None:
    loaded = card("")

    assert loaded.identity == fingerprint(loaded.path.read_bytes())
    assert loaded.identity != card("# a comment\n").identity


def test_the_shipped_card_is_without_fault(tmp_path: Path) -> None:
    loaded = load_card(shipped() / "characters" / "yui.yaml")

    assert loaded.card.name == "yui"
    assert [prefix.id for prefix in loaded.card.prefixes]
    assert {entry.kind for entry in loaded.card.corpora} >= {"desc", "dialogue"}
    for entry in loaded.card.corpora:
        assert resolve_corpus(loaded.path, entry).is_file()

    copy = tmp_path / "yui.yaml"
    shutil.copy(loaded.path, copy)
    assert load_card(copy).card == loaded.card

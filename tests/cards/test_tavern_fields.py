from typing import Any

import pytest

from roleplay.cards.tavern.became import as_written, aside, became
from roleplay.cards.tavern.examples import examples_text, parse_examples
from roleplay.cards.tavern.spec import recognise
from roleplay.cards.tavern.travel import arrive, slug
from roleplay.errors import FileFaults


def told(text: str) -> list[str]:
    return [
        "|".join(f"{turn.role[0]}:{turn.text}" for turn in d.turns) for d in parse_examples(text, ["Mina"]).dialogues
    ]


@pytest.mark.parametrize(
    ("text", "expected", "left_out"),
    [
        ("", [], 0),
        ("<START>\n{{user}}: Hi.\n{{char}}: Hello.", ["u:Hi.|a:Hello."], 0),
        ("{{user}}: Hi.\n{{char}}: Hello.\n< start >\n{{CHAR}}: Ho.", ["u:Hi.|a:Hello.", "a:Ho."], 0),
        ("<START>\r\n<USER>: Hi.\r\n<BOT>: Hello.\r\nAnd well met.\r\n", ["u:Hi.|a:Hello.\nAnd well met."], 0),
        ("You: Hi.\nmina： Hello.", ["u:Hi.|a:Hello."], 0),
        ("{{char}}: One.\n{{char}}: Two.", ["a:One.\nTwo."], 0),
        ("A rainy night.\n{{char}}: One.", ["a:One."], 1),
        ("{{user}}: Hi.\n{{char}}:\n{{user}}: Hello?", [], 1),
        ("She speaks low.\n<START>\n<START>\n{{user}}: Hi.", [], 2),
        ("{{user}}: Hi.\n{{char}}: It was: strange.\nTime: nine.", ["u:Hi.|a:It was: strange.\nTime: nine."], 0),
    ],
)
def test_examples_are_read_in_blocks(text: str, expected: list[str], left_out: int) -> None:
    assert told(text) == expected
    found = parse_examples(text, ["Mina"])
    assert found.left_out == left_out
    assert told(examples_text(found.dialogues)) == expected


@pytest.mark.parametrize(
    ("value", "spec", "warning"),
    [
        ({"spec": "chara_card_v2", "spec_version": "2.0", "data": {}}, "v2", ""),
        ({"spec": "chara_card_v3", "spec_version": 3, "data": {}}, "v3", ""),
        ({"spec": "chara_card_v3", "spec_version": "3.10", "data": {}}, "v3", "is of version 3.10, newer than 3.0"),
        ({"spec": "chara_card_v2", "spec_version": [], "data": {}}, "v2", ""),
        ({"spec": "chara_card_v9", "data": {}}, "v3", "says it is 'chara_card_v9', which is not known"),
        ({"data": {"name": "Mina"}}, "v2", ""),
        ({"spec": "chara_card_v2", "name": "Mina", "description": ""}, "v1", "names a spec but has no 'data'"),
        ({"name": "Mina", "scenario": ""}, "v1", ""),
        ({"char_name": "Mina"}, "pygmalion", ""),
        ({"name": "Mina", "context": "Low voice."}, "webui", ""),
    ],
)
def test_formats_are_told_apart(value: Any, spec: str, warning: str) -> None:
    found = recognise(value, "card.json")
    assert found.spec == spec
    assert warning in "".join(found.warnings)
    assert bool(warning) == bool(found.warnings)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "holds no card: a card is an object"),
        (None, "holds no card"),
        ({}, "holds no card, with the keys nothing"),
        ({"entries": {}, "name": "World"}, "holds a lorebook, with the keys entries, name"),
        ({"spec": "chara_card_v2", "data": []}, "holds no card, with the keys spec, data"),
    ],
)
def test_what_is_no_card_is_one_error(value: Any, problem: str) -> None:
    with pytest.raises(FileFaults, match=problem):
        recognise(value, "card.json")


FULL: dict[str, Any] = {
    "name": "Mina Vale",
    "nickname": "Mina",
    "description": "Keeper of {{user}}'s lamps.",
    "personality": "",
    "scenario": "Night.",
    "first_mes": "Evening.\r\nSit.",
    "mes_example": "{{user}}: Late?\n{{char}}: Always.\n<START>\nLow voice.",
    "creator_notes": "For long evenings.",
    "system_prompt": "{{original}} Be brief.",
    "post_history_instructions": "{{original}}",
    "alternate_greetings": ["Morning.", ""],
    "tags": ["sea"],
    "creator": "me",
    "character_version": "1.2",
    "extensions": {"fav": True},
    "character_book": {"entries": [{"keys": ["lamp"], "content": "It burns oil.", "insertion_order": 10}]},
    "odd": [1],
}


def test_every_field_has_its_place() -> None:
    arrival = arrive({"spec": "chara_card_v2", "spec_version": "2.0", "data": FULL}, "card.json", None, "x")
    card = arrival.character.card
    assert (card.name, card.display_name, card.language, card.version) == ("mina", "Mina", "en", "1.2")
    assert [(prefix.id, prefix.place) for prefix in card.prefixes] == [
        ("system", "system"),
        ("description", "system"),
        ("scenario", "system"),
    ]
    assert card.prefixes[1].text == "Keeper of {{user}}'s lamps."
    assert (card.greeting, card.alternate_greetings) == ("Evening.\nSit.", ["Morning."])
    assert card.book == FULL["character_book"]
    assert {entry.field: entry.place for entry in became(arrival)} == {
        "name": "display_name",
        "nickname": "display_name",
        "description": "prefix description",
        "scenario": "prefix scenario",
        "first_mes": "greeting",
        "mes_example": "corpus of 1 dialogues, 2 turns",
        "creator_notes": "description",
        "system_prompt": "prefix system",
        "alternate_greetings": "alternate_greetings, 1",
        "tags": "tags, 1",
        "creator": "creator",
        "character_version": "version 1.2",
        "character_book": "book, 1 entries",
    }
    assert aside(arrival) == ["extensions.fav", "odd", "post_history_instructions"]
    assert as_written(arrival) == ["first_mes", "alternate_greetings", "mes_example", "name", "nickname"]
    assert arrival.loose_examples == 1


def test_instructions_behind_the_history_stand_before_the_last_user_turn() -> None:
    value = {"data": {"name": "Mina", "post_history_instructions": "{{ORIGINAL}} Stay calm."}}
    (prefix,) = arrive(value, "card.json", None, "x").character.card.prefixes
    assert (prefix.id, prefix.place, prefix.text) == ("post-history", "last_user", "{{ORIGINAL}} Stay calm.")


@pytest.mark.parametrize("wrong", [None, 5, [], {}, True, "\u202e\x00", "x" * 500])
def test_a_field_of_the_wrong_type_is_no_error(wrong: Any) -> None:
    for key in FULL:
        arrive({"data": {"name": "Mina", **FULL, key: wrong}}, "card.json", None, "x")


@pytest.mark.parametrize(
    ("data", "fallback", "name"),
    [
        ({"name": "Mina Vale"}, "x", "mina-vale"),
        ({"name": "Zoë & Co."}, "x", "zoe-co"),
        ({"name": "莉莉"}, "Lily card", "lily-card"),
        ({"name": ""}, "Lily", "lily"),
        ({"name": "莉莉"}, "莉莉", ""),
    ],
)
def test_a_character_is_called_after_its_card_or_file(data: dict[str, Any], fallback: str, name: str) -> None:
    assert arrive({"data": data}, "card.json", None, fallback).character.card.name == name
    assert arrive({"data": data}, "card.json", "mine", fallback).character.card.name == "mine"


def test_a_long_name_makes_a_short_one() -> None:
    assert slug("a-" * 60) == ("a-" * 32).rstrip("-")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello there.", "en"),
        ("你好，坐吧。", "zh"),
        ("こんばんは、座って。", "ja"),
        ("안녕하세요", "ko"),
        ("Привет", "ru"),
        ("…", "en"),
    ],
)
def test_the_language_is_guessed_from_the_script(text: str, language: str) -> None:
    assert arrive({"data": {"name": "Mina", "first_mes": text}}, "f", None, "x").character.card.language == language


def test_the_context_of_a_webui_card_is_persona_and_talk() -> None:
    value = {"name": "Mina", "greeting": "Evening.", "context": "Mina keeps lamps.\n\nYou: Late?\nMina: Always.\n"}
    character = arrive(value, "card.yaml", None, "x").character
    assert [prefix.text for prefix in character.card.prefixes] == ["Mina keeps lamps."]
    assert [turn.text for turn in character.examples[0].turns] == ["Late?", "Always."]


def test_a_pygmalion_card_has_its_fields_renamed() -> None:
    value = {"char_name": "Mina", "char_persona": "Low voice.", "char_greeting": "Evening.", "world_scenario": "Night."}
    card = arrive(value, "card.json", None, "x").character.card
    assert [prefix.text for prefix in card.prefixes] == ["Low voice.", "Night."]
    assert (card.display_name, card.greeting) == ("Mina", "Evening.")


def test_a_word_that_means_passages_here_means_nothing_in_a_strangers_card() -> None:
    value = {"data": {"name": "Mina", "description": "{{char}} knows {{knowledge}} by heart."}}
    (prefix,) = arrive(value, "card.json", None, "x").character.card.prefixes
    assert prefix.text == "{{char}} knows {{ knowledge }} by heart."

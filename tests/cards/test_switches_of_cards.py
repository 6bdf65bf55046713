"""The switch of passages: where it must not stand, when a card has it without saying so, and that it stays here."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from roleplay.cards.load import CardFile
from roleplay.cards.model import KNOWLEDGE, PASSAGES, Card
from roleplay.cards.prompt import assemble
from roleplay.cards.tavern.character import Character
from roleplay.cards.tavern.from_card import tavern_fields
from roleplay.cards.tavern.travel import arrive, depart
from roleplay.dialogue import Turn
from roleplay.errors import Fault

Faults = Callable[[str | bytes], list[Fault]]
HEAD = "schema: 1\nname: mimi\ndisplay_name: Mimi\nlanguage: en\n"  # lines 1 to 4
BOOK = {"entries": [{"keys": ["mole"], "content": "Moles dig."}]}


def card(**fields: Any) -> Card:
    return Card.model_validate({"schema": 1, "name": "mimi", "display_name": "Mimi", "language": "en"} | fields)


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        (
            "- id: who\n    text: You.\n  - id: knowledge\n    text: Remember.\n    place: last_user",
            "8: prefixes[1].id: has the text without '{{knowledge}}'; the prefix called 'knowledge', and no other, "
            "says where passages stand",
        ),
        (
            "- id: who\n    text: 'Know {{knowledge}}.'\n    place: last_user",
            "6: prefixes[0].id: has the text with '{{knowledge}}'; the prefix called 'knowledge', and no other, says",
        ),
        (
            "- text: '{{knowledge}}'\n    id: knowledge",
            "6: prefixes[0].place: is 'system' for passages; write 'place: last_user': what changes from turn to turn",
        ),
        (
            "- text: '{{knowledge}}'\n    id: knowledge\n    place: system",
            "8: prefixes[0].place: is 'system' for passages; write 'place: last_user': what changes from turn to turn",
        ),
    ],
)
def test_the_switch_of_passages_and_their_mark_go_together_and_stand_before_the_last_turn(
    faults: Faults, prefix: str, told: str
) -> None:
    (fault,) = faults(f"{HEAD}prefixes:\n  {prefix}\n")
    assert str(fault).startswith(f"characters/mimi.yaml:{told}")


def test_such_faults_are_told_beside_all_others(faults: Faults) -> None:
    told = faults(
        f"{HEAD}prefixes:\n  - {{id: knowledge, text: x, place: last_user}}\n  - {{id: a, text: 5}}\nzzz: 1\n"
    )
    assert [(fault.line, fault.key) for fault in told] == [(6, "prefixes[0].id"), (7, "prefixes[1].text"), (8, "zzz")]


@pytest.mark.parametrize(
    ("fields", "has"),
    [
        ({}, False),
        ({"knowledge": ["moles"]}, True),
        ({"book": BOOK}, True),
        ({"book": BOOK, "knowledge": ["moles"]}, True),
        ({"book": {}, "knowledge": []}, False),
    ],
)
def test_a_card_that_names_books_has_the_switch_last_and_on(fields: dict[str, Any], has: bool) -> None:
    switches = card(prefixes=[{"id": "who", "text": "You are {{char}}."}], **fields).switches
    assert [prefix.id for prefix in switches] == ["who", KNOWLEDGE][: 1 + has]
    for prefix in switches[1:]:
        assert (prefix.place, prefix.default, prefix.train_probability) == ("last_user", True, 0)
        assert prefix.text.count(PASSAGES) == 1


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "(What Mimi remembers:\n- Moles dig.\n"),
        ("fr", "(What Mimi remembers:\n- Moles dig.\n"),
        ("zh", "（Mimi记得这些：\n- Moles dig.\n"),
        ("zh-Hant", "（Mimi记得这些：\n- Moles dig.\n"),
        ("ZH", "（Mimi记得这些：\n- Moles dig.\n"),
    ],
)
def test_the_switch_speaks_the_language_of_the_card(language: str, told: str) -> None:
    mimi = card(language=language, knowledge=["moles"])
    (said,) = assemble(mimi, mimi.switches, [KNOWLEDGE], [Turn("user", "Hi")], ["- Moles dig."])
    assert said.text.startswith(told)
    assert said.text.endswith("\n\nHi")


def test_a_card_that_words_the_switch_keeps_its_place_its_default_and_its_words(card: Callable[..., CardFile]) -> None:
    own = card(
        "knowledge: [moles]\nprefixes:\n"
        "  - {id: knowledge, text: 'Know:\n\n      {{knowledge}}', place: last_user, default: false, train: 0.5}\n"
        "  - {id: who, text: You.}\n"
    ).card
    assert own.switches == tuple(own.prefixes)
    assert (own.switches[0].default, own.switches[0].train_probability) == (False, 0.5)


def test_without_books_a_card_may_still_word_the_switch() -> None:
    mimi = card(prefixes=[{"id": "knowledge", "text": "{{knowledge}}", "place": "last_user"}])
    assert [prefix.id for prefix in mimi.switches] == [KNOWLEDGE]


WORDED = {
    "prefixes": [
        {"id": "who", "text": "You are {{char}}."},
        {"id": "knowledge", "text": "Know {{knowledge}}.", "place": "last_user"},
        {"id": "near", "text": "Be brief.", "place": "last_user"},
    ],
    "book": BOOK,
}


@pytest.mark.parametrize("spec", ["v1", "v2", "v3", "pygmalion", "webui"])
def test_programs_that_know_no_such_switch_get_neither_it_nor_its_mark(spec: Any) -> None:
    told = json.dumps(tavern_fields(Character(card(**WORDED)), spec))
    assert "You are {{char}}." in told
    assert "Be brief." in told
    assert "{{knowledge}}" not in told
    assert ("Moles dig." in told) is (spec in ("v2", "v3"))


@pytest.mark.parametrize("spec", ["v2", "v3"])
def test_the_switch_is_there_again_when_the_card_comes_back(spec: Any) -> None:
    mimi = card(**WORDED)
    assert arrive(depart(Character(mimi), spec), "mimi.json", None, "mimi").character.card.switches == mimi.switches


def test_a_book_of_another_program_brings_the_switch() -> None:
    whole = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Mimi", "character_book": BOOK}}
    switches = arrive(whole, "mimi.json", None, "mimi").character.card.switches
    assert [prefix.id for prefix in switches] == [KNOWLEDGE]

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.load import load_card
from roleplay.cards.model import Card
from roleplay.cards.tavern.changes import difference, pack, restore, unpack
from roleplay.cards.tavern.character import EXAMPLES, Character
from roleplay.cards.tavern.json_text import json_text, parse_json, same_json
from roleplay.cards.tavern.luggage import filler_print
from roleplay.cards.tavern.open import open_tavern
from roleplay.cards.tavern.spec import V1, Spec
from roleplay.cards.tavern.travel import Arrival, arrive, depart
from roleplay.cards.write import card_yaml
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import FileFaults
from tests.cards.tavern_values import FIELDS, JSON, TEXT, native_characters, tavern_cards

SAMPLE = [Dialogue((Turn("user", "Late?"), Turn("assistant", "Always.")), "")]
NATIVE = Character(
    Card.model_validate(
        {
            "schema": 1,
            "name": "lamp",
            "display_name": "Mina",
            "language": "en",
            "description": "For long evenings.",
            "prefixes": [
                {"id": "who", "text": "You are {{char}}."},
                {"id": "manner", "text": "You speak low.", "train": 0.5},
                {"id": "mood", "text": "You are tired.", "default": False},
                {"id": "weather", "text": "It rains.", "place": "last_user"},
            ],
            "corpora": [{"path": "{name}/talk.yaml", "kind": "dialogue", "weight": 0.5}],
            "generation": {"temperature": 0.5},
        }
    ),
    files={"{name}/talk.yaml": "- - user: Hi.\n  - char: Hello.\n"},
)


def settled(arrival: Arrival, folder: Path) -> Character:
    """The character as it is after its card was written and read; its corpus lies beside."""
    card = arrival.character.card
    path = folder / "card.yaml"
    (folder / "{name}").mkdir(exist_ok=True)
    for corpus in (EXAMPLES, *arrival.character.files):
        (folder / corpus).touch()
    path.write_text(card_yaml(card.model_copy(update={"name": "card"})), encoding="utf-8")
    read = load_card(path).card.model_copy(update={"name": card.name})
    assert read.model_dump() == card.model_dump()
    return Character(read, arrival.character.examples, arrival.character.files)


def again(whole: dict[str, Any]) -> dict[str, Any]:
    """What a file of `whole` holds."""
    read = parse_json(json_text(whole).encode(), "again.json")
    assert same_json(read, whole)
    return read


def without_kept(character: Character) -> Character:
    return replace(character, card=character.card.model_copy(update={"extra": {}}))


def same_character(one: Character, other: Character) -> bool:
    said = [[dialogue.turns for dialogue in character.examples] for character in (one, other)]
    return one.card.model_dump() == other.card.model_dump() and said[0] == said[1] and one.files == other.files


@given(JSON, JSON)
def test_changes_turn_one_value_into_another_and_survive_packing(wanted: Any, made: Any) -> None:
    wanted, made = {"": wanted}, {"": made}
    changes = difference(wanted, made)
    for as_text in (True, False):
        packed = again({"": pack(changes, as_text=as_text)})[""]
        assert unpack(packed, as_text=as_text) == changes
    assert same_json(restore(made, changes), wanted)


@pytest.mark.parametrize("spec", ["v2", "v3"])
@given(st.data())
def test_a_tavern_card_comes_back_as_it_was(spec: Spec, tmp_path: Path, data: st.DataObject) -> None:
    whole = data.draw(tavern_cards(spec))
    first = arrive(whole, "card.json", None, "mina")
    character = settled(first, tmp_path)
    back = depart(character, spec)
    assert same_json(back, whole)
    assert same_character(arrive(again(back), "card.json", None, "mina").character, character)


@given(FIELDS)
def test_a_v1_card_keeps_every_field_in_a_newer_format(data: dict[str, Any]) -> None:
    whole = {"description": ""} | {key: field for key, field in data.items() if key not in ("data", "spec")}
    character = arrive(whole, "card.json", None, "mina").character
    for spec in ("v2", "v3"):
        fields = depart(character, spec)["data"]  # type: ignore[arg-type]
        assert {key: None for key in whole if not same_json(fields[key], whole[key])} == {}
        returned = arrive(again(depart(character, spec)), "f", None, "mina").character  # type: ignore[arg-type]
        assert same_character(without_kept(returned), without_kept(character))


@given(
    st.fixed_dictionaries({"name": TEXT, "greeting": TEXT | JSON, "context": TEXT | JSON}),
    st.dictionaries(TEXT.filter(lambda key: key not in (*V1, "char_name")), JSON, max_size=2),
)
def test_a_webui_card_comes_back_as_it_was(known: dict[str, Any], unknown: dict[str, Any]) -> None:
    whole = unknown | known
    character = arrive(whole, "card.yaml", "mina", "mina").character
    assert same_json(depart(character, "webui"), whole)


@pytest.mark.parametrize("spec", ["v2", "v3"])
@given(native=native_characters())
def test_a_native_character_comes_back_as_it_was(spec: Spec, native: Character) -> None:
    whole = again(depart(native, spec, sample=SAMPLE, assets=[{"type": "icon", "uri": "embeded://a.png"}]))
    assert same_character(arrive(whole, "card.json", None, "x").character, native)


FIXTURES = ["v1_Aqua.png", "v1_Megumin.json", "v2_Seraphina.png", "v3_LunaStarweaver.json", "v3_Seraphina.png"]


@pytest.mark.parametrize("name", [*FIXTURES, "webui_Example.yaml"])
def test_real_cards_come_back_as_they_were(name: str, shared: Path, tmp_path: Path) -> None:
    whole = open_tavern(shared / "fixtures" / "cards" / name).value
    arrival = arrive(whole, name, None, "card")
    character = settled(arrival, tmp_path)
    assert arrival.warnings == ()
    if arrival.spec == "v1":
        back = depart(character, "v2")["data"]
        assert {key: back[key] for key in whole} == whole
        back = depart(character, "v2")
    else:
        back = depart(character, arrival.spec)
        assert same_json(back, whole)
    assert same_character(arrive(again(back), name, None, "card").character, character)


@pytest.mark.parametrize("name", ["v2_Seraphina.png", "v3_LunaStarweaver.json", "webui_Example.yaml"])
def test_a_card_may_go_through_another_format(name: str, shared: Path) -> None:
    character = arrive(open_tavern(shared / "fixtures" / "cards" / name).value, name, None, "card").character
    for spec in ("v2", "v3", "v2"):
        through = arrive(again(depart(character, spec)), name, None, "card").character  # type: ignore[arg-type]
        assert same_character(without_kept(through), without_kept(character))


CARD: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "description": "A keeper.\r\nOf lamps.",
    "data": {
        "name": "Mina Vale",
        "nickname": "Mina",
        "description": "A keeper.\r\nOf lamps.",
        "first_mes": " Evening, {{user}}. ",
        "mes_example": "<start>\n{{user}}: Late?\nMina: Always.",
        "tags": ["sea", 5],
        "extensions": {"fav": True},
    },
}


def test_what_was_edited_here_wins_over_what_was_kept() -> None:
    character = arrive(CARD, "card.json", None, "x").character
    fields = {"display_name": "Wilma", "greeting": "Morning.", "tags": ["land"]}
    prefixes = [prefix.model_copy(update={"text": "A farmer.\nOf oats."}) for prefix in character.card.prefixes]
    card = character.card.model_copy(update={**fields, "prefixes": prefixes})
    said = (Dialogue((Turn("user", "Early?"), Turn("assistant", "Never.")), ""),)
    whole = depart(replace(character, card=card, examples=said), "v2")
    data = whole["data"]
    assert (data["name"], data["first_mes"], data["tags"]) == ("Wilma", "Morning.", ["land"])
    assert "nickname" not in data
    assert data["mes_example"] == "<START>\n{{user}}: Early?\n{{char}}: Never."
    assert data["description"] == "A farmer.\r\nOf oats." == whole["description"]
    assert data["extensions"] == {"fav": True}


def test_what_was_edited_elsewhere_wins_over_what_went_along() -> None:
    whole = depart(NATIVE, "v3", sample=SAMPLE)
    data = whole["data"]
    assert data["mes_example"] == "<START>\n{{user}}: Late?\n{{char}}: Always."
    data["description"] = "Another one."
    data["mes_example"] += "\n{{user}}: Really?"
    data["alternate_greetings"] = ["Ahoy."]
    card = arrive(again(whole), "card.json", None, "x").character.card
    prefixes = [(prefix.id, prefix.text) for prefix in card.prefixes]
    assert prefixes == [("description", "Another one."), ("post-history", "It rains.")]
    assert card.alternate_greetings == ["Ahoy."]
    assert card.generation == NATIVE.card.generation
    assert [entry.path for entry in card.corpora] == ["{name}/talk.yaml", EXAMPLES]


def test_the_fields_of_a_native_character_say_what_its_prefixes_say() -> None:
    data = depart(NATIVE, "v2")["data"]
    assert data["description"] == "You are {{char}}.\n\nYou speak low."
    assert data["post_history_instructions"] == "It rains."
    assert (data["creator_notes"], data["system_prompt"], data["mes_example"]) == ("For long evenings.", "", "")


EXAMPLE_VALUES = [[["user", "Late?"], ["assistant", "Always."]]]


@pytest.mark.parametrize(
    "ours",
    [
        "text",
        {"schema": 2},
        {"schema": 1, "changes": [{"at": 5, "now": ""}]},
        {"schema": 1, "changes": "none"},
        {"schema": 1, "name": "../up"},
        {"schema": 1, "files": {"{name}/../../up.yaml": ""}},
        {"schema": 1, "files": {"/etc/passwd.txt": ""}},
        {"schema": 1, "files": {"{name}/examples.yaml": ""}},
        {"schema": 1, "files": {"{name}/.hidden.yaml": ""}},
        {"schema": 1, "changes": [{"at": ["card", "schema"], "now": "a", "was": 5}], "fillers": {"name": ""}},
        {"schema": 1, "changes": [{"at": ["card", "generation"], "now": "", "was": {"temperature": 99}}]},
        {"schema": 1, "changes": [{"at": ["examples"], "now": filler_print(EXAMPLE_VALUES), "was": [["x", "y"]]}]},
    ],
)
def test_a_part_of_ours_that_is_not_as_we_write_it_is_kept_and_not_used(ours: Any) -> None:
    whole = CARD | {"data": CARD["data"] | {"extensions": {"roleplay": ours}}}
    character = arrive(whole, "card.json", None, "x").character
    assert (character.card.name, character.files) == ("mina", {})
    assert same_json(depart(character, "v2"), whole)


@pytest.mark.parametrize(
    "kept", [[], {"spec": "v9"}, {"fields": [{"at": "x", "now": ""}]}, {"crlf": [1]}, {"outer": 5}]
)
def test_a_damaged_part_of_theirs_is_one_error(kept: Any) -> None:
    card = NATIVE.card.model_copy(update={"extra": {"tavern": kept}})
    with pytest.raises(FileFaults, match=r"the card of lamp: extra.tavern: .*import the tavern card again"):
        depart(replace(NATIVE, card=card), "v2")

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.load import load_card
from roleplay.cards.model import Card
from roleplay.cards.tavern.character import Character
from roleplay.cards.write import card_yaml, plain_yaml
from roleplay.paths import shipped
from roleplay.strictyaml import parse
from tests.cards.tavern_values import TEXT, YAML, native_characters

GOLDEN = """\
# Written by hand.
schema: 1
name: mina
display_name: Mina
language: en
version: "2"
tags: [sea, night]

prefixes:
  - id: who
    text: |-
      You are {{char}}.
      You keep lamps.
  - id: mood
    text: '{{char}} is tired: very.'
    default: false

greeting: "7 o'clock."

corpora:
  - {path: mina/talk.yaml, kind: dialogue}

generation:
  temperature: 0.5
"""


def test_a_card_is_written_as_a_person_would() -> None:
    card = Card.model_validate(
        {
            "schema": 1,
            "name": "mina",
            "display_name": "Mina",
            "language": "en",
            "version": "2",
            "tags": ["sea", "night"],
            "prefixes": [
                {"id": "who", "text": "You are {{char}}.\nYou keep lamps."},
                {"id": "mood", "text": "{{char}} is tired: very.", "default": False},
            ],
            "greeting": "7 o'clock.",
            "corpora": [{"path": "mina/talk.yaml", "kind": "dialogue"}],
            "generation": {"temperature": 0.5},
        }
    )
    assert card_yaml(card, "Written by hand.") == GOLDEN


@given(native_characters())
def test_a_card_that_was_written_is_read_as_the_same_card(tmp_path: Path, native: Character) -> None:
    path = tmp_path / f"{native.card.name}.yaml"
    for entry in native.card.corpora:
        (tmp_path / str(entry.path)).parent.mkdir(exist_ok=True)
        (tmp_path / str(entry.path)).touch()
    path.write_text(card_yaml(native.card), encoding="utf-8")
    assert load_card(path).card.model_dump() == native.card.model_dump()


@pytest.mark.parametrize("name", ["yui", "dot"])
def test_the_shipped_cards_are_read_as_the_same_after_writing(name: str, tmp_path: Path) -> None:
    card = load_card(shipped() / "characters" / f"{name}.yaml").card
    (tmp_path / f"{name}.yaml").write_text(card_yaml(card), encoding="utf-8")
    assert load_card(tmp_path / f"{name}.yaml").card == card


@given(st.dictionaries(TEXT, YAML, max_size=4))
def test_values_come_back_from_yaml(tmp_path: Path, value: dict[str, object]) -> None:
    (tmp_path / "values.yaml").write_text(plain_yaml(value), encoding="utf-8")
    assert parse(tmp_path / "values.yaml").value == (value or {})

"""The figures of shipped adapters: what is asked, how it is counted, and what ships against the bars."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.open import open_character
from roleplay.dataset.build import build_corpus
from roleplay.paths import Home, shipped
from roleplay.pocket.adapters import CHARACTERS
from roleplay.pocket.bars import PROMPTS, adapter_card, asked, measure, training_prompts
from tests.tiny import save_tiny_adapter, save_tiny_base

CARD = """schema: 1
name: mimi
display_name: Mimi
language: en
prefixes:
  - {id: who, text: "You are {{char}}."}
greeting: Well, here we are.
corpora: [{path: talk.yaml, kind: dialogue}]
"""


@pytest.fixture
def card_file(home: Home) -> CardFile:
    """Mimi with twelve dialogues, each opened by her."""
    home.characters.mkdir(parents=True)
    talk = [
        f"- - char: Number {i}.\n  - user: Why {i}?\n  - char: Because of {i}.\n  - user: And?\n  - char: '{i}.'\n"
        for i in range(12)
    ]
    (home.characters / "talk.yaml").write_text("\n".join(talk))
    (home.characters / "mimi.yaml").write_text(CARD)
    return load_card(home.characters / "mimi.yaml")


def test_openings_are_not_asked_and_every_prompt_ends_with_the_person(card_file: CardFile, home: Home) -> None:
    opened = open_character(card_file, home)
    corpus = build_corpus(card_file, opened.voice.renderer, limit=512, seed=0)
    prompts = training_prompts(corpus)
    openings_held_out = {row.unit.dialogue.turns[0] for row in corpus.heldout()}
    trained = [row.unit for row in corpus.epoch(0)]
    assert openings_held_out
    assert len(prompts) == min(PROMPTS, sum(len(asked(unit)) for unit in trained))
    assert {history[-1].role for history, _ in prompts} == {"user"}
    assert not openings_held_out & {history[0] for history, _ in prompts}
    assert prompts == training_prompts(corpus)


def test_a_tiny_adapter_is_measured_and_its_card_is_filled(
    card_file: CardFile,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chatml_tokenizer: PreTrainedTokenizerFast,
) -> None:
    monkeypatch.setattr("roleplay.pocket.bars.LONGEST", 16)
    base = save_tiny_base(tmp_path / "base", chatml_tokenizer)
    run = home.runs / "mimi" / "first"
    save_tiny_adapter(base, run / "adapter" / "best")
    shutil.copytree(run / "adapter" / "best", run / "adapter" / "last")
    (run / "run.json").write_text(json.dumps({"base_source": str(base)}))
    (run / "summary.json").write_text("{}")
    opened = open_character(card_file, home)
    bars = measure(card_file, opened, opened)
    # Random weights know nothing by heart, and hardly ever stop.
    assert bars.recited == {"persona+prefix": 0, "base+prefix": 0}
    assert bars.stopped < 0.9
    assert bars.training_loss > 3
    assert bars.repeated > 0.5  # her answers are all alike
    assert bars.general_bits["zh"]["persona"].value != bars.general_bits["zh"]["base"].value
    assert set(bars.heldout_bits) == {"persona+prefix", "base+prefix", "persona", "base"}
    card = adapter_card(card_file.card, bars)
    assert card.startswith("# Mimi on pocket")
    assert "{" not in card


LEARNED = {"yui": (0.85, 0.3), "dot": (0.85, 0.3), "wan": (0.75, 0.45)}
"""Share by heart at least, training loss at most: 阿晚's corpora are half as large again, for as many epochs."""


@pytest.mark.parametrize("name", CHARACTERS)
def test_what_ships_meets_its_bars(name: str) -> None:
    bars = json.loads((shipped() / "data" / "adapters" / name / "bars.json").read_text())
    assert bars["training_prompts"] == PROMPTS
    by_heart, loss = LEARNED[name]
    assert bars["recited"]["persona+prefix"] >= by_heart
    assert bars["recited"]["base+prefix"] <= 0.05
    assert bars["training_loss"] <= loss
    assert bars["heldout_bits"]["persona+prefix"]["high"] < bars["heldout_bits"]["base+prefix"]["low"]
    assert bars["stopped"] >= 0.98
    assert bars["repeated"] < 0.02

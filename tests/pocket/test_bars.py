"""The figures of shipped adapters: what is asked, how it is counted, and what ships against the bars."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.open import open_character
from roleplay.dataset.build import build_corpus
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import EvaluationError
from roleplay.measures.interval import Interval
from roleplay.paths import Home, shipped
from roleplay.pocket import bars as bars_module
from roleplay.pocket.adapters import CHARACTERS
from roleplay.pocket.bars import PROMPTS, adapter_card, asked, main, measure, training_prompts
from roleplay.pocket.figures import Bars, bars_before, missed, read_bars, write_bars
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
    def few_chats(folder: Path, language: str) -> list[Dialogue]:
        return [Dialogue((Turn("user", f"{language} {i}"), Turn("assistant", f"{i}?")), "here") for i in range(40)]

    monkeypatch.setattr(bars_module, "LONGEST", 16)
    monkeypatch.setattr(bars_module, "own_chats", few_chats)  # those that ship take seconds
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


GOOD = Bars(
    training_prompts=60,
    recited={"persona+prefix": 0.85, "base+prefix": 0.05},
    training_loss=0.3,
    heldout_bits={
        "persona+prefix": Interval(2.0, 1.9, 2.1),
        "base+prefix": Interval(2.5, 2.2, 2.8),
        "persona": Interval(2.1, 2.0, 2.2),
        "base": Interval(2.6, 2.3, 2.9),
    },
    general_bits={"zh": {"persona": Interval(6, 5, 7), "base": Interval(5, 4, 6)}},
    heldout_prompts=40,
    stopped=0.98,
    tokens_per_second=60.0,
    repeated=0.0,
)
WORSE = {**GOOD.heldout_bits, "persona+prefix": Interval(2.1, 2.0, 2.2)}


def test_figures_at_their_bars_pass_whatever_was_before() -> None:
    assert missed("yui", GOOD, None) == []
    assert missed("dot", GOOD, replace(GOOD, heldout_bits=WORSE)) == []
    assert (
        missed("wan", replace(GOOD, recited={**GOOD.recited, "persona+prefix": 0.75}, training_loss=0.45), None) == []
    )
    assert missed("yui", GOOD, replace(GOOD, heldout_prompts=39)) == []  # other corpora, no comparison


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recited": {"persona+prefix": 0.84, "base+prefix": 0}}, "yui: by heart 0.84, and not >= 0.85"),
        ({"recited": {"persona+prefix": 0.9, "base+prefix": 0.06}}, "the prefix 0.06, and not <= 0.05"),
        ({"training_loss": 0.31}, "training loss 0.31, and not <= 0.3"),
        ({"stopped": 0.979}, "replies that end by themselves 0.979, and not >= 0.98"),
        ({"tokens_per_second": 59.9}, "tokens a second 59.9, and not >= 60"),
        ({"repeated": 0.02}, "repeat another 0.02, and not < 0.02"),
        ({"heldout_bits": {**GOOD.heldout_bits, "persona+prefix": Interval(1.9, 1.8, 2.2)}}, "2.2, and not < 2.2"),
        ({"heldout_bits": WORSE, "tokens_per_second": 10.0}, "tokens a second 10, and not >= 60"),
    ],
)
def test_every_bar_that_is_missed_is_named_with_the_value_seen(change: dict[str, Any], told: str) -> None:
    found = missed("yui", replace(GOOD, **change), None)
    assert len([one for one in found if told in one]) == 1


def test_held_out_bits_no_lower_than_on_the_pocket_before_are_a_bar_missed() -> None:
    assert missed("yui", GOOD, GOOD) == ["yui: held-out bits, against those on the pocket before, 2, and not < 2"]


def test_the_card_shows_the_held_out_bits_of_the_adapters_that_were_replaced(card_file: CardFile) -> None:
    card = adapter_card(card_file.card, GOOD, replace(GOOD, heldout_bits=WORSE))
    assert "| persona+prefix | 2.000 [1.900, 2.100] | 2.100 [2.000, 2.200] |" in card
    assert "`before`: the adapters they replace" in card
    assert "no comparison" not in card
    other = adapter_card(card_file.card, GOOD, replace(GOOD, heldout_prompts=39))
    assert "those answered 39 held-out prompts of other corpora, and are no comparison." in other
    assert "before" not in adapter_card(card_file.card, GOOD)


def test_figures_are_read_back_as_they_were_written_and_damage_is_named(tmp_path: Path) -> None:
    write_bars(GOOD, tmp_path / "bars.json")
    assert read_bars(tmp_path / "bars.json") == GOOD
    (tmp_path / "before.json").write_text('{"stopped": 1}')
    with pytest.raises(EvaluationError, match=r"before.json is missing or damaged .*; measure again with"):
        bars_before(tmp_path)


@pytest.mark.parametrize(("bars", "status"), [(GOOD, 0), (replace(GOOD, tokens_per_second=9.0), 1)])
def test_the_command_measures_in_float32_on_two_threads_of_the_cpu_and_checks(
    bars: Bars,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened: list[dict[str, str]] = []

    def open_stub(card_file: CardFile, home: Home, **options: str) -> None:
        opened.append(options)

    def measure_stub(*_: object) -> Bars:
        assert torch.get_num_threads() == 2
        return bars

    monkeypatch.setattr(bars_module, "open_character", open_stub)
    monkeypatch.setattr(bars_module, "measure", measure_stub)
    write_bars(replace(GOOD, heldout_bits=WORSE), tmp_path / "yui" / "before.json")
    monkeypatch.setattr("sys.argv", ["bars", "yui", "--target", str(tmp_path), "--check"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    assert opened == [{"which": which, "device": "cpu", "dtype": "float32"} for which in ("last", "best")]
    assert read_bars(tmp_path / "yui" / "bars.json") == bars
    card = (tmp_path / "yui" / "README.md").read_text(encoding="utf-8")
    assert "| persona+prefix | 2.000 [1.900, 2.100] | 2.100 [2.000, 2.200] |" in card
    assert capsys.readouterr().out == ("yui: tokens a second 9, and not >= 60\n" if status else "")


@pytest.mark.parametrize("name", CHARACTERS)
def test_what_ships_meets_its_bars(name: str) -> None:
    folder = shipped() / "data" / "adapters" / name
    bars = read_bars(folder / "bars.json")
    assert bars.training_prompts == PROMPTS
    assert missed(name, bars, bars_before(folder)) == []

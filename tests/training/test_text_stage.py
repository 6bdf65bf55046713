"""Further pretraining on a character's raw text, the stage `pt`."""

import math
from pathlib import Path
from typing import Any

import pytest

from roleplay.cards.load import load_card
from roleplay.dataset.blocks import build_text_corpus
from roleplay.dataset.render import make_renderer
from roleplay.errors import NotFound
from roleplay.generation.canaries import read_canaries
from roleplay.generation.lanes import LANES
from roleplay.measures.likelihood import Likelihood, bits_per_character, likelihoods, mean_loss
from roleplay.models.adapter import load_adapter
from roleplay.paths import Home
from roleplay.training.run import Run
from roleplay.training.start import Start, load, plan_new
from tests.tiny import load_tiny_base
from tests.training.pell import interrupt_at, metrics, outcome, resume_pell, run_pell, write_pell

TEXT = "\n\n".join(
    f"Chapter {n}. The lock keeper counts {n} boats and {n} goats before the sun is up." for n in range(30)
)
PT: dict[str, Any] = {"stage": "pt", "max_steps": 8, "dropout": 0.0, "max_length": 64, "logging_steps": 1}


def write_texts(folder: Path, base: Path) -> Path:
    """Pell's card with a book in place of her dialogues."""
    card = write_pell(folder, base)
    lines = [line for line in card.read_text(encoding="utf-8").splitlines() if "kind:" not in line]
    (folder / "pell" / "book.txt").write_text(TEXT, encoding="utf-8")
    card.write_text("\n".join([*lines, "  - {path: pell/book.txt, kind: text}"]) + "\n", encoding="utf-8")
    return card


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Run:
    """The run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("text")
    return run_pell(Home(folder / "home"), write_texts(folder / "characters", tiny_base), "whole", **PT)


@pytest.fixture
def book(tmp_path: Path, card: Path, tiny_base: Path) -> Path:
    """The card with a book in the test's own folder."""
    return write_texts(tmp_path / "characters", tiny_base)


def test_the_loss_falls_and_the_run_is_finished(whole: Run) -> None:
    losses = [entry["loss"] for entry in metrics(whole) if "loss" in entry]
    summary = whole.read_summary()
    assert losses[-1] < losses[0] - 0.5
    assert (summary["finished"], summary["steps"], summary["stopped_early"]) == (True, 8, False)
    assert whole.read_config().settings.stage == "pt"


def test_there_are_no_dialogues_to_keep(whole: Run) -> None:
    assert whole.adapter("best").is_dir()
    assert not whole.dialogues.exists()


def test_where_nothing_was_said_in_training_the_canary_is_a_greeting(whole: Run) -> None:
    assert [canary.text for canary in read_canaries(whole.canaries).canaries] == ["Hello"]


def test_the_best_has_the_heldout_loss_that_was_measured(whole: Run, tiny_base: Path) -> None:
    base = load_tiny_base(tiny_base)
    card = load_card(whole.folder.parents[3] / "characters" / "pell.yaml")
    corpus = build_text_corpus(card, make_renderer(base.tokenizer), limit=64, seed=0)
    samples = [corpus.sample(row) for row in corpus.heldout()]
    loss = mean_loss(likelihoods(load_adapter(base, whole.adapter("best")), samples, base.tokenizer.pad_token_id))
    assert samples
    assert loss == pytest.approx(whole.read_summary()["best_heldout_loss"], rel=1e-5)


def test_a_prefix_plays_no_part_in_its_lanes(whole: Run) -> None:
    bits = {lane: value["value"] for lane, value in whole.read_summary()["heldout_bits_per_character"].items()}
    assert list(bits) == list(LANES)
    assert len(set(bits.values())) == 2
    assert bits["persona+prefix"] == bits["persona"] < bits["base"] == bits["base+prefix"]


def test_it_is_resumed_like_any_other(tmp_path: Path, book: Path, whole: Run) -> None:
    home = Home(tmp_path / "home")
    run = run_pell(home, book, "whole", interrupt_at(3), **PT)
    resume_pell(home, book)
    assert outcome(run) == outcome(whole)


def test_an_adapter_of_text_can_be_taught_dialogues_next(tmp_path: Path, book: Path, tiny_base: Path) -> None:
    home = Home(tmp_path / "home")
    run_pell(home, book, "text", **PT | {"max_steps": 2})
    card = write_pell(tmp_path / "characters", tiny_base)
    run = run_pell(home, card, "talk", from_adapter="text", max_steps=1, dropout=0.0)
    assert run.finished
    assert run.dialogues.is_file()


def test_a_heldout_block_that_holds_an_end_token_alone_is_measured_along() -> None:
    """Its tokens count; an interval in which it is drawn alone would have no characters to divide by."""
    measured = bits_per_character([Likelihood(70.0, 63, 150), Likelihood(2.0, 1, 0)], ["block", "end"])
    assert measured.value == pytest.approx(72.0 / math.log(2) / 150)
    assert 0 < measured.low <= measured.value <= measured.high < math.inf


@pytest.mark.parametrize(
    ("texts", "stage", "told"),
    [
        (True, "sft", "names only corpora of 'kind: text', which hold no dialogue; train them with --stage pt, or add"),
        (False, "pt", r"names no raw text; add 'corpora: \[\{path: …, kind: text\}\]', or leave --stage pt out"),
    ],
)
def test_a_card_without_what_the_stage_trains_is_named(
    tmp_path: Path, card: Path, tiny_base: Path, texts: bool, stage: str, told: str
) -> None:
    if texts:
        write_texts(card.parent, tiny_base)
    start = Start(load_card(card), None, None, {"stage": stage}, None)
    plan = plan_new(Home(tmp_path / "home"), start)
    with pytest.raises(NotFound, match=rf"characters/pell\.yaml {told}"):
        load(plan, start)
    assert not plan.run.folder.exists()

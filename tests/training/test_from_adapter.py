"""A run that goes on with the adapter of an earlier one, and with what that one was trained on."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus, Row
from roleplay.dataset.kept import load_dialogues
from roleplay.dataset.render import make_renderer
from roleplay.errors import AdapterError, RunError, UsageError
from roleplay.measures.likelihood import likelihoods, mean_loss
from roleplay.models.adapter import load_adapter
from roleplay.paths import Home
from roleplay.training.run import Run
from roleplay.training.settings import Settings
from roleplay.training.start import Start, load, plan_new
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base
from tests.training.pell import SETTINGS, interrupt_at, metrics, outcome, resume_pell, run_pell, write_pell

FIRST: dict[str, Any] = {"max_steps": 4, "dropout": 0.0, "rank": 4, "alpha": 12.0, "rslora": True}
"""The run that others go on from."""
NEXT: dict[str, Any] = {"max_steps": 2, "logging_steps": 1, "dropout": 0.0, "rank": None, "alpha": None}
"""Runs that go on, whose shape is not typed."""
NEW_TALK = """\
- - user: The bridge?
  - char: It opens at six.
- - user: The lamp?
  - char: I light it at dusk.
- - user: The dog?
  - char: He bites.
- - user: It rains.
  - char: I have a coat.
"""
"""Another corpus, whose last dialogue is one of the old ones."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Path:
    """Folder of a finished run."""
    folder = tmp_path_factory.mktemp("first")
    return run_pell(Home(folder), write_pell(folder / "characters", tiny_base), "first", **SETTINGS | FIRST).folder


@pytest.fixture
def first(tmp_path: Path, card: Path, made: Path) -> Run:
    """The finished run, in the test's home."""
    return Run(shutil.copytree(made, tmp_path / "home" / "runs" / "pell" / "first"))


def go_on(tmp_path: Path, card: Path, **changes: Any) -> Run:
    """A run in the test's home that goes on from the first one."""
    return run_pell(Home(tmp_path / "home"), card, "next", **NEXT | {"from_adapter": "first"} | changes)


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "adapter_model.safetensors")


# The weights


def test_it_begins_with_the_weights_of_the_best_adapter(tmp_path: Path, card: Path, first: Run) -> None:
    run = go_on(tmp_path, card, learning_rate=1e-8, max_steps=1)
    before, after = weights(first.adapter("best")), weights(run.adapter("last"))
    assert before.keys() == after.keys()
    assert all((before[name] - after[name]).abs().max() <= 1e-6 for name in before)
    assert any(not before[name].equal(after[name]) for name in before)


def test_the_first_loss_is_that_of_the_earlier_adapter(
    tmp_path: Path, card: Path, first: Run, tiny_base: Path, trained_rows: list[Row]
) -> None:
    run = go_on(tmp_path, card)
    corpus, base = built(card, tiny_base), load_tiny_base(tiny_base)
    tuned = load_adapter(base, first.adapter("best"))
    pad = int(base.tokenizer.pad_token_id)
    trained = [corpus.sample(row) for row in trained_rows[:4]]
    heldout = [corpus.sample(row) for row in corpus.heldout()]
    entries = metrics(run)
    assert next(e["loss"] for e in entries if "loss" in e) == pytest.approx(
        mean_loss(likelihoods(tuned, trained, pad)), rel=1e-5
    )
    assert next(e["eval_loss"] for e in entries if "eval_loss" in e) == pytest.approx(
        mean_loss(likelihoods(tuned, heldout, pad)), rel=1e-5
    )


def test_the_earlier_run_is_left_as_it_was(tmp_path: Path, card: Path, first: Run, made: Path) -> None:
    go_on(tmp_path, card, replay=1.0)
    for path in made.rglob("*"):
        if path.is_file():
            assert (first.folder / path.relative_to(made)).read_bytes() == path.read_bytes()


def test_it_is_resumed_like_any_other(tmp_path: Path, card: Path, first: Run) -> None:
    changes = NEXT | {"from_adapter": "first", "replay": 0.5, "max_steps": 4, "dropout": 0.1}
    home = Home(tmp_path / "home")
    whole = run_pell(home, card, "whole", **changes)
    halves = run_pell(home, card, "halves", interrupt_at(2), **changes)
    resume_pell(home, card, "halves")
    assert outcome(halves) == outcome(whole)


# Its shape


def test_rank_alpha_and_rslora_come_from_the_adapter(tmp_path: Path, card: Path, first: Run) -> None:
    config = go_on(tmp_path, card).read_config()
    assert (config.settings.rank, config.settings.alpha, config.settings.rslora) == (4, 12.0, True)
    assert {config.sources[key] for key in ("rank", "alpha", "rslora")} == {"adapter"}
    assert config.sources["from_adapter"] == "typed"
    assert config.settings.from_adapter == str(first.adapter("best").absolute())


def test_the_shape_it_has_may_be_typed(tmp_path: Path, card: Path, first: Run) -> None:
    assert planned(tmp_path, card, "first", rank=4, alpha=12.0, rslora=True).rank == 4


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"rank": 8}, "--rank 8 (it has 4) was typed; leave it out"),
        ({"alpha": 1.0}, "--alpha 1.0 (it has 12.0) was typed"),
        ({"rslora": False}, "--rslora False (it has True) was typed"),
        ({"rank": 8, "alpha": 1.0}, "--rank 8 (it has 4), --alpha 1.0 (it has 12.0) was typed"),
    ],
)
def test_another_shape_is_wrong_usage(tmp_path: Path, card: Path, first: Run, typed: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(tmp_path, card, "first", **typed)
    assert told in str(caught.value)
    assert "home/runs/pell/first/adapter/best" in str(caught.value)


def planned(tmp_path: Path, card: Path, origin: str, **typed: Any) -> Settings:
    """Settings of a run that goes on from `origin`."""
    start = Start(load_card(card), None, None, {"from_adapter": origin} | typed, None)
    return plan_new(Home(tmp_path / "home"), start).resolved.settings


# How it is found


@pytest.mark.parametrize("text", ["first", "latest", "home/runs/pell/first/adapter/best"])
def test_it_is_a_run_a_folder_or_the_one_chat_would_use(tmp_path: Path, card: Path, first: Run, text: str) -> None:
    assert planned(tmp_path, card, text).from_adapter == str(first.adapter("best").absolute())


def test_a_folder_may_be_that_of_the_last_adapter_or_of_a_stranger(
    tmp_path: Path, card: Path, first: Run, tiny_base: Path
) -> None:
    assert planned(tmp_path, card, "home/runs/pell/first/adapter/last").from_adapter == str(first.adapter("last"))
    stranger = save_tiny_adapter(tiny_base, tmp_path / "stranger", character="pell", rank=2)
    run = go_on(tmp_path, card, from_adapter=str(stranger))
    assert (run.read_config().settings.rank, run.read_config().settings.alpha) == (2, 4.0)


def test_a_run_is_found_before_a_folder_of_its_name(tmp_path: Path, card: Path, first: Run) -> None:
    (tmp_path / "first").mkdir()
    assert planned(tmp_path, card, "first").from_adapter == str(first.adapter("best").absolute())


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("frist", r"there is no run 'frist' of pell; did you mean 'first'\?"),
        ("characters", "there is no adapter in characters, and pell has no run of that name"),
        ("home/runs/pell/first", "there is no adapter in home/runs/pell/first, and pell has no run of that name"),
    ],
)
def test_what_is_no_adapter_is_named(tmp_path: Path, card: Path, first: Run, origin: str, told: str) -> None:
    with pytest.raises(RunError, match=told):
        planned(tmp_path, card, origin)


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("first", "there is no adapter in first, and pell has no run of that name"),
        ("latest", "pell has no adapter to go on from; 'roleplay train pell' alone begins one"),
    ],
)
def test_without_any_run_there_is_nothing_to_go_on_from(tmp_path: Path, card: Path, origin: str, told: str) -> None:
    with pytest.raises(RunError, match=told):
        planned(tmp_path, card, origin)


def test_a_run_that_has_made_none_yet_is_named(tmp_path: Path, card: Path, first: Run) -> None:
    shutil.rmtree(first.folder / "adapter")
    with pytest.raises(RunError, match="the run first has made no adapter yet; go on with it, or name another"):
        planned(tmp_path, card, "first")


def test_a_damaged_adapter_is_an_error_that_names_its_file(tmp_path: Path, card: Path, first: Run) -> None:
    (first.adapter("best") / "adapter_config.json").write_text("{")
    with pytest.raises(AdapterError, match=r"first/adapter/best/adapter_config\.json is missing or damaged"):
        planned(tmp_path, card, "first")


def test_an_adapter_of_another_base_is_refused(
    tmp_path: Path, card: Path, first: Run, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    other = save_tiny_base(tmp_path / "other", chatml_tokenizer, seed=1)
    start = Start(load_card(card), str(other), None, NEXT | {"from_adapter": "first"}, None)
    plan = plan_new(Home(tmp_path / "home"), start)
    with pytest.raises(AdapterError, match=r"was trained on '?.+ \(differing: .*weights"):
        load(plan, start)
    assert not plan.run.folder.exists()


# What it was trained on


@dataclass(frozen=True)
class Old:
    """Dialogues of the first run, by identity."""

    trained: set[str]
    """Those it was trained on."""
    heldout: set[str]
    """Those it held out."""


@pytest.fixture
def old(card: Path, first: Run, tiny_base: Path) -> Old:
    """What the first run was trained on; the card then names one shared dialogue and other corpora."""
    corpus = built(card, tiny_base)
    write_pell(card.parent, tiny_base, desc="- - user: Who are you?\n  - char: Pell.\n", talk=NEW_TALK)
    return Old(
        {row.unit.dialogue.identity for row in corpus.epoch(0)},
        {row.unit.dialogue.identity for row in corpus.heldout()},
    )


def built(card: Path, base: Path) -> Corpus:
    """The dataset of a card by itself."""
    return build_corpus(load_card(card), make_renderer(load_tiny_base(base).tokenizer), limit=512, seed=0)


def job_of(tmp_path: Path, card: Path, **changes: Any) -> Corpus:
    """What a run that goes on from the first would be trained on."""
    start = Start(load_card(card), None, None, NEXT | {"from_adapter": "first"} | changes, None)
    corpus = load(plan_new(Home(tmp_path / "home"), start), start).corpus
    assert isinstance(corpus, Corpus)
    return corpus


@pytest.mark.parametrize("weight", [pytest.param(1.0, marks=pytest.mark.soak), 2.0])
def test_old_dialogues_are_trained_at_their_weight_and_shared_ones_at_the_cards_own(
    tmp_path: Path, card: Path, tiny_base: Path, old: Old, trained_rows: list[Row], weight: float
) -> None:
    own = built(card, tiny_base)
    shared = {dialogue.identity for part in own.corpora for dialogue in part.entries} & (old.trained | old.heldout)
    epoch = job_of(tmp_path, card, replay=weight).epoch(0)
    go_on(tmp_path, card, replay=weight, max_steps=-(-len(epoch) // 4))
    fed = Counter(row.unit.dialogue.identity for row in trained_rows[: len(epoch)])
    mine = Counter(row.unit.dialogue.identity for row in own.epoch(0))
    once = Counter(row.unit.dialogue.identity for row in job_of(tmp_path, card, replay=1.0).epoch(0))
    assert len(shared) == 3, "the greeting, who she is, and the rain"
    assert set(fed) - set(mine) == old.trained - shared
    assert {name: fed[name] for name in mine} == mine
    assert all(fed[name] == weight * once[name] for name in set(fed) - set(mine))


def test_what_the_earlier_run_held_out_is_trained_only_where_the_card_itself_names_it(
    tmp_path: Path, card: Path, tiny_base: Path, old: Old, trained_rows: list[Row]
) -> None:
    go_on(tmp_path, card, replay=3.0, max_steps=12)
    fed = {row.unit.dialogue.identity for row in trained_rows}
    own = {dialogue.identity for part in built(card, tiny_base).corpora for dialogue in part.entries}
    assert old.heldout - own
    assert old.trained <= fed
    assert not (old.heldout - own) & fed


def test_without_replay_nothing_old_comes_along(tmp_path: Path, card: Path, tiny_base: Path, old: Old) -> None:
    assert job_of(tmp_path, card).fingerprint == built(card, tiny_base).fingerprint
    assert job_of(tmp_path, card, replay=1.0).fingerprint != built(card, tiny_base).fingerprint


def test_the_dialogues_that_came_along_come_along_again(tmp_path: Path, card: Path, tiny_base: Path, old: Old) -> None:
    """A third run replays the second, and so the first."""
    second = go_on(tmp_path, card, replay=0.5)
    kept = {dialogue.identity for part in load_dialogues(second.dialogues) for dialogue in part.dialogues}
    assert kept > old.trained | old.heldout
    third = job_of(tmp_path, card, from_adapter="next", replay=1.0)
    everything = {d.identity for part in third.corpora for d in part.entries}
    assert everything == kept
    own = {dialogue.identity for part in built(card, tiny_base).corpora for dialogue in part.entries}
    fed = {row.unit.dialogue.identity for number in range(20) for row in third.epoch(number)}
    assert old.heldout - own
    assert old.trained <= fed
    assert not (old.heldout - own) & fed


@pytest.mark.parametrize("origin", ["run", "folder"])
def test_a_run_that_kept_no_dialogues_cannot_be_replayed(
    tmp_path: Path, card: Path, first: Run, tiny_base: Path, origin: str
) -> None:
    first.dialogues.unlink()
    stranger = save_tiny_adapter(tiny_base, tmp_path / "stranger")
    name = "first" if origin == "run" else str(stranger)
    assert planned(tmp_path, card, name, replay=0.5).replay == 0.5
    with pytest.raises(RunError, match=r"there is no .*dialogues\.jsonl: .* name those corpora on the card, and set"):
        job_of(tmp_path, card, from_adapter=name, replay=0.5)

"""Whatever reads runs copes with those by choices; a reward model is never taken for an adapter."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from roleplay.cards.load import load_card
from roleplay.chat.choice import choose
from roleplay.errors import AdapterError, RoleplayError, RunError, UsageError
from roleplay.evaluation.sweep import sweep
from roleplay.export.llamafactory import write_llamafactory
from roleplay.export.subject import Subject
from roleplay.models.find import AdapterChoice, adapter_choices, answering_adapter
from roleplay.models.passport import read_passport
from roleplay.models.promoted import promote
from roleplay.packs.evidence import evidence_of, recipe_of
from roleplay.paths import Home
from roleplay.training.background import remove
from roleplay.training.listing import listed_runs
from roleplay.training.origin import find_origin
from roleplay.training.picture import draw_losses
from roleplay.training.progress import look_at
from roleplay.training.run import Run, find_run, read_metrics
from roleplay.training.start import Start
from tests.preference.pell_choices import run_choices

BY_CHOICES = ("dpo", "rloo", "rm")


@pytest.fixture(scope="module")
def tuned(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with runs called dpo, rloo and rm, of these stages, the last one the newest; leave it as it is."""
    home = Home(tmp_path_factory.mktemp("tuned") / "home")
    shutil.copytree(begun / "home", home.root)
    card, pairs = begun / "characters" / "pell.yaml", {"pairs": (str(begun / "pairs.jsonl"),)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        for place in ("tune", "finish"):
            patch.setattr(f"roleplay.training.{place}.draw_losses", lambda *_: None)
        for stage in BY_CHOICES:
            run_choices(home, card, stage, stage, **({} if stage == "rloo" else pairs))
    return home


def choice_of(home: Home, run: str) -> AdapterChoice:
    return next(one for one in adapter_choices(home, "pell") if one.label == f"{run}@best")


def test_a_list_has_them_and_the_newest_adapter_answers_not_the_newer_reward_model(tuned: Home) -> None:
    rows = {listed.run.name: listed for listed in listed_runs(tuned, None)}
    assert list(rows) == ["rm", "rloo", "dpo", "first"]
    assert {listed.state for listed in rows.values()} == {"finished"}
    assert [name for name, listed in rows.items() if listed.answers] == ["rloo"]
    assert [rows[name].preset for name in BY_CHOICES] == list(BY_CHOICES)
    answering = answering_adapter(tuned, "pell")
    assert answering is not None
    assert answering.label == "rloo@best"


def test_a_chat_is_offered_no_reward_model(tuned: Home) -> None:
    assert {choice.run for choice in adapter_choices(tuned, "pell")} == {"rloo", "dpo", "first"}


@pytest.mark.parametrize("name", BY_CHOICES)
def test_a_screen_sees_how_far_they_are_and_how_they_learn(tuned: Home, name: str) -> None:
    seen = look_at(Run(tuned.runs / "pell" / name))
    assert (seen.state, seen.step, seen.steps) == ("finished", 5, 5)
    assert seen.curves.training
    assert seen.curves.heldout.steps == (0, 2, 4, 5)
    assert seen.tokens_per_second is not None


@pytest.mark.parametrize("name", BY_CHOICES)
def test_a_picture_shows_losses_below_zero_too(
    tuned: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    metrics = read_metrics(Run(tuned.runs / "pell" / name).metrics)
    draw_losses(metrics, "pell", tmp_path / "loss.png")
    low, high = drawn[0].axes[0].get_ylim()
    losses = [entry["eval_loss"] for entry in metrics if "eval_loss" in entry]
    assert low <= min(losses) <= max(losses) <= high
    assert (low == 0) == (name != "rloo")


@pytest.mark.parametrize(
    ("ask", "error", "told"),
    [
        (
            lambda home, card: promote(home, "pell", "rm@last"),
            AdapterError,
            "the run rm of pell made a reward model, which answers nothing; promote another",
        ),
        (
            lambda home, card: choose(load_card(card), home, run="rm"),
            AdapterError,
            "the run rm of pell makes a reward model, which answers nothing; name another",
        ),
        (
            lambda home, card: find_origin(home, "pell", "rm"),
            RunError,
            "the run rm makes a reward model, no adapter to go on from; name another",
        ),
    ],
    ids=["promote", "chat and evaluate", "train"],
)
def test_who_names_a_reward_model_for_an_adapter_is_told(
    tuned: Home, begun: Path, ask: Callable[[Home, Path], Any], error: type[RoleplayError], told: str
) -> None:
    with pytest.raises(error, match=told):
        ask(tuned, begun / "characters" / "pell.yaml")


def test_a_recipe_for_others_names_no_place_of_this_machine(tuned: Home, begun: Path) -> None:
    for name in ("dpo", "rloo"):
        recipe = recipe_of(choice_of(tuned, name))
        assert recipe is not None
        assert recipe.settings["stage"] == name
        assert str(begun) not in recipe.model_dump_json()
        assert str(tuned.root) not in recipe.model_dump_json()
        assert evidence_of(tuned, "pell", choice_of(tuned, name)).training["steps"] == 5


@pytest.mark.parametrize("name", ["dpo", "rloo", "rm"])
def test_weights_tell_no_loss_of_tokens_for_one_of_choices(tuned: Home, name: str) -> None:
    kind = "reward" if name == "rm" else "adapter"
    folder = find_run(tuned, "pell", name).folder / kind / "best"
    assert read_passport(folder).heldout_loss is None
    card = (folder / "README.md").read_text()
    assert f"- tuned by choices ({name})" in card
    assert "held-out loss" not in card


def test_what_learned_by_choices_is_not_written_as_a_training_on_dialogues(
    tuned: Home, begun: Path, tmp_path: Path
) -> None:
    subject = Subject(load_card(begun / "characters" / "pell.yaml"), choice_of(tuned, "dpo"), str(begun / "tiny"))
    with pytest.raises(UsageError, match=r"dpo@best was tuned by choices \(--stage dpo\), which is not written for"):
        write_llamafactory(subject, tuned, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_sweep_of_runs_by_choices_is_refused(tuned: Home, begun: Path) -> None:
    start = Start(load_card(begun / "characters" / "pell.yaml"), None, "dpo", {}, None)
    with pytest.raises(UsageError, match="a sweep trains dialogues or texts, and --preset dpo learns by choices"):
        sweep(
            tuned,
            start,
            [{"rank": 4}],
            measure=lambda run, base: {},
            report=lambda progress: None,
            say=lambda text: None,
        )


def test_they_are_removed_as_any_run(tuned: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "copy")
    shutil.copytree(tuned.root, home.root)
    remove(home, "pell", ["rm", "dpo"])
    assert {listed.run.name for listed in listed_runs(home, "pell")} == {"rloo", "first"}

"""Preset < card < typed, each value with where it came from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.errors import FileFaults, UsageError
from roleplay.training.resolve import load_presets, resolve
from roleplay.training.settings import Settings

CARD = "schema: 1\nname: mimi\ndisplay_name: Mimi\nlanguage: en\n"


@pytest.fixture
def card_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], CardFile]:
    """A card whose `training:` block, from line 6 on, is the text given."""
    monkeypatch.chdir(tmp_path)

    def make(block: str = "") -> CardFile:
        path = Path("mimi.yaml")
        path.write_text(CARD + (f"training:\n{block}" if block else ""), encoding="utf-8")
        return load_card(path)

    return make


def test_the_founding_preset_is_the_founding_recipe() -> None:
    preset = load_presets()["founding"]
    assert preset.pop("about")
    assert preset.pop("eval_steps") == 100
    assert preset == {
        "epochs": 100,
        "batch_size": 4,
        "grad_accum": 4,
        "learning_rate": 5e-5,
        "scheduler": "cosine",
        "weight_decay": 1e-5,
        "rank": 8,
        "alpha": 16,
        "dropout": 0,
        "logging_steps": 10,
        "save_steps": 1000,
    }


@pytest.mark.parametrize("name", load_presets())
def test_a_preset_states_its_lora_and_leaves_nothing_required_out(
    card_with: Callable[[str], CardFile], name: str
) -> None:
    preset = load_presets()[name]
    assert {"rank", "alpha", "dropout"} <= preset.keys()
    resolved = resolve(card_with(""), "other", name, {"from_adapter": "latest"} if "replay" in preset else {})
    assert (resolved.settings.dropout, resolved.preset) == (0, name)
    assert resolved.settings.max_grad_norm == 1
    assert resolved.settings.max_steps is None


def test_the_presets_are_these() -> None:
    assert list(load_presets()) == ["founding", "pocket", "quick", "identity", "continue"]


@pytest.mark.parametrize(
    ("base", "block", "typed", "expected"),
    [
        ("pocket", "", None, "quick"),
        ("Qwen/Qwen3-0.6B", "", None, "founding"),
        ("/models/pocket", "", None, "founding"),
        ("pocket", "  preset: pocket\n", None, "pocket"),
        ("other", "  preset: quick\n", None, "quick"),
        ("pocket", "  preset: pocket\n", "founding", "founding"),
    ],
)
def test_the_preset_is_typed_or_the_cards_or_that_of_the_base(
    card_with: Callable[[str], CardFile], base: str, block: str, typed: str | None, expected: str
) -> None:
    assert resolve(card_with(block), base, typed, {}).preset == expected


def test_a_typed_value_beats_the_cards_which_beats_the_presets(card_with: Callable[[str], CardFile]) -> None:
    card = card_with("  preset: quick\n  rank: 12\n  epochs: 3\n")
    resolved = resolve(card, "pocket", None, {"rank": 5, "alpha": None, "max_steps": 9})
    settings, quick = resolved.settings, load_presets()["quick"]
    assert (settings.rank, settings.epochs, settings.alpha, settings.max_steps) == (5, 3, quick["alpha"], 9)
    assert resolved.sources == (
        dict.fromkeys(Settings.model_fields, "default")
        | dict.fromkeys(quick.keys() - {"about"}, "preset quick")
        | {"rank": "typed", "max_steps": "typed", "epochs": "card"}
    )


def test_every_fault_of_the_training_block_is_named_at_once(card_with: Callable[[str], CardFile]) -> None:
    card = card_with("  lerning_rate: 0.1\n  rank: 0\n  scheduler: cosin\n  zzz: 1\n")
    with pytest.raises(FileFaults) as caught:
        resolve(card, "pocket", None, {})
    faults = {fault.key: fault for fault in caught.value.faults}
    assert {key: (fault.file, fault.line) for key, fault in faults.items()} == {
        "training.lerning_rate": ("mimi.yaml", 6),
        "training.rank": ("mimi.yaml", 7),
        "training.scheduler": ("mimi.yaml", 8),
        "training.zzz": ("mimi.yaml", 9),
    }
    assert "learning_rate" in faults["training.lerning_rate"].remedy
    assert "seen: 0" in faults["training.rank"].problem
    assert "seen: 'cosin'" in faults["training.scheduler"].problem
    assert "'cosine'" in faults["training.scheduler"].problem
    assert "epochs" in faults["training.zzz"].remedy


def test_an_unknown_preset_of_the_card_is_a_fault_of_its_line(card_with: Callable[[str], CardFile]) -> None:
    with pytest.raises(FileFaults) as caught:
        resolve(card_with("  epochs: 1\n  preset: fonding\n"), "pocket", None, {})
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.key) == ("mimi.yaml", 7, "training.preset")
    assert "'fonding'" in fault.problem
    assert "'founding'" in fault.remedy


def test_an_unknown_typed_preset_is_wrong_usage(card_with: Callable[[str], CardFile]) -> None:
    with pytest.raises(UsageError, match=r"'quik'; did you mean 'quick'\?"):
        resolve(card_with("  preset: nonsense\n"), "pocket", "quik", {})


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("rank", 0, "--rank: input should be greater than or equal to 1 (seen: 0)"),
        ("learning_rate", -1.0, "--learning-rate: input should be greater than 0 (seen: -1.0)"),
        ("dropout", 1.0, "--dropout: input should be less than 1 (seen: 1.0)"),
        ("epochs", float("inf"), "--epochs: input should be a finite number (seen: inf)"),
        ("epochs", float("nan"), "--epochs: input should be a finite number (seen: nan)"),
        ("max_length", 15, "--max-length: input should be greater than or equal to 16 (seen: 15)"),
        ("scheduler", "cosin", "--scheduler: input should be 'linear', 'cosine', "),
        ("dtype", "half", "--dtype: input should be 'auto', 'float32', 'bfloat16' or 'float16' (seen: 'half')"),
    ],
)
def test_a_typed_fault_is_wrong_usage_that_names_the_flag(
    card_with: Callable[[str], CardFile], key: str, value: Any, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(card_with(""), "pocket", None, {key: value})
    assert str(caught.value).startswith(told)


def test_all_typed_faults_are_named_at_once(card_with: Callable[[str], CardFile]) -> None:
    with pytest.raises(UsageError, match=r"--rank: .*; --epochs: |--epochs: .*; --rank: "):
        resolve(card_with(""), "pocket", None, {"rank": 0, "epochs": -1})


def test_a_typed_value_hides_the_cards_faulty_one(card_with: Callable[[str], CardFile]) -> None:
    assert resolve(card_with("  rank: 0\n"), "pocket", None, {"rank": 3}).settings.rank == 3


def test_the_cards_fault_is_the_cards_even_where_something_else_is_typed(card_with: Callable[[str], CardFile]) -> None:
    with pytest.raises(FileFaults, match=r"mimi\.yaml:6: training\.rank"):
        resolve(card_with("  rank: 0\n"), "pocket", None, {"epochs": 3.0})

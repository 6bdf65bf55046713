"""Settings that cannot hold together are refused before anything is loaded."""

from typing import Any

import pytest

from roleplay.errors import UsageError
from roleplay.training.contradictions import refuse_contradictions
from roleplay.training.resolve import load_presets
from roleplay.training.settings import Settings


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"replay": 0.5}, "--replay repeats the run of --from-adapter; name one"),
        ({"replay": 0.5, "from_adapter": "a", "stage": "pt"}, "--replay repeats dialogues, and --stage pt trains none"),
        ({"prefix_dropout": 0.0, "stage": "pt"}, "--prefix-dropout is about dialogues, and --stage pt trains none"),
        ({"from_adapter": "a", "tuning": "full"}, "--tuning full has no adapter to begin with"),
        ({"from_adapter": "a", "tuning": "freeze"}, "--tuning freeze has no adapter to begin with"),
        ({"tuning": "full", "quant": "nf4"}, "--tuning full cannot train a base kept in nf4"),
        ({"tuning": "freeze", "quant": "int8"}, "--tuning freeze cannot train a base kept in int8"),
        ({"tuning": "full", "loraplus_lr_ratio": 2.0}, "--tuning full has no LoRA for --loraplus-lr-ratio"),
        ({"optimizer": "paged_adamw_8bit", "device": "cpu"}, "--optimizer paged_adamw_8bit needs a GPU"),
        ({"dtype": "float16", "device": "cpu"}, "--dtype float16 needs a GPU"),
        (
            {"dtype": "float16", "device": "cpu", "replay": 1.0},
            "cannot hold together: --replay repeats the run of --from-adapter; name one; --dtype float16 needs a GPU",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_all_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_contradictions(founding(**changes))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"from_adapter": "a", "replay": 0.5},
        {"from_adapter": "a", "stage": "pt"},
        {"prefix_dropout": 1.0},
        {"tuning": "full"},
        {"quant": "nf4", "loraplus_lr_ratio": 2.0},
        {"optimizer": "paged_adamw_8bit"},
        {"dtype": "float16"},
    ],
)
def test_settings_that_hold_together_are_let_through(changes: dict[str, Any]) -> None:
    refuse_contradictions(founding(**changes))


def founding(**changes: Any) -> Settings:
    """The founding preset with changes."""
    preset = {key: value for key, value in load_presets()["founding"].items() if key != "about"}
    return Settings.model_validate(preset | changes)

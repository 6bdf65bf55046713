"""Which checkpoint is chosen, by the rule and on the shipped ones."""

import json

import pytest

from roleplay.cards.find import open_card
from roleplay.errors import EvaluationError
from roleplay.evaluation.checkpoints import Limits, checkpoint_table, choose_checkpoint, chosen
from roleplay.evaluation.pictures import CheckpointPoint
from roleplay.evaluation.scope import Scope
from roleplay.measures.interval import Interval
from roleplay.paths import Home
from tests.evaluation.yui import opened, quiet

SMALL = Scope(heldout=4, heldout_dialogues=8, trained=0, trained_dialogues=0, general=2, max_new_tokens=16)


def point(label: str, step: int, bits: float, copied: float, forgotten: float) -> CheckpointPoint:
    values = {"heldout_bits": bits, "copied": copied, "retention_loss": forgotten}
    return CheckpointPoint(label, step, {key: Interval(value, value, value) for key, value in values.items()})


POINTS = [
    point("r@epoch-5", 50, 5.0, 0.0, 0.1),
    point("r@epoch-9", 90, 4.5, 0.2, 0.4),
    point("r@last", 400, 4.2, 0.8, 1.9),
]


@pytest.mark.parametrize(
    ("limits", "label", "told"),
    [
        (Limits(), "r@epoch-9", "4.500, of 2 within the limits; 1 beyond a limit left out"),
        (Limits(forgetting=0.2), "r@epoch-5", "of 1 within"),
        (Limits(copied=0.1), "r@epoch-5", "of 1 within"),
        (Limits(forgetting=9, copied=1), "r@last", "4.200, of 3 within the limits"),
        (Limits(forgetting=0.05), None, "every checkpoint breaks a limit: r@epoch-5 forgets 0.10 nats per token; "),
    ],
)
def test_the_fewest_heldout_bits_within_both_limits_win(limits: Limits, label: str | None, told: str) -> None:
    found, reason = chosen(POINTS, limits)

    assert found == label
    assert told in reason


def test_the_checkpoints_that_ship_are_compared(home: Home) -> None:
    """The last of 结衣 knows her lines by heart, and has lost what the best still says of its own."""
    character = opened(home)

    found = choose_checkpoint(open_card("yui", home), home, character, SMALL, Limits(forgetting=10), quiet)

    best, last = found.points
    assert (best.label, last.label) == ("shipped@best", "shipped@last")
    assert (best.step, last.step) == (80, 2080)
    assert best.values["heldout_bits"].high < last.values["heldout_bits"].low
    assert best.values["retention_loss"].value < last.values["retention_loss"].value
    assert found.label == "shipped@best"
    assert found.picture.read_bytes().startswith(b"\x89PNG")
    kept = json.loads(found.picture.with_suffix(".json").read_text(encoding="utf-8"))
    assert kept["chosen"] == "shipped@best"
    lines = ["".join(text for text, _ in line) for line in checkpoint_table(found)]
    assert lines[1].startswith("* shipped@best")
    assert "held-out bits" in lines[0]


def test_a_character_without_an_adapter_has_nothing_to_choose(home: Home) -> None:
    character = opened(home)
    bare = type(character)(character.voice, character.engine, None, "", home, None)

    with pytest.raises(EvaluationError, match="kept 0 checkpoint; train with --keep-epochs"):
        choose_checkpoint(open_card("yui", home), home, bare, SMALL, Limits(), quiet)

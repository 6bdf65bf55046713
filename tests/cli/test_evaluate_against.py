"""`roleplay evaluate --against`, on Pell's run of a random base and another one."""

from dataclasses import replace
from pathlib import Path

import pytest

from roleplay.corpora.pairs import Pair, write_pairs
from roleplay.dialogue import Turn
from roleplay.evaluation.scope import QUICK
from roleplay.paths import Home
from tests.cli.conftest import refused, roleplay
from tests.evaluation.against.made_runs import finished_run

SMALL = ("--quick", "--max-new-tokens", "4")


@pytest.fixture
def runs(tuned_pell: Path, tiny_base: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Pell's own run and one that went on from it; a quick evaluation is a very quick one."""
    few = replace(QUICK, heldout_dialogues=8, trained=1, trained_dialogues=2, general=1)
    monkeypatch.setattr("roleplay.evaluation.scope.QUICK", few)
    own = home.runs / "pell" / "whole" / "adapter" / "best"
    finished_run(home, "tuned", tiny_base, 3, from_adapter=str(own), reward="stop")
    return home


def test_before_and_after_are_a_table_and_a_page(runs: Home, tmp_path: Path) -> None:
    pairs = [Pair((Turn("user", f"Tea {n}?"),), f"Yes, {n}.", f"No, {n}.", "swipe", ("who",)) for n in range(40)]
    write_pairs(tmp_path / "own.jsonl", pairs)
    typed = ("evaluate", "pell", "--run", "tuned", "--against", "start", *SMALL)

    outcome = roleplay(*typed, "--pairs", tmp_path / "own.jsonl")
    again = roleplay(*typed, "--pairs", tmp_path / "own.jsonl", "--reward", "shorter(4)", "--json")

    assert outcome.status == 0
    assert outcome.out.startswith("Pell (pell)  tuned@best against whole@best on tiny\n")
    for told in (
        "before",
        "difference",
        "held-out pairs",
        "reward 'stop'",
        "KL from the adapter",
        "Style was not measured; 'roleplay evaluate' says why.",
    ):
        assert told in outcome.out
    [page] = (runs.evaluations / "pell").glob("tuned@best-against-whole@best-*/comparison.html")
    assert page.name in outcome.err
    figures = {figure["name"]: figure for figure in again.json["figures"]}
    assert figures["reward"]["title"] == "reward 'shorter(4)'"
    assert figures["pair_accuracy"]["before"]["value"] <= 1
    assert "drawn replies" in outcome.err
    assert "drawn replies" not in again.err, "what was drawn is kept"


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        (["--pairs", "p.jsonl"], 2, "--pairs and --reward go with --against"),
        (["--reward", "stop"], 2, "--pairs and --reward go with --against"),
        (["--against", "start", "--checkpoints"], 2, "--against compares two adapters"),
        (["--against", "start", "--prompts", "p.txt"], 2, "--against compares two adapters"),
        (["--against", "start", "--reward", "stpo"], 2, "'stpo' is no reward; did you mean 'stop'?"),
        (["--against", "start", "--run", "whole"], 1, "this run began with no adapter"),
        (["--against", "whoel", "--run", "tuned"], 1, "did you mean 'whole@best'?"),
        (["--against", "tuned", "--run", "tuned"], 2, "is the adapter that is evaluated"),
        (["--against", "start", "--run", "tuned", "--pairs", "p.jsonl"], 1, "p.jsonl"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_error(runs: Home, typed: list[str], status: int, told: str) -> None:
    Path("p.txt").write_text("Hi.\n")

    assert told in refused(roleplay("evaluate", "pell", *typed), status)

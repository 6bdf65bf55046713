"""Choices of Pell's: a few dozen pairs, and the settings that tune by them within seconds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roleplay.cards.load import load_card
from roleplay.corpora.pairs import Pair, write_pairs
from roleplay.dialogue import Turn
from roleplay.paths import Home
from roleplay.preference.start import load
from roleplay.preference.tune import train
from roleplay.training.run import Run
from roleplay.training.start import Start, plan_new, plan_resume
from roleplay.training.watch import Progress
from tests.training.pell import metrics

QUESTIONS = [
    f"{what} {where}?"
    for what in ("Rain", "Bread", "A coat", "The goat", "A boat", "News", "Parcels", "The wind")
    for where in ("today", "below the lock", "at noon", "by the gate", "again")
]
BRIEF: dict[str, Any] = {
    "max_steps": 5,
    "batch_size": 2,
    "grad_accum": 2,
    "learning_rate": 5e-3,
    "dtype": "float32",
    "logging_steps": 2,
    "eval_steps": 2,
    "save_steps": 2,
    "warmup_steps": 0.0,
}
"""Typed settings of every run."""
DRAWN: dict[str, Any] = {
    "reward": "shorter(6) + longer(30)",
    "generations": 2,
    "max_new_tokens": 6,
    "max_kl": 1e9,
}
"""More of them, where replies are drawn."""
FIRST = {"from_adapter": "first"}
OF_STAGE: dict[str, dict[str, Any]] = {
    "dpo": FIRST,
    "kto": FIRST,
    "rm": {},
    "rloo": FIRST | DRAWN,
    "grpo": FIRST | DRAWN,
}

Reporter = Callable[[Progress], None]


def pell_pairs() -> list[Pair]:
    """To each question the brief answer is the better one."""
    return [
        Pair((Turn("user", question),), f"Yes. {at}.", f"Well, who could ever say that? {at}.", "swipe", ("who",))
        for at, question in enumerate(QUESTIONS)
    ]


def write_pell_pairs(path: Path, pairs: list[Pair] | None = None) -> Path:
    """A file of them."""
    write_pairs(path, pell_pairs() if pairs is None else pairs)
    return path


def run_choices(
    home: Home, card: Path, name: str, stage: str, report: Reporter = lambda progress: None, **changes: Any
) -> Run:
    """Tune to the end, or to what `report` does; `changes` are settings."""
    typed = {"stage": stage} | BRIEF | OF_STAGE[stage] | changes
    start = Start(load_card(card), None, None, typed, name)
    plan = plan_new(home, start)
    with plan.run.locked():
        train(load(plan, start), resume=False, report=report, say=lambda text: None)
    return plan.run


def resume_choices(home: Home, card: Path, name: str | None = None, **typed: Any) -> Run:
    """Go on with a run."""
    start = Start(load_card(card), None, None, typed, name)
    plan = plan_resume(home, start)
    with plan.run.locked():
        train(load(plan, start), resume=True, report=lambda progress: None, say=lambda text: None)
    return plan.run


def result(run: Run) -> dict[str, Any]:
    """All that must be the same where two runs are: weights bit for bit, and metrics."""
    kind = "reward" if (run.folder / "reward").is_dir() else "adapter"
    found: dict[str, Any] = {"metrics": [_timeless(entry) for entry in metrics(run)]}
    for which in ("best", "last"):
        found[which] = (run.folder / kind / which / "adapter_model.safetensors").read_bytes()
    summary = json.loads((run.folder / "summary.json").read_text())
    found["heldout"], found["best step"] = summary["heldout"], summary["best_step"]
    return found


def _timeless(entry: dict[str, Any]) -> dict[str, Any]:
    """Without what a clock decides, and what TRL counts anew in each process."""
    return {key: value for key, value in entry.items() if not key.endswith(("step_time", "num_tokens"))}

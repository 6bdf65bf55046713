"""A character small enough to train in a second, and the settings that do it."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roleplay.cards.load import load_card
from roleplay.paths import Home
from roleplay.training.run import Run
from roleplay.training.start import Start, load, plan_new, plan_resume
from roleplay.training.tune import train
from roleplay.training.watch import Progress

CARD = """\
schema: 1
name: pell
display_name: Pell
user_name: Tom
language: en
description: A lock keeper with a goat.
greeting: Hello, {{user}}.
base: {base}
prefixes:
  - {id: who, text: "You are {{char}}."}
  - {id: manner, text: "{{char}} is brief.", train: 0.5}
corpora:
  - {path: pell/desc.yaml, kind: desc}
  - {path: pell/talk.yaml, kind: dialogue}
"""
DESC = """\
- - user: Who are you?
  - char: Pell.
- - user: How old are you?
  - char: Nineteen.
- - user: Where do you live?
  - char: Behind the lock.
- - user: Your goat?
  - char: Nettle.
- - user: Your colour?
  - char: Black.
- - user: Your work?
  - char: Parcels.
"""
TALK = """\
- - user: Hi.
  - char: Good morning.
  - user: Busy?
  - char: Two parcels.
- - user: It rains.
  - char: I have a coat.
- - user: Bread?
  - char: Yes, please.
- - user: Bye.
  - char: See you.
- - char: Wait!
  - user: What?
  - char: Your change.
- - user: Too fast!
  - char: The wind is.
"""
SETTINGS: dict[str, Any] = {
    # Four epochs of three steps (the third of one batch), and one step more.
    "max_steps": 13,
    "batch_size": 2,
    "grad_accum": 2,
    "learning_rate": 5e-3,
    "rank": 16,
    "alpha": 64.0,
    "dropout": 0.1,
    "dtype": "float32",
    "logging_steps": 3,
    "eval_steps": 4,
    "save_steps": 5,
}
"""Typed settings of every run; dropout, so that a resume must bring the random state back."""

Reporter = Callable[[Progress], None]


def write_pell(folder: Path, base: Path, *, more: str = "", desc: str = DESC, talk: str = TALK) -> Path:
    """Write the card, `more` lines at its end, and her corpora. Returns the card."""
    (folder / "pell").mkdir(parents=True, exist_ok=True)
    (folder / "pell" / "desc.yaml").write_text(desc, encoding="utf-8")
    (folder / "pell" / "talk.yaml").write_text(talk, encoding="utf-8")
    card = folder / "pell.yaml"
    card.write_text(CARD.replace("{base}", str(base)) + more, encoding="utf-8")
    return card


def run_pell(home: Home, card: Path, name: str, report: Reporter = lambda progress: None, **changes: Any) -> Run:
    """Train to the end, or to what `report` does; `changes` are settings."""
    start = Start(load_card(card), None, None, SETTINGS | changes, name)
    plan = plan_new(home, start)
    with plan.run.locked():
        train(load(plan, start), resume=False, report=report, say=lambda text: None)
    return plan.run


def resume_pell(
    home: Home,
    card: Path,
    name: str | None = None,
    report: Reporter = lambda progress: None,
    *,
    anyway: bool = False,
    **typed: Any,
) -> Run:
    """Go on with a run."""
    start = Start(load_card(card), typed.pop("base", None), typed.pop("preset", None), typed, name)
    plan = plan_resume(home, start, anyway=anyway)
    with plan.run.locked():
        train(load(plan, start), resume=True, report=report, say=lambda text: None)
    return plan.run


def interrupt_at(step: int) -> Reporter:
    """Ctrl-C once, when `step` is done."""
    sent = []

    def report(progress: Progress) -> None:
        if progress.step == step and not sent:
            sent.append(step)
            signal.raise_signal(signal.SIGINT)

    return report


class Crash(BaseException):
    """The process is gone; nothing may catch it."""


def crash_at(step: int) -> Reporter:
    """Die when `step` is done, before anything of it is written."""

    def report(progress: Progress) -> None:
        if progress.step == step:
            raise Crash

    return report


def metrics(run: Run) -> list[dict[str, Any]]:
    """Every line of the metrics file, without what the clock decides."""
    entries = [json.loads(line) for line in run.metrics.read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in entry.items() if not key.endswith("_per_second")} for entry in entries]


def outcome(run: Run) -> dict[str, Any]:
    """All that must be the same where two runs are: weights bit for bit, passports and metrics.

    Name and time of the run are left out.
    """
    found: dict[str, Any] = {"metrics": metrics(run)}
    for which in ("best", "last"):
        folder = run.adapter(which)
        found[which] = (folder / "adapter_model.safetensors").read_bytes()
        found[f"{which} passport"] = json.loads((folder / "roleplay.json").read_text()) | {"run": None}
    summary = json.loads((run.folder / "summary.json").read_text())
    own = ("run", "folder", "seconds", "adapter", "picture")
    found["summary"] = {key: value for key, value in summary.items() if key not in own}
    return found

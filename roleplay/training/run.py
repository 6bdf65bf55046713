"""One training: a folder with configuration, metrics, checkpoints, adapters, and a summary when it is done.

runs/yui/2026-05-01-quick/
    run.json          settings with sources, base, card, dataset, environment, decisions; written first
    card.yaml         the card as it was
    metrics.jsonl     one line a log entry
    train.log         what the process wrote, where it trains in the background
    samples.jsonl     what the character answered after each epoch
    loss.png          training and held-out loss
    checkpoints/      what --resume goes on from
    adapter/best      lowest held-out loss
    adapter/last      the newest saved step
    adapter/epoch-20  epochs that were to be kept
    base/…            instead of adapter/ where weights of the base itself were tuned
    reward/…          instead of adapter/ where a reward model was trained
    dialogues.jsonl   what it was trained on; of a run by choices the character's own, which its canaries ask
    pairs.jsonl       of a run by choices, what it learned from; those held out are in heldout-pairs.jsonl
    choices.png       of such a run, held-out pairs, reward and distance by step
    canaries.json     what adapter/best answers word for word; not there where that could not be found out
    summary.json      written last: the run is finished
"""

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roleplay.errors import RunError, StorageError
from roleplay.generation.canaries import CANARIES
from roleplay.models.find import SHIPPED, run_folders
from roleplay.models.passport import BaseIdentity
from roleplay.paths import Home, shown, write_file
from roleplay.text import did_you_mean, one_line
from roleplay.training.hold import holding, is_held
from roleplay.training.processes import process
from roleplay.training.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Decisions:
    """What the machine decided; a resumed run keeps it."""

    device: str
    """`cpu` or `cuda`."""
    dtype: str
    """Of matrix products: `float32`, `bfloat16` or `float16`."""
    threads: int
    """CPU threads of torch."""
    attention: str
    """`sdpa` or `eager`, names of transformers' attention implementations, where samples are padded."""
    batching: str = "padded"
    """`tree`: the samples of a step share what they begin with; `padded`: each is a row of its own."""
    batching_because: str = ""
    """Why a run that was to use trees pads; else empty."""
    tree_attention: str = "tree_grouped"
    """Name of the attention over trees, one of `TREE_ATTENTION`."""
    max_tokens_per_pass: int | None = None
    """Tokens that go through the model at once; `None` where a whole step always does."""
    bytes_per_token: int = 0
    """What autograd keeps of a token until the backward pass."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's result."""

    character: str
    """Name of the card."""
    preset: str
    """Preset underneath the settings."""
    settings: Settings
    """Values in force."""
    sources: dict[str, str]
    """Where each value came from."""
    base: BaseIdentity
    """The base."""
    base_source: str
    """The base as it was named: `pocket`, a folder or a hub id with revision."""
    card: str
    """Hash of the card file."""
    dataset: str
    """Hash of dialogues and split."""
    targets: str
    """Where the adapter sits."""
    decisions: Decisions
    """What the machine decided."""
    environment: dict[str, str]
    """Versions of Python and libraries."""


@dataclass(frozen=True)
class Run:
    """A run's folder."""

    folder: Path
    """`runs/<character>/<name>`."""

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.folder.name

    @property
    def finished(self) -> bool:
        """Whether the summary was written."""
        return (self.folder / "summary.json").is_file()

    @property
    def checkpoints(self) -> Path:
        """Where the Trainer's checkpoints lie."""
        return self.folder / "checkpoints"

    @property
    def metrics(self) -> Path:
        """JSON lines of everything logged."""
        return self.folder / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        """JSON lines of what the character answered after each epoch."""
        return self.folder / "samples.jsonl"

    @property
    def picture(self) -> Path:
        """The loss picture."""
        return self.folder / "loss.png"

    @property
    def dialogues(self) -> Path:
        """The dialogues it was trained on, for a run that goes on from it."""
        return self.folder / "dialogues.jsonl"

    @property
    def canaries(self) -> Path:
        """What the best adapter answers word for word, by which others check it."""
        return self.folder / CANARIES

    @property
    def log(self) -> Path:
        """What the process wrote that trains in the background."""
        return self.folder / "train.log"

    @property
    def pid(self) -> Path:
        """Number of the process that trains; of no meaning once that has ended."""
        return self.folder / ".pid"

    def adapter(self, which: str) -> Path:
        """Folder of the `best`, `last` or `epoch-N` adapter."""
        return self.folder / "adapter" / which

    def result(self, which: str, tuning: str) -> Path:
        """Folder of what the run made: an adapter, or a whole base where no LoRA was tuned."""
        return self.adapter(which) if tuning == "lora" else self.folder / "base" / which

    def write_config(self, config: RunConfig, card_text: str) -> None:
        """Write what decides the run, first of all."""
        value = asdict(config) | {"settings": config.settings.model_dump()}
        write_file(self.folder / "card.yaml", card_text)
        write_file(self.folder / "run.json", json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def read_config(self) -> RunConfig:
        """Read it back. Raises RunError where it is missing or damaged."""
        path = self.folder / "run.json"
        try:
            value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            value["settings"] = Settings.model_validate(value["settings"])
            value["base"] = BaseIdentity(**value["base"])
            value["decisions"] = Decisions(**value["decisions"])
            return RunConfig(**value)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"{shown(path)} is missing or damaged ({one_line(str(error))}); start a new run, or remove that folder"
            ) from error

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write what came of the run; its existence means the run is finished."""
        write_file(self.folder / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")

    def read_summary(self) -> dict[str, Any]:
        """What came of a finished run."""
        value: dict[str, Any] = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        return value

    @property
    def state(self) -> str:
        """`finished`, `training` while a process holds the folder, else `stopped`; a run that is gone is `stopped`."""
        return "finished" if self.finished else "training" if is_held(self.folder) else "stopped"

    @property
    def changed(self) -> float | None:
        """When what decides it was written, seconds since the epoch; `None` where it is not there, or not any more."""
        return changed(self.folder / "run.json")

    def row(self) -> dict[str, Any]:
        """The run in a list: whose it is, its state (`damaged` too), how far it came and its best held-out loss."""
        metrics = read_metrics(self.metrics)
        losses = [entry["eval_loss"] for entry in metrics if "eval_loss" in entry and entry["step"]]
        row: dict[str, Any] = {"character": self.folder.parent.name, "run": self.name, "state": self.state}
        row |= {"preset": "", "base": "", "epochs": 0, "steps": metrics[-1]["step"] if metrics else 0}
        row["best_heldout_loss"] = min(losses, default=None)
        try:
            config = self.read_config()
        except RunError:
            return row | {"state": "damaged"}
        return row | {"preset": config.preset, "base": config.base.name, "epochs": config.settings.epochs}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second run. Raises RunError while another process has it.

        Of several processes that train together the first one holds it for all.
        """
        if process() != 0:
            yield
            return
        with holding(self.folder):
            try:
                write_file(self.pid, str(os.getpid()))
                yield
            finally:
                self.pid.unlink(missing_ok=True)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Every whole line of a metrics file; a line cut off by a crash is skipped."""
    entries: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
    return entries


def changed(path: Path) -> float | None:
    """When a file was written last, seconds since the epoch; `None` where it is not there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return path.stat().st_mtime
    return None


def runs_of(home: Home, character: str) -> list[Run]:
    """Runs of a character, the newest first."""
    begun = {run: at for path in run_folders(home, character) if (at := (run := Run(path)).changed) is not None}
    return sorted(begun, key=lambda run: begun[run], reverse=True)


def find_run(home: Home, character: str, name: str | None) -> Run:
    """The run called `name`, else the newest one. Raises RunError where there is none."""
    runs = runs_of(home, character)
    for run in runs:
        if name in (None, run.name):
            return run
    if not runs:
        raise RunError(f"{one_line(character)} has no runs; 'roleplay train {one_line(character)}' makes one")
    names = [run.name for run in runs]
    raise RunError(f"there is no run '{one_line(name or '')}' of {character}; {did_you_mean(name or '', names)}")


def new_run(home: Home, character: str, name: str | None, preset: str) -> Run:
    """A folder for a new run. Raises RunError where `name` is taken, StorageError where it cannot be made."""
    folder = home.runs / character
    if name is not None:
        if not _NAME.fullmatch(name):
            raise RunError(f"'{one_line(name)}' is no name for a run; use at most 64 letters, digits, '.', '-' and '_'")
        if name == SHIPPED:
            raise RunError(f"'{name}' names the adapter that came with the program; choose another name for the run")
        if (folder / name / "run.json").exists():
            raise RunError(
                f"the run {shown(folder / name)} exists; go on with --resume --run {name}, or choose another name"
            )
        return Run(folder / name)
    stem = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{preset}"
    candidates = (stem if i == 1 else f"{stem}-{i}" for i in range(1, 1000))
    for candidate in candidates:
        if not (folder / candidate).exists():
            return Run(folder / candidate)
    raise StorageError(f"{shown(folder)} is full of runs called {stem}; remove some")


def resumable_run(home: Home, character: str, name: str | None) -> Run:
    """The run to go on with: `name`, else the newest unfinished one. Raises RunError where there is none."""
    if name is not None:
        run = find_run(home, character, name)
        if run.finished:
            raise RunError(f"the run {name} is finished; there is nothing to resume, start a new one")
        return run
    unfinished = [run for run in runs_of(home, character) if not run.finished]
    if not unfinished:
        raise RunError(f"{character} has no unfinished run to resume; leave --resume out to start one")
    return unfinished[0]

"""What a run will cost, before it is begun: a few real steps are taken, and thrown away."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from roleplay.dataset.counts import Counts, count
from roleplay.dataset.tree import tree_of
from roleplay.training.kept_trainer import KeptTrainer
from roleplay.training.prepare import Job
from roleplay.training.run import Run
from roleplay.training.settings import Settings
from roleplay.training.tune import Beside, make_trainer
from roleplay.training.watch import Progress, Watch

_TIMED = 4
_BEYOND = 1_000_000


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    base: int
    """Weights and buffers of the base that stay as they are."""
    trained: int
    """Weights that learn: the adapter's, or those of the base that are tuned."""
    gradients: int
    """Of the weights that learn."""
    optimizer: int
    """AdamW's two moments of them."""
    activations: int
    """What autograd keeps of a step's longest pass, estimated from one sample."""
    peak: int
    """Highest so far: of this process with its libraries on a CPU, of torch's tensors on a GPU."""


@dataclass(frozen=True)
class Forecast:
    """A run as it would be."""

    character: str
    """Name of the card."""
    preset: str
    """Preset underneath the settings."""
    base: str
    """Name of the base."""
    targets: str
    """Where the adapter sits, or what is tuned."""
    parameters: int
    """Trained parameters."""
    counts: Counts
    """Samples and tokens by corpus, and what the limit cost."""
    samples_per_step: int
    """Samples of an optimizer step."""
    steps: int
    """Optimizer steps in all."""
    tree_tokens: float
    """Tokens of an optimizer step as trees, mean over the first epoch."""
    padded_tokens: float
    """The same in padded rows."""
    batching: str
    """`tree` or `padded`."""
    batching_because: str
    """Why samples are padded though trees were asked for; else empty."""
    dtype: str
    """Of matrix products."""
    device: str
    """`cpu` or `cuda`."""
    memory: Memory
    """What the run needs."""
    seconds_per_step: float
    """Mean of the timed steps, without held-out losses and checkpoints."""
    seconds: float
    """All steps at that speed."""


def forecast(job: Job) -> Forecast:
    """Take a few steps of `job` in a folder that is thrown away, and measure. The adapter of `job` is changed by it."""
    settings, decisions = job.config.settings, job.config.decisions
    rows = [job.corpus.sample(row) for row in job.corpus.epoch(0)]
    size = settings.batch_size * settings.grad_accum
    steps = [rows[i : i + size] for i in range(0, len(rows), size)]
    passes = [rows[i : i + settings.batch_size] for i in range(0, len(rows), settings.batch_size)]
    seconds = _time_steps(job)
    trained = [weight for weight in job.tuned.parameters() if weight.requires_grad]
    learning = sum(weight.nbytes for weight in trained)
    frozen = sum(part.nbytes for part in (*job.tuned.parameters(), *job.tuned.buffers())) - learning
    trees = [len(tree_of(step).ids) for step in steps]
    padded = [len(rows) * max(len(row.ids) for row in rows) for rows in passes]
    at_once = max(trees if decisions.batching == "tree" else padded)
    activations = decisions.bytes_per_token * min(at_once, decisions.max_tokens_per_pass or at_once)
    return Forecast(
        character=job.config.character,
        preset=job.config.preset,
        base=job.config.base.name,
        targets=job.config.targets,
        parameters=job.parameters,
        counts=count(job.corpus),
        samples_per_step=size,
        steps=job.material.steps(settings),
        tree_tokens=sum(trees) / len(steps),
        padded_tokens=sum(padded) / len(steps),
        batching=decisions.batching,
        batching_because=decisions.batching_because,
        dtype=decisions.dtype,
        device=decisions.device,
        memory=Memory(frozen, learning, learning, 2 * learning, activations, peak(decisions.device)),
        seconds_per_step=seconds,
        seconds=seconds * job.material.steps(settings),
    )


def _time_steps(job: Job) -> float:
    with tempfile.TemporaryDirectory() as folder:
        config = replace(job.config, settings=short(job.config.settings))
        material = replace(job.material, has_heldout=False)
        trial = replace(job, run=Run(Path(folder)), config=config, material=material)
        return seconds_a_step(lambda beside: make_trainer(trial, heldout=[], beside=beside))


def short(settings: Settings) -> Settings:
    """Settings of the steps that are timed: nothing beside them is done."""
    changes = {"max_steps": _TIMED + 1, "logging_steps": _BEYOND, "save_steps": _BEYOND, "eval_steps": _BEYOND}
    return settings.model_copy(update=changes)


def seconds_a_step(make: Callable[[Beside], KeptTrainer]) -> float:
    """Seconds a step of the Trainer that `make` gives, of `short` settings; the first is left out: it warms up."""
    moments: dict[int, float] = {}

    def note(progress: Progress) -> None:
        moments.setdefault(progress.step, progress.seconds)

    make(Beside(callbacks=[Watch(note)])).train()
    return (moments[_TIMED + 1] - moments[1]) / _TIMED


def peak(device: str) -> int:
    """Highest memory so far, in bytes: of this process on a CPU, of torch's tensors on a GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    import resource

    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * 1024

"""What a run by choices will cost, before it is begun: a few real steps are taken, and thrown away."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from roleplay.preference.start import ChoiceJob
from roleplay.preference.tune import method_of
from roleplay.training.forecast import peak, seconds_a_step, short
from roleplay.training.run import Run
from roleplay.training.tune import Say


@dataclass(frozen=True)
class Forecast:
    """A run as it would be."""

    character: str
    """Name of the card."""
    stage: str
    """How it learns."""
    base: str
    """Name of the base."""
    targets: str
    """Where the adapter sits."""
    parameters: int
    """Trained parameters."""
    pairs: int
    """Pairs to learn from."""
    heldout_pairs: int
    """Pairs that choose the best step."""
    left_out: tuple[tuple[str, int], ...]
    """(reason, pairs) of those left out."""
    prompts: int
    """Prompts that replies are drawn to."""
    heldout_prompts: int
    """Held-out ones."""
    reward: str
    """What replies are rewarded for."""
    steps: int
    """Optimizer steps in all."""
    dtype: str
    """Of matrix products."""
    device: str
    """`cpu` or `cuda`."""
    peak: int
    """Highest memory so far, in bytes: of this process on a CPU, of torch's tensors on a GPU."""
    seconds_per_step: float
    """Mean of the timed steps, without held-out figures and checkpoints."""
    seconds: float
    """All steps at that speed."""


def forecast(choice: ChoiceJob, say: Say) -> Forecast:
    """Take a few steps in a folder that is thrown away, and measure. The adapter is changed by it."""
    job, lessons = choice.job, choice.lessons
    settings, decisions = job.config.settings, job.config.decisions
    with tempfile.TemporaryDirectory() as folder:
        config = replace(job.config, settings=short(settings))
        material = replace(job.material, has_heldout=False)
        trial = replace(job, run=Run(Path(folder)), config=config, material=material)
        method = method_of(replace(choice, job=trial), say)
        seconds = seconds_a_step(lambda beside: method.trainer(trial, beside))
    steps = job.material.steps(settings)
    return Forecast(
        character=job.config.character,
        stage=settings.stage,
        base=job.config.base.name,
        targets=job.config.targets,
        parameters=job.parameters,
        pairs=len(lessons.train),
        heldout_pairs=len(lessons.heldout),
        left_out=lessons.left,
        prompts=len(lessons.prompts),
        heldout_prompts=len(lessons.heldout_prompts),
        reward=settings.reward,
        steps=steps,
        dtype=decisions.dtype,
        device=decisions.device,
        peak=peak(decisions.device),
        seconds_per_step=seconds,
        seconds=seconds * steps,
    )

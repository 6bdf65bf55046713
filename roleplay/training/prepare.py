"""From card, base and settings to a run that is ready to train."""

import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from roleplay.cards.load import CardFile
from roleplay.dataset.sample import Sample
from roleplay.dataset.trainable import Trainable
from roleplay.errors import RunError
from roleplay.models.adapter import adapter_parameters, attach_new, attach_saved
from roleplay.models.base import Base, load_base
from roleplay.models.spec import BaseSpec
from roleplay.models.whole import unfreeze
from roleplay.paths import shown
from roleplay.training.decide import decide, settle
from roleplay.training.heap import keep_freed_memory
from roleplay.training.material import Material
from roleplay.training.memory import check_base
from roleplay.training.processes import from_first, processes
from roleplay.training.resolve import Resolved
from roleplay.training.run import Decisions, Run, RunConfig
from roleplay.training.schedule import check_scheduler
from roleplay.training.settings import PREFERENCE, Settings

Attach = Callable[[Base, Settings], tuple[Any, str]]
"""Puts on a base what learns, and names it for people."""

_LIBRARIES = ("torch", "transformers", "peft", "accelerate")
_DECIDING = ("device", "dtype", "quant", "tuning", "batching", "max_tokens_per_pass", "dropout", "optimizer")
"""Settings that a machine's decisions depend on."""


@dataclass(frozen=True)
class Loaded:
    """A base in memory without an adapter, for whatever comes next."""

    base: Base
    """The base; it attends to rows."""
    device: str
    """`cpu` or `cuda`."""
    dtype: str
    """Number format of its weights."""
    quant: str
    """How they are kept."""


@dataclass(frozen=True)
class Job:
    """A run that is ready to train."""

    run: Run
    """Its folder."""
    card_file: CardFile
    """The character."""
    config: RunConfig
    """What decides the result."""
    material: Material
    """What is trained."""
    base: Base
    """The base, loaded as the decisions say."""
    parameters: int
    """Trainable parameters."""
    tuned: Any
    """The base with the adapter on it, or with weights of its own that learn."""

    @property
    def corpus(self) -> Trainable[Any]:
        """The character's own dialogues or texts."""
        return self.material.corpus


def prepare(
    run: Run,
    card_file: CardFile,
    spec: BaseSpec,
    resolved: Resolved,
    former: RunConfig | None,
    material: Material,
    *,
    anyway: bool = False,
    loaded: Loaded | None = None,
    attach: Attach | None = None,
) -> Job:
    """Load everything and settle the run's configuration; `former` is that of a resumed run.

    `attach` puts on the base what learns; without it that is a LoRA, or weights of the base, as the settings say.
    `loaded` is used where it is the base that the run needs, in its number format unless one was chosen; after an error
    it may have an adapter on it. Raises RunError where card, dataset or base are no longer those of `former`, unless
    `anyway`, UsageError for a schedule that is none, and every error of loading.
    """
    settings = resolved.settings
    if loaded and (settings.tuning != "lora" or (loaded.base.spec, loaded.quant) != (spec, settings.quant)):
        loaded = None
    check_scheduler(settings, steps=material.steps(settings), heldout=material.has_heldout)
    kept = former.decisions if former and not _decides_anew(former.settings, settings) else None
    deciding = settings
    if loaded and settings.dtype == "auto":  # which is faster was found out when it was loaded
        deciding = settings.model_copy(update={"dtype": loaded.dtype})
    decisions = kept or from_first(lambda: decide(deciding, material.longest))
    if decisions.device == "cuda" and not torch.cuda.is_available():
        raise RunError(
            f"{shown(run.folder)} was begun on a GPU and there is none here; resume it there, or start a new run"
        )
    if decisions.device == "cpu":
        keep_freed_memory()
    torch.set_num_threads(decisions.threads)
    base, tuned, targets = _load(spec, settings, decisions, loaded, attach or _attach)
    if kept is None:
        dtype = decisions.dtype
        decisions = from_first(
            lambda: _settle(decisions, deciding, base.model if attach else tuned, material.samples, base)
        )
        if decisions.dtype != dtype:
            base, tuned, targets = _load(spec, settings, decisions, None, attach or _attach)
    config = RunConfig(
        character=card_file.card.name,
        preset=resolved.preset,
        settings=settings,
        sources=dict(resolved.sources),
        base=base.identity,
        base_source=spec.reference,
        card=card_file.identity,
        dataset=material.fingerprint,
        targets=targets,
        decisions=decisions,
        environment=_environment(settings),
    )
    if former is not None and not anyway:
        _refuse_changes(run, former, config)
    return Job(run, card_file, config, material, base, adapter_parameters(tuned), tuned)


def load_bare(spec: BaseSpec, decisions: Decisions, quant: str) -> Loaded:
    """The base as decided. Raises RunError where memory cannot hold it, BaseModelError where it cannot be loaded."""
    check_base(spec, decisions.device, decisions.dtype, quant)
    base = load_base(spec, dtype=getattr(torch, decisions.dtype), device=decisions.device, quant=quant)
    base.model.set_attn_implementation(decisions.attention)
    return Loaded(base, decisions.device, decisions.dtype, quant)


def take_off(job: Job) -> Loaded:
    """The base of a LoRA `job` as it was loaded, bit for bit, without any adapter; `job` can train no more."""
    job.tuned.unload()
    model, config = job.base.model.eval(), job.config
    if config.settings.gradient_checkpointing:
        model.gradient_checkpointing_disable()
        model.disable_input_require_grads()
    return Loaded(job.base, config.decisions.device, config.decisions.dtype, config.settings.quant)


def _load(
    spec: BaseSpec, settings: Settings, decisions: Decisions, loaded: Loaded | None, attach: Attach
) -> tuple[Base, Any, str]:
    """The base as decided, what learns on it, and its name for people; `loaded` is taken where it is just that."""
    if loaded is None or (loaded.device, loaded.dtype) != (decisions.device, decisions.dtype):
        # Weights that learn are kept in float32: in half of it, small steps would be rounded away.
        dtype = decisions.dtype if settings.tuning == "lora" else "float32"
        loaded = load_bare(spec, replace(decisions, dtype=dtype), settings.quant)
    base = loaded.base
    base.model.set_attn_implementation(decisions.attention)
    set_seed(settings.seed)
    tuned, targets = attach(base, settings)
    if settings.gradient_checkpointing:  # where it is on before, peft adds a hook that nobody can remove
        base.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return base, tuned, targets


def _attach(base: Base, settings: Settings) -> tuple[Any, str]:
    """What learns on `base`, and its name for people."""
    if settings.tuning != "lora":
        layers = settings.freeze_layers if settings.tuning == "freeze" else None
        return base.model, unfreeze(base.model, layers)
    if settings.from_adapter is not None:
        tuned, targets = attach_saved(base, Path(settings.from_adapter), dropout=settings.dropout)
    else:
        tuned, targets = attach_new(
            base.model,
            rank=settings.rank,
            alpha=settings.alpha,
            dropout=settings.dropout,
            rslora=settings.rslora,
        )
    return tuned, str(targets)


def _settle(decisions: Decisions, settings: Settings, tuned: Any, samples: Sequence[Sample], base: Base) -> Decisions:
    first = samples[: settings.batch_size * settings.grad_accum]
    return settle(decisions, settings, tuned, first, samples, int(base.tokenizer.pad_token_id))


def _decides_anew(former: Settings, settings: Settings) -> bool:
    return any(getattr(former, name) != getattr(settings, name) for name in _DECIDING)


def _environment(settings: Settings) -> dict[str, str]:
    libraries: Iterable[str] = (*_LIBRARIES, "bitsandbytes") if settings.quant != "none" else _LIBRARIES
    versions = {name: version(name) for name in libraries}
    return {"python": platform.python_version(), **versions, "processes": str(processes())}


def _refuse_changes(run: Run, former: RunConfig, now: RunConfig) -> None:
    changed = ["card"] if former.card != now.card else []
    if former.dataset != now.dataset:
        by_choices = now.settings.stage in PREFERENCE
        changed.append("dialogues, pairs or the adapter to begin with" if by_choices else "dataset")
    changed += [f"base ({part})" for part in former.base.differences(now.base)]
    if changed:
        raise RunError(
            f"{shown(run.folder)} cannot go on: {', '.join(changed)} changed since it began; put back what it had, "
            "accept that with --resume --anyway, or start a new run without --resume"
        )

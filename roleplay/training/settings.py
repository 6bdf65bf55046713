"""Training settings: preset < card < typed flag, resolved once, each value with where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roleplay.cards.load import CardFile
from roleplay.errors import Fault, FileFaults, UsageError
from roleplay.models.spec import POCKET
from roleplay.text import did_you_mean, one_line


class Settings(BaseModel):
    """Every number of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    epochs: Annotated[float, Field(gt=0)]
    """Passes over the dataset; `max_steps` wins where it is given."""
    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps in all; `None` leaves it to `epochs`."""
    batch_size: Annotated[int, Field(ge=1)]
    """Sequences in one forward pass."""
    grad_accum: Annotated[int, Field(ge=1)]
    """Passes in one optimizer step."""
    learning_rate: Annotated[float, Field(gt=0)]
    """Peak learning rate of AdamW."""
    loraplus_lr_ratio: Annotated[float, Field(ge=1)] = 1
    """The B matrices of the LoRA learn this many times faster than the A matrices (LoRA+)."""
    adam_beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Decay of AdamW's second moment; a lower one slows down sooner where gradients grow."""
    scheduler: Literal["cosine", "linear", "constant", "constant_with_warmup"]
    """Shape of the learning rate, a name of transformers' schedulers."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps of linear warm-up."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Decoupled weight decay."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients are scaled down to this norm."""
    rank: Annotated[int, Field(ge=1)]
    """Rank of the LoRA matrices."""
    alpha: Annotated[float, Field(gt=0)]
    """LoRA scale is alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)]
    """LoRA dropout; 0 keeps training exact."""
    max_length: Annotated[int, Field(ge=16)] = 1024
    """Longest sequence in tokens; never more than the base's context."""
    logging_steps: Annotated[int, Field(ge=1)]
    """Steps between training losses."""
    eval_steps: Annotated[int, Field(ge=1)]
    """Steps between held-out losses."""
    save_steps: Annotated[int, Field(ge=1)]
    """Steps between checkpoints."""
    seed: int = 0
    """Of initial weights, order and prefix draws."""
    batching: Literal["tree", "padded"] = "tree"
    """`tree` computes once what samples of a step begin with, `padded` for each of them; the gradient is the same."""
    max_tokens_per_pass: Annotated[int, Field(ge=16)] | None = None
    """Tokens that go through the model at once with `tree`; a step with more is split, at the same gradient."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of matrix products; `auto` is bfloat16 where the machine has it in hardware."""


@dataclass(frozen=True)
class Resolved:
    """Settings and their sources."""

    preset: str
    """Name of the preset underneath."""
    settings: Settings
    """The values in force."""
    sources: Mapping[str, str]
    """Setting -> `preset NAME`, `card`, `typed` or `default`."""


def load_presets() -> dict[str, dict[str, Any]]:
    """Name -> values and `about`, as they ship."""
    presets: dict[str, dict[str, Any]] = yaml.safe_load(
        Path(__file__).with_name("presets.yaml").read_text(encoding="utf-8")
    )
    return presets


def resolve(card_file: CardFile, base_name: str, preset: str | None, typed: Mapping[str, Any]) -> Resolved:
    """Preset < card < typed. Raises FileFaults for the card's values, UsageError for typed ones.

    The preset is the typed one, else the card's, else `quick` on `pocket` and `founding` elsewhere.
    """
    presets = load_presets()
    card_values = dict(card_file.card.training.model_extra or {})
    chosen = preset or card_file.card.training.preset or ("quick" if base_name == POCKET else "founding")
    if chosen not in presets:
        problem, remedy = f"there is no preset '{one_line(chosen)}'", did_you_mean(chosen, presets)
        if preset is None:
            raise FileFaults([_card_fault(card_file, "preset", problem, remedy)])
        raise UsageError(f"{problem}; {remedy}")
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    typed = {key: value for key, value in typed.items() if value is not None}
    preset_values = {key: value for key, value in presets[chosen].items() if key != "about"}
    for layer, source in ((preset_values, f"preset {chosen}"), (card_values, "card"), (typed, "typed")):
        values |= layer
        sources |= dict.fromkeys(layer, source)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise _as_faults(card_file, sources, error) from error
    return Resolved(chosen, settings, {key: sources[key] for key in Settings.model_fields})


def _as_faults(card_file: CardFile, sources: Mapping[str, str], error: ValidationError) -> FileFaults | UsageError:
    faults, wrong = [], []
    for issue in error.errors():
        key = str(issue["loc"][0])
        if issue["type"] == "extra_forbidden":
            problem, remedy = "is not a setting of training", did_you_mean(key, Settings.model_fields)
        else:
            problem = f"{issue['msg'][0].lower()}{issue['msg'][1:]} (seen: {one_line(repr(issue['input']))})"
            remedy = "correct the value"
        if sources.get(key) == "typed":
            wrong.append(f"--{key.replace('_', '-')}: {problem}")
        else:
            faults.append(_card_fault(card_file, key, problem, remedy))
    return UsageError("; ".join(wrong)) if wrong else FileFaults(faults)


def _card_fault(card_file: CardFile, key: str, problem: str, remedy: str) -> Fault:
    line = card_file.lines.line(("training", key))
    return Fault(card_file.lines.file, line, f"training.{key}", problem, remedy)

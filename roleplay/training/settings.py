"""Training settings: preset < card < typed flag, resolved once, each value with where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from roleplay.cards.load import CardFile
from roleplay.errors import Fault, FileFaults, UsageError
from roleplay.models.spec import POCKET
from roleplay.text import did_you_mean, one_line

Scheduler = Literal[
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
    "reduce_lr_on_plateau",
    "cosine_with_min_lr",
    "cosine_warmup_with_min_lr",
    "warmup_stable_decay",
    "greedy",
]


def _not_ppo(stage: Any) -> Any:
    if isinstance(stage, str) and stage.lower() == "ppo":
        raise PydanticCustomError("ppo", "what PPO did is done by rloo, without a model of values; write --stage rloo")
    return stage


Stage = Annotated[Literal["sft", "pt", "dpo", "kto", "rm", "rloo", "grpo"], BeforeValidator(_not_ppo)]
PAIRED = ("dpo", "kto", "rm")
"""Stages that learn from pairs of replies: directly, each reply by itself, or to reward as a person would."""
REWARDED = ("rloo", "grpo")
"""Stages that draw replies and learn from what they are rewarded with."""
PREFERENCE = (*PAIRED, *REWARDED)
"""Stages of `roleplay.preference`."""
CHOICE_SETTINGS = ("pairs", "beta", "reward", "generations", "temperature", "max_new_tokens", "max_kl")
"""Settings of those stages alone."""

FOLLOWS_LOSS = ("reduce_lr_on_plateau", "greedy")
"""Schedulers that look at held-out losses and keep their own state."""


class Settings(BaseModel):
    """Every setting of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    stage: Stage = "sft"
    """`sft` trains the answers of dialogues; `pt` every token of the card's `text` corpora, packed into full rows; `dpo`,
    `kto`, `rm`, `rloo` and `grpo` learn from choices."""
    tuning: Literal["lora", "freeze", "full"] = "lora"
    """`lora` makes an adapter; `freeze` trains the last layers, `full` every weight, and both write a new base."""
    freeze_layers: Annotated[int, Field(ge=1)] = 2
    """Layers that `freeze` trains, counted from the last."""
    from_adapter: str | None = None
    """Go on with this adapter instead of a new one: a run of the character, or a folder; it brings rank and alpha."""
    replay: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Weight of the dialogues that the run of `from_adapter` was trained on, where the card no longer names them."""
    epochs: Annotated[float, Field(gt=0)]
    """Passes over the dataset; `max_steps` wins where it is given."""
    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimizer steps in all; `None` leaves it to `epochs`."""
    max_samples: Annotated[int, Field(ge=1)] | None = None
    """At most this many samples in an epoch, drawn anew for each; `None` takes all."""
    batch_size: Annotated[int, Field(ge=1)]
    """Sequences in one padded pass."""
    grad_accum: Annotated[int, Field(ge=1)]
    """Times `batch_size`: samples of an optimizer step, in all processes together."""
    learning_rate: Annotated[float, Field(gt=0)]
    """Peak learning rate of AdamW."""
    loraplus_lr_ratio: Annotated[float, Field(ge=1)] = 1
    """The B matrices of the LoRA learn this many times faster than the A matrices (LoRA+)."""
    adam_beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Decay of AdamW's second moment; a lower one slows down sooner where gradients grow."""
    optimizer: Literal["adamw", "paged_adamw_8bit"] = "adamw"
    """`paged_adamw_8bit` keeps its moments in eight bits, outside the GPU where that is full."""
    scheduler: Scheduler
    """Shape of the learning rate, a name of transformers' schedulers."""
    scheduler_options: dict[str, int | float | str | bool] = {}
    """What the scheduler takes besides, such as `min_lr` or `num_decay_steps`."""
    warmup_steps: Annotated[float, Field(ge=0)] = 0.0
    """Steps of linear warm-up; below 1, a share of all steps."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Decoupled weight decay."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients are scaled down to this norm."""
    rank: Annotated[int, Field(ge=1)]
    """Rank of the LoRA matrices."""
    alpha: Annotated[float, Field(gt=0)]
    """LoRA scale is alpha / rank."""
    rslora: bool = False
    """The LoRA scale is alpha / sqrt(rank) instead (rsLoRA, arXiv 2312.03732)."""
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
    early_stopping: Annotated[int, Field(ge=1)] | None = None
    """Held-out losses in a row that may fail to be the lowest before the run ends; `None` never ends it early."""
    keep_epochs: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Epochs after which what was learned is kept as `epoch-N`, beside best and last."""
    prefix_dropout: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of samples trained without any prefix; the others have all that a new chat has on; `None` leaves it to the
    card."""
    samples: Annotated[int, Field(ge=0, le=64)] | None = None
    """Held-out prompts answered after each epoch, for a person to read; `None` is 3, as often as that costs little."""
    seed: int = 0
    """Of initial weights, order and prefix draws."""
    batching: Literal["tree", "padded"] = "tree"
    """`tree` computes once what samples of a step begin with, `padded` for each of them; the gradient is the same."""
    max_tokens_per_pass: Annotated[int, Field(ge=16)] | None = None
    """Tokens that go through the model at once with `tree`, at the same gradient; `None` finds what memory holds."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` is a GPU where there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of matrix products; `auto` takes what the machine is fastest with."""
    quant: Literal["none", "int8", "nf4"] = "none"
    """How the frozen base is kept in memory, through bitsandbytes."""
    gradient_checkpointing: bool = False
    """Compute each layer again in the backward pass instead of keeping it: less memory, more time."""
    compile: bool = False
    """Compile the model with torch, which takes its time first."""
    pairs: tuple[str, ...] = ()
    """Files of pairs: what is learned from, or, where replies are rewarded, what the best step is chosen by."""
    beta: Annotated[float, Field(ge=0)] = 0.1
    """How strongly the adapter is held to the one it began with: TRL's `beta`; 0 only where replies are rewarded."""
    reward: str = ""
    """What drawn replies are rewarded for, such as `stop + 2*ends(喵)`."""
    generations: Annotated[int, Field(ge=2)] = 8
    """Replies drawn to each prompt, which are compared with each other."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Of the replies that are drawn."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 64
    """Tokens after which a drawn reply is cut."""
    max_kl: Annotated[float, Field(gt=0)] | None = None
    """Nats per reply by which the adapter may move away from the one it began with before the run ends."""


@dataclass(frozen=True)
class Resolved:
    """Settings and their sources."""

    preset: str
    """Name of the preset underneath."""
    settings: Settings
    """The values in force."""
    sources: Mapping[str, str]
    """Setting -> `preset NAME`, `card`, `typed` or `default`."""


def load_presets(name: str = "presets.yaml") -> dict[str, dict[str, Any]]:
    """Name -> values and `about`, as they ship: those for dialogues and texts."""
    presets: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return presets


def every_preset() -> dict[str, dict[str, Any]]:
    """Those for dialogues and texts, then one for each stage of choices."""
    return load_presets() | load_presets("choice_presets.yaml")


def resolve(card_file: CardFile, base_name: str, preset: str | None, typed: Mapping[str, Any]) -> Resolved:
    """Preset < card < typed. Raises FileFaults for the card's values, UsageError for typed ones.

    The preset is the typed one, else that of the typed stage where it is one of choices, else the card's, else `quick`
    on `pocket` and `founding` elsewhere. A card's values are about dialogues: a stage of choices goes without them.
    """
    presets = every_preset()
    chosen = preset or _default_preset(card_file, base_name, typed.get("stage"))
    stage = typed.get("stage") or presets.get(chosen, {}).get("stage")
    card_values = {} if stage in PREFERENCE else dict(card_file.card.training.model_extra or {})
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
    refuse_contradictions(settings)
    return Resolved(chosen, settings, {key: sources[key] for key in Settings.model_fields})


def _default_preset(card_file: CardFile, base_name: str, stage: object) -> str:
    """Where none is typed: a stage of choices has one of its own name, the others the card's or the base's."""
    if stage in PREFERENCE:
        return str(stage)
    return card_file.card.training.preset or ("quick" if base_name == POCKET else "founding")


def retyped(settings: Settings, typed: Mapping[str, Any]) -> Settings:
    """`settings` with typed values in their place. Raises UsageError for values that are none."""
    values = settings.model_dump() | {key: value for key, value in typed.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        wrong = [_wrong(str(issue["loc"][0]), _problem(issue)[0]) for issue in error.errors()]
        raise UsageError("; ".join(wrong)) from error


def refuse_contradictions(settings: Settings) -> None:
    """Raises UsageError for settings that cannot hold together, all of them at once."""
    whole, stage = settings.tuning != "lora", settings.stage
    by_choices, rewarded = stage in PREFERENCE, stage in REWARDED
    replies = settings.batch_size * settings.grad_accum
    clashes = [
        (settings.replay > 0 and settings.from_adapter is None, "--replay repeats the run of --from-adapter; name one"),
        (settings.replay > 0 and settings.stage == "pt", "--replay repeats dialogues, and --stage pt trains none"),
        (
            settings.prefix_dropout is not None and settings.stage == "pt",
            "--prefix-dropout is about dialogues, and --stage pt trains none",
        ),
        (whole and settings.from_adapter is not None, f"--tuning {settings.tuning} has no adapter to begin with"),
        (
            whole and settings.quant != "none",
            f"--tuning {settings.tuning} cannot train a base kept in {settings.quant}",
        ),
        (whole and settings.loraplus_lr_ratio > 1, f"--tuning {settings.tuning} has no LoRA for --loraplus-lr-ratio"),
        (settings.optimizer != "adamw" and settings.device == "cpu", f"--optimizer {settings.optimizer} needs a GPU"),
        (settings.dtype == "float16" and settings.device == "cpu", "--dtype float16 needs a GPU"),
        (by_choices and whole, f"--stage {stage} moves an adapter, and --tuning {settings.tuning} has none"),
        (by_choices and settings.batching == "tree", f"--stage {stage} pads its samples; leave --batching out"),
        (by_choices and settings.replay > 0, f"--stage {stage} trains no dialogues for --replay to repeat"),
        (stage == "rm" and settings.from_adapter is not None, "--stage rm begins with a LoRA of its own"),
        (
            stage in PAIRED and not settings.pairs,
            f"--stage {stage} learns from pairs; name with --pairs what 'roleplay data from-chats' or 'roleplay "
            "prefer' wrote",
        ),
        (not by_choices and bool(settings.pairs), f"--pairs is about choices, and --stage {stage} trains none"),
        (stage in ("dpo", "kto") and settings.beta == 0, f"--stage {stage} needs a --beta above 0"),
        (rewarded and not settings.reward.strip(), f"--stage {stage} draws replies; say with --reward what is good"),
        (
            not rewarded and bool(settings.reward),
            f"--reward is about drawn replies, and --stage {stage} draws none; choose rloo or grpo",
        ),
        (
            rewarded and replies % settings.generations != 0,
            f"--batch-size times --grad-accum is {replies} replies a step, which is no multiple of the "
            f"{settings.generations} --generations of a prompt",
        ),
    ]
    wrong = [told for clash, told in clashes if clash]
    if wrong:
        raise UsageError("these settings cannot hold together: " + "; ".join(wrong))


def _as_faults(card_file: CardFile, sources: Mapping[str, str], error: ValidationError) -> FileFaults | UsageError:
    faults, wrong = [], []
    for issue in error.errors():
        key = str(issue["loc"][0])
        problem, remedy = _problem(issue)
        if sources.get(key) == "typed":
            wrong.append(_wrong(key, problem))
        else:
            faults.append(_card_fault(card_file, key, problem, remedy))
    return UsageError("; ".join(wrong)) if wrong else FileFaults(faults)


def _problem(issue: Any) -> tuple[str, str]:
    """What is wrong with a value, and the remedy."""
    if issue["type"] == "extra_forbidden":
        return "is not a setting of training", did_you_mean(str(issue["loc"][0]), Settings.model_fields)
    problem = f"{issue['msg'][0].lower()}{issue['msg'][1:]} (seen: {one_line(repr(issue['input']))})"
    return problem, "correct the value"


def _wrong(key: str, problem: str) -> str:
    return f"--{key.replace('_', '-')}: {problem}"


def _card_fault(card_file: CardFile, key: str, problem: str, remedy: str) -> Fault:
    line = card_file.lines.line(("training", key))
    return Fault(card_file.lines.file, line, f"training.{key}", problem, remedy)

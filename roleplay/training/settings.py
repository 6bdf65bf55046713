"""Every setting of a training."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

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
    """`sft` trains the answers of dialogues; `pt` every token of the card's `text` corpora, packed into full rows;
    `dpo`, `kto`, `rm`, `rloo` and `grpo` learn from choices."""
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

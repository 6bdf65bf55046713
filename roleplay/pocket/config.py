"""The recipe of one `pocket`: a YAML file checked by pydantic."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """Size of the Llama-shaped model."""

    model_config = ConfigDict(extra="forbid")

    vocab_size: int = 8192
    """Entries of the tokenizer, control tokens included."""
    hidden_size: int = 256
    """Width of the residual stream."""
    intermediate_size: int = 768
    """Width inside the gated MLP."""
    layers: int = 6
    """Number of transformer blocks."""
    heads: int = 4
    """Attention heads; key and value heads are as many."""
    context: int = 1024
    """Longest sequence in tokens, prompt and answer together."""


class Stage(BaseModel):
    """One stretch of training with its own sequence length and mixture."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """Folder of the stage's checkpoints."""
    sequence: int
    """Tokens in a training sequence."""
    tokens: int
    """Tokens to train on at most, in whole optimizer steps."""
    peak_lr: float
    """Learning rate after warm-up (AdamW and Muon share it)."""
    schedule: Literal["cosine", "stable"] = "cosine"
    """`cosine` falls from peak to final; `stable` stays at the peak, for a later stage to fall from."""
    final_lr: float = 0.0
    """Learning rate at the last step of a cosine."""
    warmup_steps: int = 0
    """Steps of linear warm-up from zero."""
    patience: int | None = None
    """Ends the stage where held-out bits were not the lowest so many times in a row; `None`: never."""
    sequences_per_pass: int
    """Sequences in one forward pass."""
    mixture: dict[str, float]
    """Source name -> share of the stage's tokens; shares are normalised."""


class Recipe(BaseModel):
    """Everything that decides the weights, but for the text itself."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    """Seed of initial weights and of the order of text."""
    tokens_per_step: int = 8192
    """Tokens in one optimizer step."""
    weight_decay: float = 0.05
    """Decoupled weight decay of matrices."""
    tokenizer_megabytes: float = 24
    """Characters (in millions of bytes) the tokenizer is trained on."""
    compile: bool = True
    """Compile the model's passes (needs a C++ compiler; about a third faster on a CPU)."""
    evaluate_steps: int = 100
    """Optimizer steps between held-out losses and between checkpoints."""
    heldout_tokens: int = 16_384
    """Tokens of each kind of held-out chat that are scored."""
    snapshots: int = 8
    """How many of the last stage's weights, one each `evaluate_steps`, are kept to choose from and to average."""
    ablations: str = "ablations.md"
    """File beside the recipe with what was tried before it was written; its text stands in the model card."""
    shape: Shape = Field(default_factory=Shape)
    stages: list[Stage]


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; raises `pydantic.ValidationError` that lists every fault."""
    return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))

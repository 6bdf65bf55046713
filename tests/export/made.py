"""Characters with an adapter in a finished run, made without training."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from roleplay.models.passport import BaseIdentity, read_passport
from roleplay.paths import Home
from roleplay.training.run import Decisions, Run, RunConfig
from roleplay.training.settings import Settings
from tests.tiny import save_tiny_adapter

SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 2,
    "grad_accum": 8,
    "learning_rate": 5e-4,
    "scheduler": "cosine",
    "warmup_steps": 0.1,
    "weight_decay": 1e-5,
    "rank": 4,
    "alpha": 8.0,
    "dropout": 0.05,
    "logging_steps": 5,
    "eval_steps": 10,
    "save_steps": 20,
}
HOSTILE = (
    'A"""\nPARAMETER stop x\n"\u200b"" $(touch /tmp/pwned) `id` \' ``` <|im_end|>\n--- # [x](y) {{ .System }} %s \\n'
)
"""Text that would break out of every format here."""


def save_run(home: Home, character: str, base: Path, *, run: str = "tiny", rank: int = 4, **settings: Any) -> Run:
    """A finished run whose adapter has random weights; `settings` are those it says it was trained with."""
    made = Run(home.runs / character / run)
    folder = save_tiny_adapter(base, made.adapter("best"), character=character, run=run, rank=rank)
    identity = read_passport(folder).base
    made.write_config(_config(character, base, identity, settings), "")
    made.write_summary({})
    return made


def _config(character: str, base: Path, identity: BaseIdentity, settings: dict[str, Any]) -> RunConfig:
    return RunConfig(
        character=character,
        preset="quick",
        settings=Settings.model_validate(SETTINGS | settings),
        sources={},
        base=BaseIdentity(**asdict(identity)),
        base_source=str(base),
        card="",
        dataset="",
        targets="q_proj, k_proj, v_proj of all 2 layers (6 modules)",
        decisions=Decisions("cpu", "bfloat16", 1, "sdpa"),
        environment={},
    )


def save_other(folder: Path, kind: str, tokenizer: PreTrainedTokenizerFast) -> Path:
    """Save a tiny random base of another architecture, `qwen2` or `gpt2`. Returns the folder."""
    shape = {"vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": 2, "eos_token_id": 2}
    if kind == "qwen2":
        more = {"intermediate_size": 64, "num_key_value_heads": 2, "max_position_embeddings": 512}
        Qwen2ForCausalLM(Qwen2Config(**shape, **more, **ends)).save_pretrained(folder)
    else:
        GPT2LMHeadModel(GPT2Config(**shape, n_positions=512, **ends)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    """Content of every file in `folder`, by its path there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def edit_json(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

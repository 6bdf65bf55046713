"""Tiny bases and adapters on disk: the real formats, random weights, a second to make and load."""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from roleplay.models.adapter import attach_new, save_adapter
from roleplay.models.base import Base, load_base
from roleplay.models.passport import Passport
from roleplay.models.spec import parse_spec

CONTEXT = 512


def tiny_llama(tokenizer: PreTrainedTokenizerBase, *, seed: int = 0, context: int = CONTEXT) -> PreTrainedModel:
    """A llama of two layers in float32 whose random weights are large enough for replies that vary."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.4,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def save_tiny_base(folder: Path, tokenizer: PreTrainedTokenizerBase, *, seed: int = 0, context: int = CONTEXT) -> Path:
    """Save a tiny llama beside `tokenizer`; `seed` decides its weights. Returns the folder."""
    tiny_llama(tokenizer, seed=seed, context=context).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def load_tiny_base(folder: Path) -> Base:
    """The base in `folder`, in float32 on the CPU, whatever the machine has."""
    return load_base(parse_spec(str(folder)), dtype=torch.float32, device="cpu")


def save_tiny_adapter(
    base: Path | Base, folder: Path, seed: int = 0, *, character: str = "mimi", run: str = "tiny", rank: int = 4
) -> Path:
    """Save a LoRA whose lora_B is random, not zero, so that the persona says something else. Returns the folder.

    `base` is the folder of a base, or a loaded one, which is left as it was.
    """
    loaded = load_tiny_base(base) if isinstance(base, Path) else base
    tuned, _ = attach_new(loaded.model, rank=rank, alpha=2.0 * rank, dropout=0.0)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(tuned.named_parameters()):
            if "lora_" in name:
                weight.normal_(0, 0.3, generator=generator)
    passport = Passport(character=character, base=loaded.identity, run=run, step=3, heldout_loss=1.25)
    save_adapter(tuned, folder, passport, f"# {character}\n")
    tuned.unload()
    loaded.model.requires_grad_(False)
    return folder

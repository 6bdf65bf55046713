"""The models of the benchmark as folders: the shipped one, and random weights in two other shapes."""

import shutil
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PretrainedConfig, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

POCKET = Path(__file__).parents[3] / "data" / "pocket"

_KINDS: dict[str, tuple[type[PreTrainedModel], PretrainedConfig]] = {
    # Pocket made wider and deeper: the shape that the bars speak of.
    "reference": (
        LlamaForCausalLM,
        LlamaConfig(
            vocab_size=8192,
            hidden_size=512,
            intermediate_size=1536,
            num_hidden_layers=8,
            num_attention_heads=8,
            num_key_value_heads=8,
            max_position_embeddings=2048,
            rms_norm_eps=1e-6,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=2,
            pad_token_id=0,
        ),
    ),
    # The numbers of Qwen2.5-0.5B's config.json.
    "qwen05": (
        Qwen2ForCausalLM,
        Qwen2Config(
            vocab_size=151936,
            hidden_size=896,
            intermediate_size=4864,
            num_hidden_layers=24,
            num_attention_heads=14,
            num_key_value_heads=2,
            max_position_embeddings=32768,
            rms_norm_eps=1e-6,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=2,
            pad_token_id=0,
        ),
    ),
}
MODELS = ("reference", "pocket", "qwen05")


def make_folder(model: str, into: Path) -> Path:
    """A folder that `from_pretrained` loads; pocket's is its own, the others get its tokenizer."""
    if model == "pocket":
        return POCKET
    kind, config = _KINDS[model]
    folder = into / model
    if not folder.exists():
        torch.manual_seed(0)
        kind(config).save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            shutil.copy(POCKET / name, folder / name)
    return folder

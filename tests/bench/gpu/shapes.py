"""Random weights in the shapes of real bases, made on the device itself: nothing of theirs goes through a disk."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    GPTNeoXConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from roleplay.models.base import Base, identify, load_tokenizer, quieten
from roleplay.models.quant import loading_options, settle_on_cpu
from roleplay.models.spec import parse_spec

_ROOT = Path(__file__).parents[3]
_POCKET = _ROOT / "data" / "pocket"


@dataclass(frozen=True)
class Shape:
    """Sizes of a base, as its own config.json has them."""

    config: Callable[..., PreTrainedConfig]
    """Class of the configuration."""
    sizes: dict[str, Any]
    """What it is told; a vocabulary smaller than the tokenizer's grows to it."""
    tiny: bool = False
    """To try a part on a CPU: always with pocket's tokenizer, whose vocabulary is small."""


def _qwen(config: Callable[..., PreTrainedConfig], sizes: str, *, tied: bool, tiny: bool = False, **more: Any) -> Shape:
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    numbers = dict(zip((*names, "vocab_size", "max_position_embeddings"), map(int, sizes.split()), strict=True))
    rope = {"rope_type": "default", "rope_theta": 1e6}
    return Shape(config, {**numbers, "tie_word_embeddings": tied, "rope_parameters": rope, **more}, tiny)


def _neox(hidden: int, inner: int, layers: int, heads: int, vocabulary: int, *, tiny: bool = False) -> Shape:
    sizes = {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": 2048,
        "use_parallel_residual": False,
    }
    return Shape(GPTNeoXConfig, sizes, tiny)


SHAPES = {
    "qwen2.5-0.5b": _qwen(Qwen2Config, "896 4864 24 14 2 151936 32768", tied=True),
    "qwen3-4b": _qwen(Qwen3Config, "2560 9728 36 32 8 151936 40960", tied=True, head_dim=128),
    "qwen2.5-7b": _qwen(Qwen2Config, "3584 18944 28 28 4 152064 32768", tied=False),
    # Sizes of ChatGLM-6B in an architecture that transformers has: a fused query_key_value, an ungated MLP.
    "chatglm-6b": _neox(4096, 16384, 28, 32, 130528),
    "tiny": _qwen(Qwen2Config, "64 128 2 4 2 8192 4096", tied=True, tiny=True),
    "tiny-fused": _neox(64, 256, 2, 4, 8192, tiny=True),
}


def make_base(shape: str, *, device: str, dtype: torch.dtype, quant: str = "none") -> Base:
    """A base of random weights, frozen and in evaluation mode as `load_base` leaves it; always the same for a device.

    Each layer is made on `device` and packed at once where `quant` is `nf4` or `int8`: no more than the base itself and
    one layer in `dtype` is ever in memory. Raises BaseModelError where bitsandbytes is missing.
    """
    quieten()
    spec = parse_spec(str(folder_of(shape)))
    tokenizer = load_tokenizer(spec)
    config = _config(shape, len(tokenizer))
    config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)
    options = loading_options(quant, dtype, device)
    quantizer = _prepared(model, options, dtype) if options else None
    forked = [torch.cuda.current_device()] if device == "cuda" else []
    with torch.random.fork_rng(forked), torch.no_grad():
        torch.manual_seed(0)
        _fill(model, device, dtype, quantizer)
    model.tie_weights()
    if quantizer is not None:
        quantizer.postprocess_model(model)
        model.hf_quantizer = quantizer
        if device == "cpu":
            settle_on_cpu(model)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return Base(spec, model.eval().requires_grad_(False), tokenizer, identify(spec, tokenizer))


def _prepared(model: PreTrainedModel, options: dict[str, Any], dtype: torch.dtype) -> Any:
    """The quantizer that transformers loads such a base with; its layers are in place, and still empty."""
    from transformers.quantizers.auto import AutoHfQuantizer

    quantizer = AutoHfQuantizer.from_config(options["quantization_config"], pre_quantized=False)
    quantizer.preprocess_model(model=model, dtype=dtype, device_map=options["device_map"])
    return quantizer


def _fill(model: Any, device: str, dtype: torch.dtype, quantizer: Any) -> None:
    """Random numbers, ones and rotations, as the architecture begins with; packed where the quantizer says so."""
    spread = model.config.initializer_range
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if quantizer is None or weight is None or not quantizer.param_needs_quantization(model, f"{name}.weight"):
            module.to_empty(device=device, recurse=False)
            model._init_weights(module)
            continue
        if module.bias is not None:
            module.bias = torch.nn.Parameter(torch.zeros(module.bias.shape, device=device, dtype=dtype))
        # As wide as it was before it was packed: what is packed already has another shape.
        whole = torch.empty(module.out_features, module.in_features, device=device, dtype=dtype).normal_(0, spread)
        packed = quantizer.get_quantize_ops().convert(
            {f"{name}.weight": [whole]}, full_layer_name=f"{name}.weight", model=model
        )
        module.weight = packed[f"{name}.weight"]


@cache
def folder_of(shape: str) -> Path:
    """A folder with configuration and tokenizer of a shape and no weights; it goes when the program ends."""
    folder = Path(tempfile.mkdtemp(prefix="roleplay-shape-")) / shape
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    tokenizer = _tokenizer(shape)
    _config(shape, len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(shape: str, words: int) -> PreTrainedConfig:
    sizes = SHAPES[shape].sizes
    vocabulary = max(sizes["vocab_size"], -(-words // 128) * 128)
    config: PreTrainedConfig = SHAPES[shape].config(**{**sizes, "vocab_size": vocabulary, "bos_token_id": None})
    return config


def _tokenizer(shape: str) -> Any:
    file = _shared_tokenizer()
    pocket = AutoTokenizer.from_pretrained(_POCKET)
    if SHAPES[shape].tiny or file is None:
        return pocket
    return PreTrainedTokenizerFast(
        tokenizer_file=str(file),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=pocket.chat_template,
        model_max_length=32768,
        padding_side="left",
    )


def _shared_tokenizer() -> Path | None:
    """The file of Qwen2's tokenizer, where the folder of third-party fixtures is."""
    shared = Path(os.environ.get("ROLEPLAY_SHARED") or _ROOT.parent / "shared")
    file = shared / "fixtures" / "tokenizers" / "qwen2" / "tokenizer.json"
    return file if file.is_file() else None


def tokenizer_name(shape: str = "qwen2.5-7b") -> str:
    """Whose tokenizer cuts the texts of a shape: `qwen2`, or `pocket` where third-party fixtures are absent."""
    return "pocket" if SHAPES[shape].tiny or _shared_tokenizer() is None else "qwen2"

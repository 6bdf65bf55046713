"""Keep a base in 8 or 4 bits a weight, through bitsandbytes; embeddings and the output layer stay as they are."""

import importlib
import logging
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from roleplay.errors import BaseModelError
from roleplay.text import one_line

QUANTS = ("none", "int8", "nf4")
"""Ways to keep a base: as it is, LLM.int8 (arXiv 2208.07339), NF4 with quantised scales (QLoRA, arXiv 2305.14314)."""

_BLOCK = 64
"""Numbers that share a scale in 4 bits."""


def loading_options(quant: str, dtype: torch.dtype, device: str) -> dict[str, Any]:
    """What `from_pretrained` is told for one of `QUANTS`. Raises BaseModelError where bitsandbytes is missing."""
    if quant not in QUANTS:
        raise BaseModelError(f"a base cannot be kept in '{one_line(quant, 40)}'; choose one of {', '.join(QUANTS)}")
    if quant == "none":
        return {}
    _import_bitsandbytes(quant)
    if quant == "int8":
        # Its threshold takes columns out of int8 by the largest number in a batch: lanes would change one another.
        config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)
    else:
        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype,  # FSDP shards only parameters of one dtype
        )
    return {"quantization_config": config, "device_map": {"": device}}


def _import_bitsandbytes(quant: str) -> None:
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it speaks at every int8 product
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("bitsandbytes")
    except (ImportError, OSError, RuntimeError) as error:
        raise BaseModelError(
            f"a base kept in {quant} needs bitsandbytes, which cannot be used here ({one_line(str(error), 120)}); "
            "install it with 'pip install bitsandbytes', or leave --quant out"
        ) from error


def settle_on_cpu(model: torch.nn.Module) -> None:
    """Make 4-bit layers exact on a CPU (bitsandbytes 0.50). Raises BaseModelError where they cannot be.

    Unless told not to, a CPU that has bfloat16 packs them anew when they are first evaluated: scales are rounded to
    bfloat16, and a gradient no longer passes, so a run would go on wrongly after its first held-out loss. Rows that do
    not end with a block of 64 numbers are read with the scales of others.
    """
    layers: Iterable[Any] = model.modules()
    for layer in layers:
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False
            if layer.in_features % _BLOCK:
                raise BaseModelError(
                    f"nf4 on a CPU needs layers whose input is a multiple of {_BLOCK} wide, and this base has one of "
                    f"{layer.in_features}; choose --quant int8, or leave it out"
                )

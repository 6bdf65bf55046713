"""Load a base's tokenizer and weights, and say exactly which base it is."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import cached_file, extract_commit_hash
from transformers.utils import logging as transformers_logging

from roleplay.errors import BaseModelError
from roleplay.models.damage import find_damage
from roleplay.models.passport import BaseIdentity
from roleplay.models.quant import loading_options, settle_on_cpu
from roleplay.models.spec import BaseSpec, weights_fingerprint
from roleplay.text import fingerprint, one_line

_VOLATILE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache")


@dataclass(frozen=True)
class Base:
    """A loaded base."""

    spec: BaseSpec
    """How it was named."""
    model: PreTrainedModel
    """The frozen weights, in evaluation mode."""
    tokenizer: PreTrainedTokenizerBase
    """Its tokenizer, with a chat template."""
    identity: BaseIdentity
    """What adapters are checked against."""

    @property
    def context(self) -> int:
        """Longest sequence in tokens that the base was made for."""
        return context_length(self.model.config)


def load_tokenizer(spec: BaseSpec) -> PreTrainedTokenizerBase:
    """The tokenizer alone, without the weights. Raises BaseModelError."""
    # First the configuration: without a network each of a tokenizer's many files is asked for, half a minute long.
    _load(spec, AutoConfig.from_pretrained)
    tokenizer = _load(spec, AutoTokenizer.from_pretrained)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.name_or_path = spec.name
    return tokenizer


def load_context(spec: BaseSpec) -> int:
    """The base's context length from its configuration alone. Raises BaseModelError."""
    return context_length(_load(spec, AutoConfig.from_pretrained))


def context_length(config: Any) -> int:
    """Positions a model was made for; 2048 where its configuration does not say."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    for name in ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len"):
        value = getattr(text, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return 2048


def load_base(
    spec: BaseSpec, *, dtype: torch.dtype | None = None, device: str | None = None, quant: str = "none"
) -> Base:
    """Load tokenizer and weights. Raises BaseModelError.

    `dtype` defaults to float32 on a CPU and bfloat16 on a GPU, `device` to the GPU where there is one. `quant` keeps
    the weights smaller, one of `QUANTS`; the base stays the same one to its adapters.
    """
    quieten()
    device = device or best_device()
    dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    tokenizer = load_tokenizer(spec)
    model = _load_model(spec, dtype, device, quant)
    # Sampling belongs to the chat alone; a base's own defaults would mix with it unseen.
    model.generation_config = GenerationConfig(
        eos_token_id=model.generation_config.eos_token_id if model.generation_config else None,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Base(spec, model, tokenizer, identify(spec, tokenizer))


def _load_model(spec: BaseSpec, dtype: torch.dtype, device: str, quant: str) -> PreTrainedModel:
    options = loading_options(quant, dtype, device)
    if options and getattr(_load(spec, AutoConfig.from_pretrained), "quantization_config", None):
        raise BaseModelError(f"the base '{_named(spec)}' is stored quantised already; leave --quant {quant} out")
    try:
        model, loading = _load(
            spec,
            AutoModelForCausalLM.from_pretrained,
            dtype=dtype,
            use_safetensors=True,
            low_cpu_mem_usage=True,
            output_loading_info=True,
            **options,
        )
    except BaseModelError as error:
        config_path = _file(spec, "config.json")
        damage = find_damage(config_path.parent) if config_path is not None else None
        if damage is None:
            raise
        again = "fetch it again" if spec.folder is not None else f"run 'hf download {spec.name} --force-download'"
        raise BaseModelError(f"the base '{_named(spec)}' cannot be loaded: {damage}; {again}") from error
    if loading["missing_keys"]:  # transformers would answer with random weights in their place
        missing = ", ".join(sorted(loading["missing_keys"]))
        raise BaseModelError(f"the base '{_named(spec)}' lacks weights: {one_line(missing, 120)}; fetch all its files")
    if not options:  # else it lies on its device already
        model.to(device)
    elif device == "cpu":
        settle_on_cpu(model)
    frozen: PreTrainedModel = model.eval().requires_grad_(False)
    return frozen


def quieten() -> None:
    """Keep the libraries' bars, hints and notices of renamed attributes off the person's screen."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft)\.")


def best_device() -> str:
    """`cuda` where a GPU is usable, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_device(asked: str) -> str:
    """`cpu` or `cuda`; `auto` is the GPU where there is one. Raises BaseModelError for a GPU that is not there."""
    if asked == "auto":
        return best_device()
    if asked == "cuda" and best_device() != "cuda":
        cuda = torch.version.cuda
        built, remedy = ("the CPU", "a CUDA build of torch") if cuda is None else (f"CUDA {cuda}", "its driver")
        raise BaseModelError(
            f"a GPU was asked for and torch sees none (torch {torch.__version__}, built for {built}); leave --device "
            f"out or install {remedy}"
        )
    if asked not in ("cpu", "cuda"):
        raise BaseModelError(f"there is no device '{one_line(asked, 40)}'; choose auto, cpu or cuda")
    return asked


def identify(spec: BaseSpec, tokenizer: PreTrainedTokenizerBase) -> BaseIdentity:
    """The identity of a loaded base, from its files: what a library's version adds in memory plays no part."""
    config_path = _file(spec, "config.json")
    if config_path is None:
        raise BaseModelError(f"the base '{_named(spec)}' has no config.json; fetch all its files")
    config = json.loads(config_path.read_bytes())
    vocabulary = _file(spec, "tokenizer.json")
    return BaseIdentity(
        name=spec.folder.name if spec.folder is not None else spec.name,
        revision=None if spec.folder is not None else extract_commit_hash(str(config_path), None) or spec.revision,
        config=fingerprint(json.dumps({k: v for k, v in config.items() if k not in _VOLATILE}, sort_keys=True)),
        tokenizer=fingerprint(
            vocabulary.read_bytes() if vocabulary is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
        ),
        template=fingerprint(str(tokenizer.chat_template)),
        weights=weights_fingerprint(config_path.parent),
    )


def _file(spec: BaseSpec, name: str) -> Path | None:
    """A small file of the base, in its folder or in the hub's cache, where a loaded base's files are."""
    path = cached_file(spec.source, name, revision=spec.revision or "main", _raise_exceptions_for_missing_entries=False)
    return Path(path) if path is not None else None


def _load(spec: BaseSpec, loader: Any, **options: Any) -> Any:
    try:
        return loader(
            spec.source, revision=spec.revision or "main", trust_remote_code=spec.trust_remote_code, **options
        )
    except Exception as error:  # files of strangers, read by several libraries, may raise anything
        raise BaseModelError(_reason(spec, error)) from error


def _reason(spec: BaseSpec, error: Exception) -> str:
    text, named = one_line(str(error), 240), _named(spec)
    if "trust_remote_code" in str(error):
        return (
            f"the base '{named}' wants to run code of its own; read that code, then add --trust-remote-code, "
            "or choose a base that transformers knows"
        )
    if spec.folder is not None:
        return f"the base in '{named}' cannot be loaded: {text}; give a folder with config, tokenizer and safetensors"
    return (
        f"the base '{named}' is neither a folder here nor to be had from the hub: {text}; check the spelling and the "
        f"network, or fetch it once with 'hf download {spec.name}' and work offline from then on"
    )


def _named(spec: BaseSpec) -> str:
    return one_line(spec.name if spec.revision is None else f"{spec.name}@{spec.revision}", 120)

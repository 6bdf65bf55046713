"""A base with a missing, damaged or incomplete file is one clear error, never random weights."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from roleplay.errors import BaseModelError
from roleplay.models.base import load_base
from roleplay.models.spec import parse_spec
from tests.models.test_load_base import edit_json
from tests.tiny import CONTEXT, load_tiny_base, tiny_llama


@pytest.fixture
def copy(base_folder: Path, tmp_path: Path) -> Path:
    """A base that the test may spoil."""
    return shutil.copytree(base_folder, tmp_path / "copy")


def cut(name: str, length: int) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:length])

    return spoil


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: [None, (folder / name).write_text(text)][0]


def change(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit_json(folder / "config.json", **changes)


DAMAGES = {
    "weights missing": lambda folder: (folder / "model.safetensors").unlink(),
    "weights of another shape": change(intermediate_size=65),
    "configuration cut": cut("config.json", 50),
    "configuration a list": write("config.json", "[]"),
    "configuration empty": write("config.json", "{}"),
    "architecture unknown": change(model_type="no-such-thing"),
    "text for a number": change(hidden_size="wide"),
    "no heads": change(num_attention_heads=0),
    "tokenizer missing": lambda folder: (folder / "tokenizer.json").unlink(),
    "tokenizer cut": cut("tokenizer.json", 1000),
    "tokenizer empty": write("tokenizer.json", "{}"),
    "tokenizer settings cut": cut("tokenizer_config.json", 20),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_base_is_a_named_error(damage: str, copy: Path) -> None:
    DAMAGES[damage](copy)

    with pytest.raises(BaseModelError) as caught:
        load_tiny_base(copy)

    message = str(caught.value)
    assert message.startswith(f"the base in '{copy}' cannot be loaded: ")
    assert message.endswith("; give a folder with config, tokenizer and safetensors")
    assert len(message) < 600
    assert "\n" not in message


INDEX = "model.safetensors.index.json"
SECOND = "model-00002-of-00003.safetensors"
DAMAGED_WEIGHTS = {
    "cut": (cut("model.safetensors", 5000), "model.safetensors is damaged or cut off at 5,000 bytes"),
    "empty": (cut("model.safetensors", 0), "model.safetensors is damaged or cut off at 0 bytes"),
    "shard cut": (cut(SECOND, 9000), f"{SECOND} is damaged or cut off at 9,000 bytes"),
    "shard missing": (lambda folder: (folder / SECOND).unlink(), f"{SECOND} is missing, and {INDEX} names it"),
    "index cut": (cut(INDEX, 100), f"{INDEX} is damaged"),
    "index a list": (write(INDEX, "[]"), f"{INDEX} is damaged"),
    "index of nothing": (write(INDEX, '{"weight_map": 3}'), f"{INDEX} is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGED_WEIGHTS)
def test_the_damaged_file_of_weights_is_named(
    damage: str, copy: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    if damage not in ("cut", "empty"):
        (copy / "model.safetensors").unlink()
        tiny_llama(chatml_tokenizer).save_pretrained(copy, max_shard_size="60KB")
        assert load_tiny_base(copy).context == CONTEXT
    spoil, said = DAMAGED_WEIGHTS[damage]
    spoil(copy)

    with pytest.raises(BaseModelError) as caught:
        load_tiny_base(copy)

    message = str(caught.value)
    assert message.startswith(f"the base '{copy}' cannot be loaded: {said}")
    assert message.endswith("; fetch it again")
    assert len(message) < 600
    assert "\n" not in message


def test_a_damaged_file_of_the_hub_is_fetched_again_by_a_command(
    base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "hub" / "models--someone--tiny" / "snapshots" / ("a" * 40)
    shutil.copytree(base_folder, stored)
    cut("model.safetensors", 5000)(stored)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    with pytest.raises(BaseModelError, match=r"cut off at 5,000 .*; run 'hf download someone/tiny --force-download'"):
        load_base(parse_spec(f"someone/tiny@{'a' * 40}"), device="cpu")


@pytest.mark.parametrize("lost", ["model.layers.1.self_attn.q_proj.weight", "lm_head.weight"])
def test_missing_weights_are_never_replaced_by_random_ones(lost: str, copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights[lost]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(BaseModelError, match=rf"the base '.*' lacks weights: {lost}; fetch all its files"):
        load_tiny_base(copy)


def test_tied_weights_are_not_missing_ones(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    edit_json(copy / "config.json", tie_word_embeddings=True)

    model = load_tiny_base(copy).model

    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from roleplay.errors import AdapterError
from roleplay.models.adapter import adapter_parameters, attach_new
from roleplay.models.targets import find_targets

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

LAYERS = 3
SMALL = {"vocab_size": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
NARROW = {"hidden_size": 32, "num_hidden_layers": LAYERS, "num_attention_heads": 4}
ROTARY = NARROW | {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 64}
OWN_HEADS = ROTARY | {"head_dim": 16}
SEPARATE = ("q_proj", "k_proj", "v_proj")
LLAMA_LIKE = "model.layers.{}.self_attn.{}"

# model type, its configuration, the names of q, k and v, where a layer keeps them
FAMILIES = [
    ("llama", ROTARY, SEPARATE, LLAMA_LIKE),
    ("mistral", ROTARY, SEPARATE, LLAMA_LIKE),
    ("qwen2", ROTARY, SEPARATE, LLAMA_LIKE),
    ("qwen3", OWN_HEADS, SEPARATE, LLAMA_LIKE),
    ("gemma", OWN_HEADS, SEPARATE, LLAMA_LIKE),
    ("glm4", OWN_HEADS, SEPARATE, LLAMA_LIKE),
    ("phi3", ROTARY, ("qkv_proj",), LLAMA_LIKE),
    (
        "opt",
        NARROW | {"ffn_dim": 48, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
        SEPARATE,
        "model.decoder.layers.{}.self_attn.{}",
    ),
    (
        "gpt2",
        {"n_embd": 32, "n_layer": LAYERS, "n_head": 4, "n_positions": 64},
        ("c_attn",),
        "transformer.h.{}.attn.{}",
    ),
    (
        "gpt_neox",
        NARROW | {"intermediate_size": 48, "max_position_embeddings": 64},
        ("query_key_value",),
        "gpt_neox.layers.{}.attention.{}",
    ),
    ("bloom", NARROW, ("query_key_value",), "transformer.h.{}.self_attention.{}"),
    ("falcon", NARROW, ("query_key_value",), "transformer.h.{}.self_attention.{}"),
]
EVERY_FAMILY = pytest.mark.parametrize(
    ("family", "shape", "names", "place"), FAMILIES, ids=[family for family, *_ in FAMILIES]
)


def make_model(family: str, shape: Mapping[str, Any]) -> PreTrainedModel:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SMALL, **shape)
    return AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)


def modules_of(names: tuple[str, ...], place: str) -> set[str]:
    return {place.format(layer, name) for layer in range(LAYERS) for name in names}


@EVERY_FAMILY
def test_every_layer_of_a_family_gives_its_q_k_and_v(
    family: str, shape: Mapping[str, Any], names: tuple[str, ...], place: str
) -> None:
    targets = find_targets(make_model(family, shape))

    assert targets.names == names
    assert set(targets.modules) == modules_of(names, place)
    assert len(targets.modules) == LAYERS * len(names)
    assert targets.layers == LAYERS
    assert targets.fan_in_fan_out == (family == "gpt2")
    assert str(targets) == f"{', '.join(names)} of all 3 layers ({LAYERS * len(names)} modules)"


@EVERY_FAMILY
def test_a_new_adapter_sits_on_exactly_q_k_and_v_and_speaks_when_trained(
    family: str, shape: Mapping[str, Any], names: tuple[str, ...], place: str
) -> None:
    model = make_model(family, shape)
    ids = torch.arange(3, 15).view(2, 6)
    untouched = model(ids).logits

    tuned, _ = attach_new(model, rank=2, alpha=4, dropout=0)

    wearing = {
        name.removeprefix("base_model.model.") for name, module in tuned.named_modules() if hasattr(module, "lora_A")
    }
    trainable = {name: parameter for name, parameter in tuned.named_parameters() if parameter.requires_grad}
    assert wearing == modules_of(names, place)
    assert all("lora_A" in name or "lora_B" in name for name in trainable)
    assert len(trainable) == 2 * LAYERS * len(names)
    assert adapter_parameters(tuned) == sum(parameter.numel() for parameter in trainable.values())
    assert torch.equal(tuned(ids).logits, untouched), "a fresh adapter says what the base says"
    with torch.no_grad():
        for name, parameter in trainable.items():
            if "lora_B" in name:
                parameter.fill_(0.5)
    assert not torch.allclose(tuned(ids).logits, untouched, atol=1e-3)
    with tuned.disable_adapter():
        assert torch.equal(tuned(ids).logits, untouched)


def test_a_model_with_one_layer_less_is_refused_with_what_was_found() -> None:
    model = make_model("llama", ROTARY)
    model.model.layers[1].self_attn.v_proj = nn.Identity()

    with pytest.raises(AdapterError) as caught:
        attach_new(model, rank=2, alpha=4, dropout=0)

    assert "cannot find q, k and v in every layer of a llama model" in str(caught.value)
    assert "q_proj/k_proj/v_proj in 2 of 3 layers" in str(caught.value)
    assert "use a base whose attention has q, k and v projections" in str(caught.value)


def test_a_model_without_attention_is_refused_with_the_names_of_its_modules() -> None:
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4, "time_step_rank": 4}

    with pytest.raises(AdapterError, match=r"a mamba model \(none found; .*dt_proj, in_proj.*x_proj\)"):
        find_targets(make_model("mamba", shape))


def test_a_projection_outside_the_layers_is_not_trained_unseen() -> None:
    model = make_model("llama", ROTARY)
    model.model.q_proj = nn.Linear(32, 32)

    with pytest.raises(AdapterError, match=r"not sit on exactly q, k and v \(differing: model\.q_proj\)"):
        attach_new(model, rank=2, alpha=4, dropout=0)


def test_a_second_adapter_on_one_model_is_refused() -> None:
    model = make_model("llama", ROTARY)
    attach_new(model, rank=2, alpha=4, dropout=0)

    with pytest.raises(AdapterError, match="base_layer"):
        find_targets(model)

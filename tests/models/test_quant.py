"""A base kept in 8 or 4 bits is trained on, answers in lanes and takes adapters as an ordinary one does."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import tree_of
from roleplay.errors import BaseModelError
from roleplay.measures.likelihood import pad_right, token_losses, tree_losses
from roleplay.models.adapter import PERSONA, attach_new, load_adapter
from roleplay.models.base import Base, load_base
from roleplay.models.spec import parse_spec
from roleplay.models.targets import find_targets
from roleplay.training.batching import gradient
from tests.models.test_load_base import edit_json
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base, tiny_llama

QUANTS = ["int8", "nf4"]
KINDS = {"int8": "Linear8bitLt", "nf4": "Linear4bit"}
PREFIX = tuple(range(5, 25))
SAMPLES = [
    Sample((*PREFIX, *rest), (False,) * len(PREFIX) + (True,) * len(rest), ((20, 20 + len(rest)),), 3)
    for rest in ((30, 31, 32, 33), (30, 31, 40), (50, 51, 52, 53, 54, 55))
]
PROMPTS = [[*PREFIX, 7, 8, 9], [11, 12, 13, 14]]


@pytest.fixture(scope="module")
def wide_folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base whose layers are as wide as 4 bits need on a CPU; read only."""
    folder = tmp_path_factory.mktemp("bases") / "wide"
    config = tiny_llama(chatml_tokenizer).config
    config.update({"hidden_size": 64, "intermediate_size": 128, "head_dim": 32, "initializer_range": 0.2})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    chatml_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def wide_adapter(tmp_path_factory: pytest.TempPathFactory, wide_folder: Path) -> Path:
    """An adapter trained on `wide_folder` as it is; read only."""
    return save_tiny_adapter(wide_folder, tmp_path_factory.mktemp("adapters") / "mimi", 0)


def load_quantised(folder: Path, quant: str, dtype: torch.dtype = torch.float32) -> Base:
    return load_base(parse_spec(str(folder)), dtype=dtype, device="cpu", quant=quant)


def tuned_on(base: Base) -> Any:
    """A new adapter with random weights, learning."""
    tuned, _ = attach_new(base.model, rank=4, alpha=8.0, dropout=0.0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in sorted(tuned.named_parameters()):
            if "lora_" in name:
                weight.normal_(0, 0.1, generator=generator)
    return tuned.train()


def rows_loss(tuned: Any) -> torch.Tensor:
    return token_losses(tuned, pad_right(SAMPLES, 0)).sum()


def logits(model: Any, prompts: Sequence[Sequence[int]], **options: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=torch.tensor(prompts), **options).logits
    return found


@pytest.mark.parametrize("quant", QUANTS)
def test_weights_take_less_memory_and_do_nearly_what_the_whole_ones_do(quant: str, wide_folder: Path) -> None:
    whole, small = load_tiny_base(wide_folder), load_quantised(wide_folder, quant)
    layers = [base.model.model.layers.state_dict() for base in (whole, small)]
    bytes_of = [sum(part.nbytes for name, part in layer.items() if name.endswith("proj.weight")) for layer in layers]
    assert bytes_of[1] == bytes_of[0] // {"int8": 4, "nf4": 8}[quant]
    assert not any(parameter.requires_grad for parameter in small.model.parameters())
    assert not small.model.training
    given = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted, found = (base.model.model.layers[1].self_attn.k_proj(given) for base in (whole, small))
    assert 0 < (found - wanted).norm() < {"int8": 0.02, "nf4": 0.15}[quant] * wanted.norm()


@pytest.mark.parametrize("quant", QUANTS)
def test_the_base_is_the_same_one_to_its_adapters(quant: str, wide_folder: Path, wide_adapter: Path) -> None:
    base = load_quantised(wide_folder, quant)
    assert base.identity == load_tiny_base(wide_folder).identity
    alone = logits(base.model, PROMPTS[:1])
    tuned = load_adapter(base, wide_adapter)
    assert (logits(tuned, PROMPTS[:1]) - alone).norm() > 0.1 * alone.norm()


@pytest.mark.parametrize("quant", QUANTS)
def test_q_k_and_v_of_every_layer_are_found(quant: str, wide_folder: Path) -> None:
    model = load_quantised(wide_folder, quant).model
    targets = find_targets(model)
    assert targets == find_targets(load_tiny_base(wide_folder).model)
    assert {type(model.get_submodule(name)).__name__ for name in targets.modules} == {KINDS[quant]}


@pytest.mark.parametrize("quant", QUANTS)
def test_an_adapter_learns_on_it(quant: str, wide_folder: Path) -> None:
    tuned = tuned_on(load_quantised(wide_folder, quant))
    trained = [parameter for parameter in tuned.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = rows_loss(tuned)
        loss.backward()
        assert all(part.grad is not None and part.grad.isfinite().all() and part.grad.any() for part in trained)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("quant", QUANTS)
def test_gradients_are_the_same_after_an_evaluation(quant: str, wide_folder: Path) -> None:
    tuned = tuned_on(load_quantised(wide_folder, quant))
    before = gradient(tuned, lambda: rows_loss(tuned))
    tuned.eval()
    with torch.inference_mode():
        rows_loss(tuned)
    tuned.train()
    assert torch.equal(gradient(tuned, lambda: rows_loss(tuned)), before)


@pytest.mark.parametrize(
    ("quant", "dtype", "allowed"),
    [("nf4", torch.float32, 1e-5), ("nf4", torch.bfloat16, 0.1), ("int8", torch.float32, 1e-5)],
)
def test_the_tree_of_a_step_has_the_loss_and_gradient_of_its_rows(
    quant: str, dtype: torch.dtype, allowed: float, wide_folder: Path
) -> None:
    tuned = tuned_on(load_quantised(wide_folder, quant, dtype))
    rows = gradient(tuned, lambda: rows_loss(tuned))
    tuned.set_attn_implementation("tree_grouped")
    tree = gradient(tuned, lambda: tree_losses(tuned, tree_of(SAMPLES)).sum())
    assert (tree - rows).norm() <= allowed * rows.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_4_bits_are_kept_as_fsdp_wants_them(dtype: torch.dtype, wide_folder: Path) -> None:
    model = load_quantised(wide_folder, "nf4", dtype).model
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    layer = model.model.layers[0].self_attn.q_proj
    assert (layer.compute_dtype, layer.weight.quant_type, layer.weight.quant_state.nested) == (dtype, "nf4", True)


@pytest.mark.parametrize("quant", QUANTS)
def test_lanes_share_it_and_the_base_lane_is_the_base_alone(quant: str, wide_folder: Path, wide_adapter: Path) -> None:
    prompts = torch.tensor([PROMPTS[1]] * 2)
    alone = load_quantised(wide_folder, quant).model
    tuned = load_adapter(load_quantised(wide_folder, quant), wide_adapter)
    names = {"adapter_names": [PERSONA, "__base__"]}
    assert torch.equal(logits(tuned, prompts.tolist(), **names)[1], logits(alone, prompts.tolist())[1])
    options: dict[str, Any] = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    with torch.inference_mode():
        both = tuned.generate(input_ids=prompts, attention_mask=torch.ones_like(prompts), **options, **names)
        base = alone.generate(input_ids=prompts, attention_mask=torch.ones_like(prompts), **options)
    assert both[1].tolist() == base[1].tolist()
    assert both[0].tolist() != base[0].tolist()


def test_without_bitsandbytes_the_error_names_it_and_the_way_out(
    base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(BaseModelError) as caught:
        load_quantised(base_folder, "nf4")
    assert str(caught.value) == (
        "a base kept in nf4 needs bitsandbytes, which cannot be used here (import of bitsandbytes halted; None in "
        "sys.modules); install it with 'pip install bitsandbytes', or leave --quant out"
    )


def test_a_base_that_is_stored_quantised_is_not_quantised_again(
    tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    folder = save_tiny_base(tmp_path / "base", chatml_tokenizer)
    edit_json(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(BaseModelError, match=r"is stored quantised already; leave --quant int8 out"):
        load_quantised(folder, "int8")


def test_layers_that_a_cpu_reads_wrongly_in_4_bits_are_refused(base_folder: Path) -> None:
    with pytest.raises(BaseModelError, match=r"multiple of 64 wide, and this base has one of 32; choose --quant int8"):
        load_quantised(base_folder, "nf4")


def test_an_unknown_way_to_keep_a_base_is_a_named_error(base_folder: Path) -> None:
    with pytest.raises(BaseModelError, match=r"cannot be kept in 'int3'; choose one of none, int8, nf4"):
        load_quantised(base_folder, "int3")

"""Random bases are whole, frozen, of the sizes that their names say, and packed where asked."""

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from roleplay.dataset.render import make_renderer
from roleplay.models.adapter import attach_new
from roleplay.models.base import load_tokenizer
from roleplay.models.spec import parse_spec
from tests.bench.gpu.shapes import folder_of, make_base, tokenizer_name


@pytest.mark.parametrize("shape", ["tiny", "tiny-fused"])
def test_a_base_is_as_its_architecture_begins(shape: str) -> None:
    base = make_base(shape, device="cpu", dtype=torch.float32)
    torch.manual_seed(1)
    expected = AutoModelForCausalLM.from_config(base.model.config)
    state, other = base.model.state_dict(), expected.state_dict()
    assert state.keys() == other.keys()
    for name, weight in state.items():
        assert weight.dtype == torch.float32
        torch.testing.assert_close(weight.std(), other[name].std(), rtol=0.3, atol=1e-6, msg=name)
        torch.testing.assert_close(weight.mean(), other[name].mean(), rtol=0, atol=0.01, msg=name)
    for name, buffer in base.model.named_buffers():
        assert torch.equal(buffer, expected.get_buffer(name)), name
    assert not base.model.training
    assert not any(weight.requires_grad for weight in base.model.parameters())
    head, embedding = base.model.get_output_embeddings(), base.model.get_input_embeddings()
    assert (head.weight is embedding.weight) == base.model.config.tie_word_embeddings
    assert base.identity.name == shape


def test_a_base_is_the_same_each_time_and_leaves_the_numbers_of_others_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    one, other = (make_base("tiny", device="cpu", dtype=torch.bfloat16).model.state_dict() for _ in range(2))
    assert torch.equal(torch.rand(1), wanted)
    assert all(torch.equal(one[name], other[name]) and one[name].dtype == torch.bfloat16 for name in one)


@pytest.mark.parametrize("shape", ["tiny", "tiny-fused"])
def test_a_packed_base_learns_and_keeps_its_head_whole(shape: str) -> None:
    base = make_base(shape, device="cpu", dtype=torch.float32, quant="nf4")
    linears = [part for part in base.model.modules() if isinstance(part, torch.nn.Linear)]
    packed = [part for part in linears if type(part).__name__ == "Linear4bit"]
    assert [part for part in linears if part not in packed] == [base.model.get_output_embeddings()]
    assert all(part.weight.numel() * 8 == part.in_features * part.out_features for part in packed)
    tuned, targets = attach_new(base.model, rank=2, alpha=4, dropout=0.0)
    assert type(tuned.get_submodule(f"base_model.model.{targets.modules[0]}")).__name__ == "Linear4bit"
    ids = torch.tensor([[5, 6, 7]])
    tuned(input_ids=ids, labels=ids).loss.backward()
    learned = [weight.grad.abs().sum() for name, weight in tuned.named_parameters() if "lora_B" in name]
    assert len(learned) == len(targets.modules)
    assert all(0 < slope < float("inf") for slope in learned)


@pytest.mark.parametrize(
    ("shape", "weights"),
    [("qwen2.5-0.5b", 0.494), ("qwen3-4b", 4.022), ("qwen2.5-7b", 7.616), ("chatglm-6b", 6.708)],
)
def test_shapes_of_real_bases_have_as_many_weights_as_those(
    shape: str, weights: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLEPLAY_SHARED", str(tmp_path))  # without third-party fixtures
    assert tokenizer_name(shape) == "pocket"
    folder = folder_of.__wrapped__(shape)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    assert model.num_parameters() / 1e9 == pytest.approx(weights, abs=5e-4)
    assert len(load_tokenizer(parse_spec(str(folder)))) <= model.config.vocab_size


def test_texts_are_cut_by_the_tokenizer_of_qwen_where_it_is_and_it_can_be_talked_with(shared: Path) -> None:
    assert (tokenizer_name("chatglm-6b"), tokenizer_name("tiny")) == ("qwen2", "pocket")
    spec = parse_spec(str(folder_of("chatglm-6b")))
    renderer = make_renderer(load_tokenizer(spec))
    assert renderer.count("结衣，还没回家？") < 10
    assert max(renderer.tokenizer.get_vocab().values()) < AutoConfig.from_pretrained(spec.folder).vocab_size
    assert renderer.traits.takes_system
    assert renderer.traits.end_of_turn == "<|im_end|>"

"""What an adapter changes, against a computation by hand."""

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from roleplay.dataset.sample import Sample, sample_with
from roleplay.measures import divergence
from roleplay.measures.divergence import divergences

SAMPLES = [
    sample_with([5, 6, 7, 8, 9], [(2, 5)], 3),
    sample_with([1, 2, 3], [(1, 3)], 2),
    sample_with([4, 4, 9, 1, 7, 7, 2], [(1, 2), (4, 7)], 9),
]


@pytest.fixture
def tuned() -> PeftModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=11, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2
    )
    model = get_peft_model(LlamaForCausalLM(config).eval(), LoraConfig(r=2, target_modules=["q_proj", "v_proj"]))
    assert isinstance(model, PeftModel)
    return model


def shake(tuned: PeftModel) -> None:
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=2.0)


def by_hand(tuned: PeftModel, sample: Sample) -> list[float]:
    """One position after the other, in double precision."""
    ids = torch.tensor([sample.ids])
    with torch.no_grad():
        persona = tuned(ids).logits[0].double().log_softmax(-1)
        with tuned.disable_adapter():
            base = tuned(ids).logits[0].double().log_softmax(-1)
    sums = [0.0, 0.0, 0.0]
    for at in range(1, len(sample.ids)):
        if sample.trained[at]:
            sums[0] -= float(base[at - 1, sample.ids[at]])
            sums[1] -= float(persona[at - 1, sample.ids[at]])
            sums[2] += float((base[at - 1].exp() * (base[at - 1] - persona[at - 1])).sum())
    return sums


@pytest.mark.parametrize("at_once", [divergence._AT_ONCE, 40])
def test_losses_and_kl_are_those_computed_by_hand(
    tuned: PeftModel, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    shake(tuned)
    monkeypatch.setattr(divergence, "_AT_ONCE", at_once)

    found = divergences(tuned, SAMPLES, pad=0)

    for one, sample in zip(found, SAMPLES, strict=True):
        assert [one.base, one.persona, one.kl] == pytest.approx(by_hand(tuned, sample), rel=1e-4)
        assert one.tokens == sample.trained_tokens
        assert one.kl > 1e-3


def test_an_adapter_of_zeros_moves_nothing(tuned: PeftModel) -> None:
    for one in divergences(tuned, SAMPLES, pad=0):
        assert one.kl == 0
        assert one.base == one.persona

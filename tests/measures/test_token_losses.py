"""The one loss equals the model's own, though it computes logits only where something is trained."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from roleplay.dataset.sample import Sample
from roleplay.measures.likelihood import pad_right, token_losses
from tests.tiny import tiny_llama

SAMPLES = [
    Sample((5, 6, 7, 8, 9, 10), (False, False, True, True, False, True), ((2, 4), (5, 6)), 3),
    Sample((5, 6, 7), (False, False, True), ((2, 3),), 1),
    Sample((5, 6, 20, 21), (False, False, False, True), ((3, 4),), 1),
]


class WithoutTheOption(torch.nn.Module):
    """A model of an older family: its forward takes no `logits_to_keep`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.device = model, model.device

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, use_cache: bool) -> Any:
        return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=use_cache)


@pytest.mark.parametrize("wrap", [lambda model: model, WithoutTheOption])
def test_loss_and_gradient_are_those_of_the_model_itself(chatml_tokenizer: PreTrainedTokenizerFast, wrap: Any) -> None:
    model = tiny_llama(chatml_tokenizer)
    batch = pad_right(SAMPLES, 0)
    own = model(**batch, use_cache=False).loss * 5
    own.backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    losses = token_losses(wrap(model), batch)
    losses.sum().backward()
    assert losses.shape[0] == 3
    assert int((losses > 0).sum()) == 5
    assert float(losses.detach().sum()) == pytest.approx(float(own.detach()), rel=1e-5)
    for name, parameter in model.named_parameters():
        assert (parameter.grad - expected[name]).norm() <= 1e-5 * expected[name].norm(), name


def test_logits_are_computed_only_where_a_row_has_a_label(chatml_tokenizer: PreTrainedTokenizerFast) -> None:
    model = tiny_llama(chatml_tokenizer)
    shapes = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[:2])))
    token_losses(model, pad_right(SAMPLES, 0))
    assert shapes == [(3, 3)]


class Fixed(torch.nn.Module):
    """A model whose logits are what they are."""

    device = torch.device("cpu")

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, input_ids: torch.Tensor, logits_to_keep: torch.Tensor, **options: Any) -> Any:
        return SimpleNamespace(logits=self.logits[:, logits_to_keep])


def test_over_a_large_vocabulary_a_loss_is_exact_to_the_precision_of_float32() -> None:
    ids = tuple(range(200))
    logits = 4 * torch.randn(1, 200, 8192, generator=torch.Generator().manual_seed(0))
    batch = pad_right([Sample(ids, (False,) + (True,) * 199, ((1, 200),), 1)], 0)
    exact = torch.nn.functional.cross_entropy(logits[0, :-1].double(), torch.tensor(ids[1:]), reduction="none")
    losses = token_losses(Fixed(logits), batch)
    assert (losses[0] - exact).abs().max() < 5e-6

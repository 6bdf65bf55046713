"""Keys and values that grow in place are those of the library's own layer, and nobody else's are touched."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.cache_utils import DynamicLayer

from roleplay.generation.growing import GrowingLayer


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6), st.integers(0, 9))
def test_it_holds_what_the_librarys_layer_holds(lengths: list[int], known: int) -> None:
    layers = [GrowingLayer(), DynamicLayer()]
    begun = torch.randn(2, 1, known, 3)
    kept = begun.clone()
    if known:
        for layer in layers:
            layer.lazy_initialization(begun, begun)
            layer.keys, layer.values = begun, begun
    for length in lengths:
        keys, values = torch.randn(2, 1, length, 3), torch.randn(2, 1, length, 3)
        (mine, library) = [layer.update(keys, values) for layer in layers]
        assert all(torch.equal(one, other) for one, other in zip(mine, library, strict=True))
    assert layers[0].get_seq_length() == layers[1].get_seq_length() == known + sum(lengths)
    assert torch.equal(begun, kept), "what it began with may belong to a row that is kept"


@pytest.mark.parametrize("tokens", [1, 300])
def test_a_new_token_is_written_and_the_old_ones_stay_where_they_are(tokens: int) -> None:
    layer = GrowingLayer()
    first, _ = layer.update(torch.zeros(1, 1, tokens, 2), torch.zeros(1, 1, tokens, 2))
    second, _ = layer.update(torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 2))
    assert first.data_ptr() == second.data_ptr()

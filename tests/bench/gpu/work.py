"""The useful work of an optimizer step: what no way of computing it can do without."""

from collections.abc import Sequence
from typing import Any

import torch

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import TokenTree, tree_of
from tests.bench.training.case import visible_pairs


def work_of(samples: Sequence[Sample], model: Any, *, shared: bool) -> int:
    """Floating-point operations of a step: those of its distinct tokens where they are `shared`, else of every token.

    4 for each weight of a linear layer and token, that of the head where something is predicted; 12 for each visible
    pair, layer and number of the heads' width. Padding, LoRA, norms and layers computed again count as nothing.
    `model` has no adapter on it.
    """
    trees = [tree_of(samples)] if shared else [tree_of([sample]) for sample in samples]
    return sum(_work(tree, model) for tree in trees)


def _work(tree: TokenTree, model: Any) -> int:
    config, head = model.config.get_text_config(), model.get_output_embeddings()
    linears = [part for part in model.modules() if isinstance(part, torch.nn.Linear) and part is not head]
    weights = sum(part.in_features * part.out_features for part in linears)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    predicted = len(set(tree.predicts.tolist()))
    products = weights * len(tree.ids) + head.in_features * head.out_features * predicted
    return 4 * products + 12 * config.num_hidden_layers * config.num_attention_heads * width * visible_pairs(tree)

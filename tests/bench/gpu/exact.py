"""How exact a tree is: its loss and gradient against those of padded rows, beside what rows themselves round away."""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

import roleplay.models.tree_attention  # noqa: F401  registers itself
from roleplay.dataset.render import make_renderer
from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import tree_of
from roleplay.measures.likelihood import pad_right, token_losses, tree_losses
from roleplay.models.tree_plan import DENSE, FLEX, GROUPED
from roleplay.text import one_line
from roleplay.training.batching import attend_to_trees, gradient, in_float32
from tests.bench.gpu.device import Options
from tests.bench.gpu.material import step_samples, write_card
from tests.bench.gpu.results import open_results
from tests.bench.gpu.shapes import make_base, tokenizer_name
from tests.bench.gpu.tables import show
from tests.bench.training.case import SAMPLES_A_STEP
from tests.bench.training.contenders import attach_first

NOTE = (
    "Relative differences to padded rows in float32, TF32 off, of the same weights and 16 samples. In bfloat16 padded "
    "rows differ from that too: `x rounding` is how many times as far off a tree is."
)
EXACT = 1e-5
"""Of the gradient in float32."""
ROUNDING = 2.0
"""Times what padded rows round away."""
TREES = (FLEX, GROUPED, DENSE)
_ROWS = "padded rows"
_RANK = 8


def run(options: Options) -> None:
    """Make the table; each row is written as soon as it is known."""
    results = open_results("exact", options, ("base", "prefix", "products", "way"))
    for shape in options.shapes or ("qwen2.5-0.5b",):
        base = make_base(shape, device=options.device, dtype=torch.bfloat16)
        tuned = attach_first(base, _RANK)
        for prefix in options.prefixes or (200,):
            with tempfile.TemporaryDirectory() as folder:
                renderer = make_renderer(base.tokenizer)
                card = write_card(Path(folder), renderer, prefix=prefix, samples=SAMPLES_A_STEP)
                samples = step_samples(card, renderer, 1)
            for row in compare(tuned, samples, int(base.tokenizer.pad_token_id), options.wants):
                print(f"{shape}  {row['products']}  {row['way']}", file=sys.stderr, flush=True)
                results.add({"base": shape, "prefix": prefix} | row | {"_tokenizer": tokenizer_name(shape)})
        tuned.unload()
    show(results)


def compare(
    tuned: Any, samples: Sequence[Sample], pad: int, wants: Callable[[str], bool] = lambda name: True
) -> Iterator[dict[str, Any]]:
    """A row for each tree in float32, then for padded rows and each tree in bfloat16, which the weights are kept in."""

    def rows() -> torch.Tensor:
        tuned.set_attn_implementation("sdpa")
        return token_losses(tuned, pad_right(samples, pad)).sum()

    def nodes(tree: str) -> Callable[[], torch.Tensor]:
        def loss() -> torch.Tensor:
            attend_to_trees(tuned, tree)
            return tree_losses(tuned, tree_of(samples)).sum()

        return loss

    trees = {tree: nodes(tree) for tree in TREES if wants(tree)}
    try:
        with _whole_products(), in_float32(tuned):
            exact = gradient(tuned, rows)
            for tree, loss in trees.items():
                yield _row("float32", tree, loss, tuned, exact, None)
        with torch.autocast(tuned.device.type, torch.bfloat16):
            padded = _row("bfloat16", _ROWS, rows, tuned, exact, None)
            yield padded
            for tree, loss in trees.items():
                yield _row("bfloat16", tree, loss, tuned, exact, padded["gradient"])
    finally:
        tuned.set_attn_implementation("sdpa")


def _row(
    products: str,
    way: str,
    loss: Callable[[], torch.Tensor],
    tuned: Any,
    exact: torch.Tensor,
    rounding: float | None,
) -> dict[str, Any]:
    """`rounding` is how far padded rows in the same format are off."""
    row = {"products": products, "way": way, "loss": None, "gradient": None, "x rounding": None, "remarks": ""}
    try:
        found = gradient(tuned, loss)
    except Exception as error:  # a kernel may raise anything; the other rows go on
        return row | {"remarks": f"{type(error).__name__}: {one_line(str(error), 120)}"}
    off = float((found[1:] - exact[1:]).norm() / exact[1:].norm())
    row |= {"loss": float((found[0] - exact[0]).abs() / exact[0].abs()), "gradient": off}
    if products == "float32":
        row["remarks"] = f"<= {EXACT:g}: {'met' if off <= EXACT else 'MISSED'}"
    elif rounding is not None:
        row |= {"x rounding": off / rounding}
        row["remarks"] = f"<= {ROUNDING:g} x rounding: {'met' if off <= ROUNDING * rounding else 'MISSED'}"
    return row


@contextlib.contextmanager
def _whole_products() -> Iterator[None]:
    """Products of float32 are not rounded to TF32."""
    former = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(former)

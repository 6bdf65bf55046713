"""What a race means: speeds, ratios, memory, shares, and whether all computed the same loss."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from roleplay.dataset.tree import TokenTree
from tests.bench.training.case import SAMPLES_A_STEP, Case, step_tree, visible_pairs
from tests.bench.training.contenders import TITLES
from tests.bench.training.race import Outcome

BARS = {
    ("float32", 64): (1.9, 2.2),
    ("float32", 200): (2.9, 3.5),
    ("float32", 600): (5.0, 6.0),
    ("float32", 1000): (5.3, 7.0),
    ("bfloat16", 64): (1.9, 2.2),
    ("bfloat16", 200): (2.7, 3.3),
}
"""Samples a second against TRL padded on the reference shape with one prefix: bar and goal."""
SHARES = {"float32": (0.60, 0.60), "bfloat16": (0.35, 0.50)}
"""Share of the measured rate of matrix products: bar and goal."""
TRAINER_AT_MOST = 0.05
_LOSS = {"float32": 1e-5, "bfloat16": 5e-3}
_GRADIENT = {"float32": 1e-3, "bfloat16": 0.1}
"""Relative differences that rounding may make."""
_ORACLE = ("padded", "loop", "tree")


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of a step as a tree: 4 for each frozen parameter and distinct token."""

    products: int
    """Of the linear layers, and of the head where something is predicted."""
    attention: int
    """Of scores and sums: 12 for each visible pair and number of a head's width, forwards and backwards."""


def flops_of(tree: TokenTree, config: Any) -> Flops:
    """Count them for a Llama or Qwen2 configuration; LoRA, norms and everything else count as nothing."""
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads, keys, hidden = config.num_attention_heads, config.num_key_value_heads, config.hidden_size
    layer = 2 * hidden * heads * width + 2 * hidden * keys * width + 3 * hidden * config.intermediate_size
    head = config.vocab_size * hidden * len(set(tree.predicts.tolist()))
    return Flops(
        4 * (config.num_hidden_layers * layer * len(tree.ids) + head),
        12 * config.num_hidden_layers * heads * width * visible_pairs(tree),
    )


def different_losses(case: Case, outcomes: Sequence[Outcome]) -> list[str]:
    """Contenders that computed something else than the first of `_ORACLE`; empty where all agree."""
    by_name = {outcome.name: outcome for outcome in outcomes if outcome.loss is not None}
    oracle = next((by_name[name] for name in _ORACLE if name in by_name), None)
    found = []
    for outcome in by_name.values():
        difference = gradient_difference(outcome, oracle)
        if oracle is None or oracle.loss is None or outcome.loss is None or difference is None:
            continue
        off = abs(outcome.loss - oracle.loss) / oracle.loss
        if off > _LOSS[case.dtype] or difference > _GRADIENT[case.dtype]:
            found.append(
                f"{TITLES[outcome.name]}: loss {outcome.loss:.6f}, that of {TITLES[oracle.name]} is "
                f"{oracle.loss:.6f}; its gradient differs by {difference:.1e}"
            )
    return found


def gradient_difference(outcome: Outcome, oracle: Outcome | None) -> float | None:
    """Relative, of the whole gradient."""
    if oracle is None or outcome.gradient is None or oracle.gradient is None:
        return None
    return float((outcome.gradient - oracle.gradient).norm() / oracle.gradient.norm())


def result_of(case: Case, outcomes: Sequence[Outcome], config: Any) -> dict[str, Any]:
    """Everything about one case as plain values."""
    by_name = {outcome.name: outcome for outcome in outcomes}
    rival = next((o for o in outcomes if o.name in ("trl", "trl-16") and o.seconds), None)
    oracle = next((by_name[n] for n in _ORACLE if n in by_name and by_name[n].gradient is not None), None)
    tree, products = by_name.get("tree"), by_name.get("products")
    token_tree = step_tree(case)
    result: dict[str, Any] = {
        "case": case.__dict__,
        "tokens_of_tree": len(token_tree.ids),
        "tokens_padded": SAMPLES_A_STEP * (int(token_tree.position.max()) + 1),
        "contenders": {o.name: _row(o, rival, oracle) for o in outcomes if o.name != "products"},
        "different": different_losses(case, outcomes),
    }
    if tree and tree.seconds and (loop := by_name.get("loop")) and loop.seconds:
        result["trainer_cost"] = _ratio(tree.seconds, loop.seconds) - 1
    if tree and tree.seconds and products and products.seconds:
        flops = flops_of(token_tree, config)
        rate = [flops.products / seconds for seconds in products.seconds]
        done = [(flops.products + flops.attention) / seconds for seconds in tree.seconds]
        result["gigaflops_of_products"] = statistics.median(rate) / 1e9
        result["share_of_rate"] = _ratio(done, rate)
    return result


def _row(outcome: Outcome, rival: Outcome | None, oracle: Outcome | None) -> dict[str, Any]:
    against = rival.seconds if rival and len(rival.seconds) == len(outcome.seconds) else None
    return {
        "seconds_a_step": outcome.seconds,
        "turns": [asdict(turn) for turn in outcome.turns],
        "samples_a_second": SAMPLES_A_STEP / statistics.median(outcome.seconds) if outcome.seconds else None,
        "against_trl": _ratio(against, outcome.seconds) if against else None,
        "peak_bytes": outcome.peak,
        "added_bytes": outcome.added,
        "loss": outcome.loss,
        "gradient_difference": gradient_difference(outcome, oracle),
        "failed": outcome.failed,
        "tried_seconds": outcome.slower,
    }


def _ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """Median of the ratios of the rounds: both met the same moments of the machine."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def lines_of(result: dict[str, Any]) -> list[str]:
    """The table of one case, as text."""
    case = Case(**result["case"])
    lines = [
        f"{case.title}: {result['tokens_of_tree']} tokens as a tree, {result['tokens_padded']} padded, "
        f"LoRA rank {case.rank}, {case.threads} threads",
        f"  {'':38} samples/s  s/step  x TRL  peak MB steps MB      loss  gradient",
    ]
    for name, row in result["contenders"].items():
        lines.append(f"  {TITLES[name]:38} {_cells(row)}")
    if "share_of_rate" in result:
        bar, goal = SHARES[case.dtype]
        lines.append(
            f"  trees reach {result['share_of_rate']:.0%} of the {result['gigaflops_of_products']:.0f} GFLOP/s of "
            f"matrix products alone, attention counted (bar {bar:.0%}, goal {goal:.0%})"
        )
    if "trainer_cost" in result:
        lines.append(
            f"  the Trainer around it costs {result['trainer_cost']:+.1%} (bar: at most {TRAINER_AT_MOST:.0%})"
        )
    if bars := BARS.get((case.dtype, case.prefix)) if (case.model, case.openings) == ("reference", "one") else None:
        lines.append(f"  trees against TRL: bar {bars[0]}, goal {bars[1]}")
    return lines + [f"  NOT THE SAME LOSS: {text}" for text in result["different"]]


def _cells(row: dict[str, Any]) -> str:
    if row["failed"]:
        return f"failed: {row['failed']}"
    if row["tried_seconds"]:
        return f"tried with one step, {row['tried_seconds']:.1f} s: slower, left out"

    def cell(value: float | None, width: int, form: str, unit: float = 1) -> str:
        return f"{'-' if value is None else format(value / unit, form):>{width}}"

    speed = row["samples_a_second"]
    return " ".join(
        [
            cell(speed, 9, ".2f"),
            cell(SAMPLES_A_STEP / speed if speed else None, 7, ".2f"),
            cell(row["against_trl"], 6, ".2f"),
            cell(row["peak_bytes"], 8, ".0f", 1e6),
            cell(row["added_bytes"], 8, ".0f", 1e6),
            cell(row["loss"], 9, ".5f"),
            cell(row["gradient_difference"], 9, ".0e"),
        ]
    )

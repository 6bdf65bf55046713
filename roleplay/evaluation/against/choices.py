"""Whether both adapters agree with what people chose, on pairs that none was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

from roleplay.corpora.pairs import Pair
from roleplay.dataset.unit import Voice
from roleplay.evaluation.against.comparison import Figure
from roleplay.evaluation.against.paired import Item, Items, difference, figure_of
from roleplay.evaluation.asking import Tell
from roleplay.evaluation.lane_model import as_lane
from roleplay.evaluation.notebook import Notebook
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.preference.pair_scores import PairNats, pair_nats, pair_samples, step

_AT_ONCE = 32
"""Pairs between two notes."""
_LANE = "persona+prefix"


@dataclass(frozen=True)
class Scored:
    """Pairs that fit the context, with what both adapters make of them."""

    pairs: Sequence[Pair]
    """Held out."""
    before: Sequence[PairNats]
    """By the adapter before."""
    after: Sequence[PairNats]
    """By the adapter after."""
    left_out: int
    """Pairs that do not fit."""


def scored_pairs(
    engine: Engine, voice: Voice, pairs: Sequence[Pair], lanes: tuple[Lane, Lane], notebook: Notebook, tell: Tell
) -> Scored:
    """`lanes` are those of the adapter before and of the one after; what the notebook holds is not scored again."""
    limit = engine.base.context
    fitting = [pair for pair in pairs if pair_samples(voice, pair, limit) is not None]
    before, after = (
        _scored(engine, voice, fitting, lane, f"{side} held-out pairs", notebook, tell)
        for side, lane in zip(("before:", "after:"), lanes, strict=True)
    )
    return Scored(fitting, before, after, len(pairs) - len(fitting))


def _scored(
    engine: Engine, voice: Voice, pairs: Sequence[Pair], lane: Lane, label: str, notebook: Notebook, tell: Tell
) -> list[PairNats]:
    keys = [f"{label} {pair.identity}" for pair in pairs]
    todo = [at for at, key in enumerate(keys) if key not in notebook]
    for start in range(0, len(todo), _AT_ONCE):
        tell(label, len(pairs) - len(todo) + start, len(pairs))
        part = todo[start : start + _AT_ONCE]
        with as_lane(engine, lane) as model:
            found = pair_nats(model, voice, [pairs[at] for at in part], engine.base.context, engine.pad)
        notebook.put({keys[at]: list(one) for at, one in zip(part, found, strict=True)})
    return [PairNats(*notebook[key]) for key in keys]


def choice_figures(scored: Scored) -> list[Figure]:
    """Nothing without a pair that fits. Pairs of one question are drawn together."""
    if not scored.pairs:
        return []
    old, new = (_right(scored.pairs, found) for found in (scored.before, scored.after))
    reward = {
        f"{at}": Item(step(after.margin(before)), 1, pair.context)
        for at, (pair, before, after) in enumerate(zip(scored.pairs, scored.before, scored.after, strict=True))
    }
    return [
        Figure(
            "pair_accuracy",
            "choices",
            "held-out pairs in the right order",
            "higher",
            _LANE,
            figure_of(old),
            figure_of(new),
            difference(old, new),
            "percent",
            "Pairs whose better reply is likelier per token than the worse one, ends of turn included.",
        ),
        Figure(
            "implicit_accuracy",
            "choices",
            "held-out pairs moved the right way",
            "higher",
            _LANE,
            None,
            figure_of(reward),
            None,
            "percent",
            "Pairs whose better reply gained more likelihood, or lost less, than the worse one: the implicit reward "
            "of DPO. A half is chance.",
        ),
    ]


def _right(pairs: Sequence[Pair], found: Sequence[PairNats]) -> Items:
    return {f"{at}": Item(one.right, 1, pair.context) for at, (pair, one) in enumerate(zip(pairs, found, strict=True))}

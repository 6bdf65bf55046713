"""How far the adapter after moved from the one before, on replies of its own."""

from collections.abc import Sequence

from roleplay.dataset.sample import Sample, sample_with
from roleplay.evaluation.against.comparison import Figure
from roleplay.evaluation.against.draws import TEMPERATURE, Drawn
from roleplay.evaluation.against.paired import Item, figure_of
from roleplay.evaluation.asking import Tell
from roleplay.evaluation.lane_model import as_lane
from roleplay.evaluation.notebook import Notebook
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.measures.likelihood import batches_of, likelihoods


def log_ratios(
    engine: Engine, drawn: Sequence[Drawn], lanes: tuple[Lane, Lane], notebook: Notebook, tell: Tell
) -> list[float]:
    """Of each reply the sum over its tokens of log p_after - log p_before, in nats, at the temperature of the draws.

    `lanes` are those of the adapter before and of the one after, which drew the replies.
    """
    samples = [_sample(one, engine.base.context) for one in drawn]
    keys = [f"moved {one.key}" for one in drawn]
    todo = [at for at, key in enumerate(keys) if key not in notebook]
    done = len(drawn) - len(todo)
    for batch in batches_of(engine.base.model, [samples[at] for at in todo]):
        tell("how far it moved", done, len(drawn))
        part = [todo[at] for at in batch]
        before, after = (_log_likelihoods(engine, lane, [samples[at] for at in part]) for lane in lanes)
        notebook.put({keys[at]: a - b for at, a, b in zip(part, after, before, strict=True)})
        done += len(batch)
    return [float(notebook[key]) for key in keys]


def _sample(one: Drawn, context: int) -> Sample:
    ids = [*one.ids, *one.said][:context]  # read from its text, a reply that filled the context may be longer
    return sample_with(ids, [(len(one.ids), len(ids))], len(one.reply.text))


def _log_likelihoods(engine: Engine, lane: Lane, samples: Sequence[Sample]) -> list[float]:
    """Nats of each sample's trained tokens in `lane`, at the temperature of the draws."""
    if not any(sample.trained_tokens for sample in samples):  # nobody said anything
        return [0.0] * len(samples)
    with as_lane(engine, lane) as model:
        return [-one.nats for one in likelihoods(model, samples, engine.pad, TEMPERATURE)]


def moved_figures(drawn: Sequence[Drawn], ratios: Sequence[float]) -> list[Figure]:
    """KL(after || before) of whole replies and per token, in nats, with a bootstrap over dialogues.

    The estimator is the mean log-ratio of draws of the adapter after (k1 of Schulman 2020, "Approximating KL
    divergence"): unbiased for both models at that temperature, and below zero now and then where they hardly differ.
    """
    if not drawn:
        return []
    rows = list(zip(drawn, ratios, strict=True))
    replies = {one.key: Item(value, 1, one.prompt.group) for one, value in rows}
    tokens = {one.key: Item(value, len(one.said), one.prompt.group) for one, value in rows}
    note = "The mean log-ratio of the replies it drew; 0 where both are the same."
    return [
        Figure(
            name,
            "reward",
            f"KL from the adapter before, nats per {unit}",
            "neither",
            "persona+prefix",
            None,
            figure_of(items),
            note=note,
        )
        for name, unit, items in (("moved_reply", "reply", replies), ("moved_token", "token", tokens))
    ]

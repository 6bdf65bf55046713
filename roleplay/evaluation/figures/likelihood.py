"""How likely the character's own lines are: bits per character, perplexity, and what was learned by heart alone."""

import math

from roleplay.evaluation.heard import Heard
from roleplay.evaluation.report import Measure
from roleplay.evaluation.scoring import Scores, Side
from roleplay.measures.interval import Interval, ratio
from roleplay.measures.likelihood import bits_per_character


def likelihood_measures(heard: Heard) -> list[Measure]:
    """Nothing where nothing is held out."""
    measures: list[Measure] = []
    sides: tuple[tuple[Side, str], ...] = (("heldout", "held-out"), ("trained", "trained"))
    for side, word in sides:
        found = {name: heard.scores[side, name] for name in heard.names if (side, name) in heard.scores}
        if found:
            measures += [
                Measure(
                    f"{side}_bits",
                    "likelihood",
                    f"{word} lines, bits per character",
                    "lower",
                    {name: bits_per_character(scores.likelihoods, scores.groups) for name, scores in found.items()},
                    note="Comparable across bases, whatever their tokenizers.",
                ),
                Measure(
                    f"{side}_perplexity",
                    "likelihood",
                    f"{word} lines, perplexity per token",
                    "lower",
                    {name: _perplexity(scores) for name, scores in found.items()},
                    note="Comparable on one base only.",
                ),
            ]
    gap = {
        name: _gap(heard.scores["heldout", name], heard.scores["trained", name])
        for name in heard.names
        if ("heldout", name) in heard.scores and ("trained", name) in heard.scores
    }
    if gap:
        measures.append(
            Measure(
                "memorisation_gap",
                "likelihood",
                "held-out minus trained, nats per token",
                "neither",
                gap,
                note="What is known by heart and goes no further. A base that saw neither has about none.",
            )
        )
    return measures


def nats_per_token(scores: Scores) -> Interval:
    """Mean loss, end of turn included, resampled by dialogue."""
    return ratio([s.nats for s in scores.likelihoods], [s.tokens for s in scores.likelihoods], scores.groups)


def _perplexity(scores: Scores) -> Interval:
    loss = nats_per_token(scores)
    return Interval(*(math.exp(value) for value in (loss.value, loss.low, loss.high)))


def _gap(heldout: Scores, trained: Scores) -> Interval:
    """The difference of two independent means; their half-widths add as squares."""
    one, other = nats_per_token(heldout), nats_per_token(trained)
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Interval(value, value - below, value + above)

"""How likely a model finds both replies of a pair, after the prompt that chat would send."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from roleplay.corpora.pairs import Pair
from roleplay.dataset.sample import Sample, sample_with
from roleplay.dataset.unit import Voice, fit_start, history
from roleplay.errors import ContextFull
from roleplay.measures.likelihood import likelihoods


class PairNats(NamedTuple):
    """Surprise of both replies, ends of turn included."""

    chosen_nats: float
    """Sum of negative log-likelihoods of the better reply."""
    chosen_tokens: int
    """Tokens of the better reply."""
    rejected_nats: float
    """Sum of the worse reply."""
    rejected_tokens: int
    """Tokens of the worse reply."""

    @property
    def right(self) -> float:
        """1 where the better reply is likelier per token, 0 where the worse one is, a half where neither is."""
        return step(self.rejected_nats / self.rejected_tokens - self.chosen_nats / self.chosen_tokens)

    def margin(self, reference: "PairNats") -> float:
        """By how many nats the better reply gained more on the `reference` than the worse one did.

        The margin of implicit rewards of DPO at a beta of 1 (Rafailov et al. 2023, arXiv 2305.18290, equation 5).
        """
        gained = reference.chosen_nats - self.chosen_nats
        return gained - (reference.rejected_nats - self.rejected_nats)


def step(number: float) -> float:
    """1 above zero, 0 below, a half at zero."""
    return 0.5 if number == 0 else float(number > 0)


def pair_samples(voice: Voice, pair: Pair, limit: int) -> tuple[Sample, Sample] | None:
    """The better and the worse reply behind one prompt, which is as chat sends it with the prefixes of the pair.

    Of a long conversation the oldest turns leave, so that the longer reply fits into `limit` tokens; `None` where it
    does not even fit behind the last question. The replies alone are trained, their ends of turn too.
    """
    active = [prefix.id for prefix in voice.prefixes if prefix.id in pair.prefixes]
    replies = [voice.answer_ids(text) for text in (pair.chosen, pair.rejected)]
    longest = max(map(len, replies))
    start = fit_start(voice, pair.turns, 0, longest, active, limit)
    prompt = voice.prompt_ids(history(pair.turns, start), active)
    if len(prompt) + longest > limit:
        return None
    better, worse = (
        sample_with([*prompt, *reply], [(len(prompt), len(prompt) + len(reply))], len(text))
        for reply, text in zip(replies, (pair.chosen, pair.rejected), strict=True)
    )
    return better, worse


def pair_nats(model: Any, voice: Voice, pairs: Sequence[Pair], limit: int, pad: int) -> list[PairNats]:
    """Score both replies of each pair with `model` as it is, in batches of similar length.

    `limit` is in tokens, `pad` the id that fills short rows. Raises ContextFull for a pair that does not fit.
    """
    samples: list[Sample] = []
    for pair in pairs:
        both = pair_samples(voice, pair, limit)
        if both is None:
            where = pair.source or "a pair"
            raise ContextFull(f"{where}: question and reply do not fit into {limit} tokens; leave this pair out")
        samples += both
    found = iter(likelihoods(model, samples, pad))
    return [
        PairNats(better.nats, better.tokens, worse.nats, worse.tokens)
        for better, worse in zip(found, found, strict=True)
    ]

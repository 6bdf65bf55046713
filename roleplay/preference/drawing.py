"""Replies drawn to prompts by a model as it is, with how far it is from where it began."""

from collections.abc import Sequence
from typing import Any

from roleplay.dataset.sample import Sample, sample_with
from roleplay.dataset.unit import Voice
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.generation.replies import reply_to
from roleplay.generation.settings import Sampling
from roleplay.measures.likelihood import likelihoods
from roleplay.models.base import Base
from roleplay.preference.lessons import Prompt
from roleplay.preference.reference import as_reference
from roleplay.preference.rewards.judged import Judged

_LANE = Lane(adapter=False, prefix=True)
"""One that names no adapter: whatever is in the layers of the base answers."""
_AT_ONCE = 32


def draw_replies(base: Base, voice: Voice, prompts: Sequence[Prompt], sampling: Sampling) -> list[Judged]:
    """One reply to each prompt, with whatever adapter `base` wears; the same settings give the same replies."""
    renderer = voice.renderer
    engine = Engine(base, None, [renderer.traits.end_of_turn_id])
    found: list[Judged] = []
    for at in range(0, len(prompts), _AT_ONCE):
        asked = prompts[at : at + _AT_ONCE]
        said = reply_to(engine, [_LANE] * len(asked), [list(one.ids) for one in asked], sampling)
        for prompt, one in zip(asked, said, strict=True):
            stopped = one.stopped == "end"
            ids = renderer.answer_ids(one.text) if stopped else renderer.text_ids(one.text)
            found.append(Judged(prompt.turns, one.text.strip(), stopped, prompt.ids, tuple(ids)))
    return found


def moved(tuned: Any, replies: Sequence[Judged], pad: int, temperature: float) -> list[float]:
    """Nats by which `tuned` finds each of its own replies likelier than the reference does, drawn at `temperature`.

    Their mean estimates the KL divergence of the two at that temperature, per reply (the k1 estimator of Schulman 2020,
    "Approximating KL divergence").
    """
    samples = [_sample(reply) for reply in replies if reply.reply_ids]
    now = likelihoods(tuned, samples, pad, temperature)
    with as_reference(tuned):
        before = likelihoods(tuned, samples, pad, temperature)
    return [old.nats - new.nats for old, new in zip(before, now, strict=True)]


def _sample(reply: Judged) -> Sample:
    ids = (*reply.prompt_ids, *reply.reply_ids)
    return sample_with(ids, [(len(reply.prompt_ids), len(ids))], len(reply.text))

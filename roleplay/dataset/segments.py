"""A sample cut into stretches a person can tell apart."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from roleplay.cards.prompt import fill
from roleplay.dataset.sample import Sample
from roleplay.dataset.unit import Voice

Kind = Literal["prefix", "user", "trained", "end"]


@dataclass(frozen=True)
class Segment:
    """A stretch of one kind."""

    kind: Kind
    """`user` is everything that is neither a prefix nor trained: user turns and what the template writes."""
    text: str
    """Decoded, control tokens included."""


def segments(voice: Voice, sample: Sample, active: Collection[str]) -> list[Segment]:
    """The sample's text from left to right; joined, it is the decoded sample."""
    tokenizer = voice.renderer.tokenizer
    special = set(tokenizer.all_special_ids) | {voice.renderer.traits.end_of_turn_id}
    filled = (fill(p.text, voice.card).strip() for p in voice.prefixes if p.id in active)
    prefixes = [text for text in filled if text]  # one that is all comment says nothing
    found: list[Segment] = []
    at = 0
    for begin, end in sample.spans:
        prompt = str(tokenizer.decode(list(sample.ids[at:begin])))
        found += _prompt_segments(prompt, prefixes)
        stop = end - 1 if sample.ids[end - 1] in special else end
        found.append(Segment("trained", str(tokenizer.decode(list(sample.ids[begin:stop])))))
        if stop < end:
            found.append(Segment("end", str(tokenizer.decode(list(sample.ids[stop:end])))))
        at = end
    return [segment for segment in found if segment.text]


def _prompt_segments(text: str, prefixes: list[str]) -> list[Segment]:
    for prefix in prefixes:
        at = text.find(prefix)
        if at >= 0:
            before, after = text[:at], text[at + len(prefix) :]
            return [*_prompt_segments(before, prefixes), Segment("prefix", prefix), *_prompt_segments(after, prefixes)]
    return [Segment("user", text)] if text else []

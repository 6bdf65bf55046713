"""What the figures of an adapter say together, in sentences, the worst first."""

from collections.abc import Iterator, Mapping, Sequence

from roleplay.cards.model import KNOWLEDGE
from roleplay.evaluation.figures.style import placed
from roleplay.evaluation.report import Finding, Measure
from roleplay.measures.interval import Interval

COPIED_LIMIT = 0.5
"""Share of copied characters from which an adapter parrots."""
FORGETTING_LIMIT = 0.5
"""Nats per token by which the base's own answers may become less likely."""
_STOPPED = 0.98
_SAME = 1e-6
_VOICE = 0.5
_NO_VOICE = 0.25
_ORDER = {"warning": 0, "note": 1, "good": 2}


def findings_of(measures: Sequence[Measure], name: str) -> list[Finding]:
    """Of a character called `name`."""
    by_name = {measure.name: measure for measure in measures}
    found = [
        *_learned(by_name),
        *_voice(by_name, name),
        *_prefix(by_name),
        *_books(by_name),
        *_kept(by_name),
        *_replies(by_name),
    ]
    return sorted(found, key=lambda finding: _ORDER[finding.level])


def _learned(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    """Whether the adapter does anything, and whether that is what it was trained for."""
    kl = _lane(measures, "kl", "persona")
    persona, base = (_lane(measures, "heldout_bits", lane) for lane in ("persona+prefix", "base+prefix"))
    if kl is not None and kl.high < _SAME:
        yield Finding(
            "warning",
            "The adapter changes nothing: with it and without it every token is equally likely. Its weights are zero "
            "or were not loaded; look at the run with 'roleplay runs show'.",
        )
    elif persona is not None and base is not None:
        told = f"{persona.value:.2f} bits per character against {base.value:.2f}"
        if not persona.apart_from(base):
            text = f"Held-out lines are about as likely with the adapter as without ({told}, intervals overlap)."
            yield Finding("warning", f"{text} It learned little that goes beyond what it was trained on.")
        elif persona.value < base.value:
            yield Finding("good", f"Held-out lines are likelier with the adapter than without ({told}).")
        else:
            yield Finding(
                "warning",
                f"Held-out lines are less likely with the adapter than without ({told}). It is damaged, learned by "
                "heart too long, or was trained on something else.",
            )


def _voice(measures: Mapping[str, Measure], name: str) -> Iterator[Finding]:
    style = measures.get("style")
    if style is None or "persona+prefix" not in style.lanes:
        return
    places = {lane: interval.value for lane, interval in placed(style).items()}
    place, base = places["persona+prefix"], places.get("base+prefix", 0.0)
    told = f"{place:.0%} of the way from other speakers' lines to {name}'s own; the base with the prefix {base:.0%}"
    if place >= _VOICE:
        yield Finding("good", f"Replies sound like {name}: {told}.")
    elif place < _NO_VOICE:
        yield Finding(
            "warning",
            f"Replies do not sound like {name}: {told}. Train longer, or look whether the adapter is {name}'s at all.",
        )
    else:
        yield Finding("note", f"Replies sound half like {name}: {told}. More epochs or more lines would help.")


def _prefix(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    """What the prefix adds once the adapter is there."""
    with_it, without = (_lane(measures, "heldout_bits", lane) for lane in ("persona+prefix", "persona"))
    if with_it is None or without is None or _same(with_it, without):
        return
    told = f"{with_it.value:.2f} bits per character with it, {without.value:.2f} without"
    if with_it.apart_from(without):
        yield Finding("note", f"The prefix still matters beside the adapter: {told}.")
    else:
        yield Finding("note", f"The adapter hardly needs the prefix: {told}, intervals overlap.")


def _books(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    """What passages in the prompt do for the questions that they answer."""
    told, alone = (_lane(measures, f"found_{way}_knowledge", "persona+prefix") for way in ("with", "without"))
    told = told or _lane(measures, "found_with_knowledge", "base+prefix")
    alone = alone or _lane(measures, "found_without_knowledge", "base+prefix")
    if told is None or alone is None:
        return
    shares = f"{told.value:.0%} right with passages in the prompt, {alone.value:.0%} without"
    if told.apart_from(alone) and told.value > alone.value:
        yield Finding("good", f"Its books help: of the questions that they answer {shares}.")
    else:
        yield Finding(
            "note",
            f"Its books hardly help: of the questions that they answer {shares}. A larger base reads better, as may "
            f"one that is trained with passages ('train' at the prefix '{KNOWLEDGE}').",
        )


def _kept(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    persona, base = (_lane(measures, "retention_loss", lane) for lane in ("persona", "base"))
    if persona is not None and base is not None and persona.value - base.value > FORGETTING_LIMIT:
        yield Finding(
            "warning",
            f"Without the prefix the base has lost much of its own: its answers to general questions rose from "
            f"{base.value:.2f} to {persona.value:.2f} nats per token. Mix in its own answers "
            "('roleplay data replay'), or train less.",
        )
    forgotten = measures.get("forgotten")
    if forgotten is not None:
        share = forgotten.lanes["persona"].value
        yield Finding("note", f"Forgotten without the prefix: {share:.0%}. {forgotten.note}")


def _replies(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    stopped, copied = (_lane(measures, name, "persona+prefix") for name in ("stopped", "copied"))
    if stopped is not None and stopped.value < _STOPPED:
        yield Finding(
            "warning",
            f"Only {stopped.value:.0%} of the replies end by themselves; the others were cut. Check that answers in "
            "the corpus are not cut at the limit ('roleplay data stats').",
        )
    if copied is not None and copied.value > COPIED_LIMIT:
        yield Finding(
            "warning",
            f"{copied.value:.0%} of what it says stands word for word in the training lines: it parrots. An earlier "
            "checkpoint may have more of its own to say ('roleplay evaluate --checkpoints').",
        )


def _lane(measures: Mapping[str, Measure], name: str, lane: str) -> Interval | None:
    return measures[name].lanes.get(lane) if name in measures else None


def _same(one: Interval, other: Interval) -> bool:
    return abs(one.value - other.value) < _SAME

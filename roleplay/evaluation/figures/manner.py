"""The manner of replies: catchphrases, variety, length, ends, and what is copied."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roleplay.cards.prompt import fill
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.report import Measure
from roleplay.measures.diversity import distinct
from roleplay.measures.interval import Interval, mean, ratio
from roleplay.measures.language import language_of
from roleplay.measures.manner import SHORTEST, catchphrase_share, copied_share, length_ratio, longest_copied, stop_share


@dataclass(frozen=True)
class _Told:
    """What one lane said to held-out prompts."""

    texts: list[str]
    stopped: list[str]
    references: list[str]
    groups: list[str]


def manner_measures(heard: Heard) -> list[Measure]:
    """Of replies to held-out prompts, held against the corpus's own answers to them."""
    told = {name: _told(heard, name) for name in heard.names}
    references = next(iter(told.values())).references
    if not references:
        return []

    def by_lane(figure: Callable[[_Told], Interval]) -> dict[str, Interval]:
        return {name: figure(one) for name, one in told.items()}

    measures = [
        Measure(
            "stopped",
            "manner",
            "end by themselves",
            "higher",
            by_lane(lambda one: stop_share(one.stopped, one.groups)),
            "percent",
            note="The others were cut at the limit of tokens.",
        ),
        Measure(
            "length",
            "manner",
            "length against the corpus's answer",
            "neither",
            by_lane(lambda one: length_ratio(one.texts, one.references, one.groups)),
            references={"corpus": 1.0},
        ),
    ]
    phrases = [fill(phrase, heard.card) for phrase in heard.card.catchphrases]
    if phrases:
        corpus = {"corpus": catchphrase_share(heard.lines.trained, phrases).value}
        shares = by_lane(lambda one: catchphrase_share(one.texts, phrases, one.groups))
        title = "replies with a catchphrase"
        measures.append(Measure("catchphrases", "manner", title, "neither", shares, "percent", corpus))
    return [*measures, *_variety(by_lane, references), *_copies(by_lane, references, heard)]


ByLane = Callable[[Callable[[_Told], Interval]], dict[str, Interval]]


def _variety(by_lane: ByLane, references: Sequence[str]) -> list[Measure]:
    language = language_of(" ".join(references))
    note = "Different n-grams of all; no interval, for it falls with their number. The corpus's own answers: as many."
    return [
        Measure(
            f"distinct_{n}",
            "manner",
            f"distinct-{n}",
            "higher",
            by_lane(lambda one, n=n: _point(distinct(one.texts, language, (n,))[0])),  # type: ignore[misc]
            references={"corpus": distinct(references, language, (n,))[0]},
            note=note,
        )
        for n in (1, 2)
    ]


def _copies(by_lane: ByLane, references: Sequence[str], heard: Heard) -> list[Measure]:
    """How much stands in training lines, and how much of what the character says in held-out lines does."""
    sources = heard.lines.trained
    shortest = SHORTEST[language_of(" ".join(references))]

    def share(texts: Sequence[str], groups: Sequence[str]) -> Interval:
        copied = [len(text) * copied_share(text, sources, shortest) for text in texts]
        return ratio(copied, [len(text) for text in texts], groups)

    own = share(references, [str(i) for i in range(len(references))]).value
    return [
        Measure(
            "copied",
            "manner",
            "copied from training",
            "lower",
            by_lane(lambda one: share(one.texts, one.groups)),
            "percent",
            {"corpus": own},
            f"Characters in runs of at least {shortest} that stand word for word in training lines.",
        ),
        Measure(
            "longest_copy",
            "manner",
            "longest copied run, characters",
            "neither",
            by_lane(lambda one: mean([longest_copied(text, sources) for text in one.texts], one.groups)),
            note="The mean over replies.",
        ),
    ]


def _told(heard: Heard, lane: str) -> _Told:
    pairs = heard.of("heldout", lane)
    return _Told(
        [said.text for _, said in pairs],
        [said.stopped for _, said in pairs],
        [one.reference for one, _ in pairs],
        [one.group for one, _ in pairs],
    )


def _point(value: float) -> Interval:
    return Interval(value, value, value)

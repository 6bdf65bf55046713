"""What knowledge in the prompt is worth: labelled questions, asked with what the books say to them and without."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from roleplay.cards.model import Card
from roleplay.evaluation.asking import Reply
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.prompts import Part, Prompt
from roleplay.evaluation.report import Measure
from roleplay.measures.answered import answered
from roleplay.measures.entities import held_entities
from roleplay.measures.grounded import SHORTEST_RUN, grounded_share
from roleplay.measures.interval import Interval, mean, ratio
from roleplay.measures.refused import own_refusals, refuses

_Told = list[tuple[Prompt, Reply]]
_WAYS: tuple[tuple[Part, str], ...] = (("with_knowledge", "with passages"), ("without_knowledge", "without"))
_RUNS = f"{SHORTEST_RUN['zh']} characters in Chinese, {SHORTEST_RUN['en']} in English"


@dataclass(frozen=True)
class _Figure:
    """One figure, measured with knowledge and without."""

    name: str
    title: str
    better: Literal["lower", "higher"]
    of: Callable[[_Told], Interval]
    note: str


def knowledge_measures(heard: Heard) -> list[Measure]:
    """Nothing for a card without such questions, or without an index; each figure with knowledge, then without."""
    asked = [prompt for prompt in heard.prompts if prompt.part == "with_knowledge"]
    answerable = [prompt for prompt in asked if prompt.accept]
    measures: list[Measure] = []
    if answerable:
        given = {"in the prompt": sum(prompt.is_told for prompt in answerable) / len(answerable)}
        for figure in _of_answers(heard.card):
            measures += _both(heard, figure, True, given if figure.name == "found" else None)
    if len(answerable) < len(asked):
        note = "Asked for what stands in no book, it says that it does not know."
        refused = _Figure("refused", "refuses what no book says", "higher", _refused(heard.card), note)
        measures += _both(heard, refused, False)
    return measures


def _of_answers(card: Card) -> Iterator[_Figure]:
    """Figures of questions that have an answer."""
    note = "By the answers that the questions accept. Held against: questions whose answer stood in the prompt."
    yield _Figure("found", "right answers", "higher", _found, note)
    note = f"Characters in runs that stand in the passages found, of at least {_RUNS}."
    yield _Figure("grounded", "taken from passages", "higher", _grounded, note)
    names = (card.display_name, card.user_name)
    note = "Of names and numbers that the question did not bring, those that stand in the passages found."
    yield _Figure("held", "names and numbers that are theirs", "higher", lambda told: _held(told, names), note)
    note = "Asked for what stands in a book, it says that it does not know."
    yield _Figure("timid", "refuses what a book says", "lower", _refused(card), note)


def _both(
    heard: Heard, figure: _Figure, answerable: bool, references: dict[str, float] | None = None
) -> Iterator[Measure]:
    """In every lane, of the questions that have an answer or of the others."""
    for part, way in _WAYS:
        told = {
            lane: [one for one in heard.of(part, lane) if bool(one[0].accept) == answerable] for lane in heard.names
        }
        lanes = {lane: figure.of(some) for lane, some in told.items()}
        title, held = f"{figure.title}, {way}", references if part == "with_knowledge" else None
        name = f"{figure.name}_{part}"
        yield Measure(name, "knowledge", title, figure.better, lanes, "percent", held, figure.note)


def _found(told: _Told) -> Interval:
    return mean([float(answered(said.text, one.accept).right) for one, said in told])


def _grounded(told: _Told) -> Interval:
    lengths = [len(said.text) for _, said in told]
    shares = [grounded_share(said.text, one.passages) for one, said in told]
    runs = [share * length for share, length in zip(shares, lengths, strict=True)]
    return ratio(runs, lengths, [one.group for one, _ in told])


def _held(told: _Told, names: tuple[str, ...]) -> Interval:
    counts = [held_entities(said.text, one.passages, (one.asked, *names)) for one, said in told]
    return ratio([held for held, _ in counts], [every for _, every in counts], [one.group for one, _ in told])


def _refused(card: Card) -> Callable[[_Told], Interval]:
    own = own_refusals(card)
    return lambda told: mean([float(refuses(said.text, own)) for _, said in told])

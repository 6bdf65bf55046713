"""Stated rewards of drawn replies: each term's worth, and their weighted sum."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from roleplay.cards.prompt import fill
from roleplay.errors import RoleplayError, RunError, UsageError
from roleplay.preference.rewards.catchphrases import catchphrases
from roleplay.preference.rewards.endings import ends, stop
from roleplay.preference.rewards.judged import Judge, Judged
from roleplay.preference.rewards.lengths import longer, shorter, within
from roleplay.preference.rewards.materials import Materials
from roleplay.preference.rewards.novelty import original, varied
from roleplay.preference.rewards.refusals import refuses
from roleplay.preference.rewards.spec import Term
from roleplay.preference.rewards.style import style
from roleplay.preference.rewards.wording import avoids, says
from roleplay.text import one_line

_MAY_PASS = ("refuses",)
"""Functions that do not judge every reply: theirs may be nan, which counts for nothing."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Reward:
    """What replies are worth, term by term."""

    terms: tuple[Term, ...]
    """As they were stated."""
    judges: tuple[Judge, ...]
    """One a term."""

    def __call__(self, judged: Sequence[Judged]) -> list[dict[str, float]]:
        """For each reply the unweighted worth by label of the term; nan where a term does not judge it.

        Stated functions give 0 to 1, a reward model any number. Raises RunError for anything else.
        """
        columns = [_asked(term, judge, judged) for term, judge in zip(self.terms, self.judges, strict=True)]
        labels = [term.label for term in self.terms]
        return [dict(zip(labels, row, strict=True)) for row in zip(*columns, strict=True)]

    def total(self, worth: Mapping[str, float]) -> float:
        """The weighted sum of the terms that judge a reply; nan where none does."""
        known = [(term.weight, worth[term.label]) for term in self.terms if not math.isnan(worth[term.label])]
        return sum(weight * value for weight, value in known) if known else math.nan


def make_reward(terms: Sequence[Term], materials: Materials, model: Callable[[str], Judge] | None = None) -> Reward:
    """Get everything ready that the terms need; `model` gives the judge of a run that is a reward model.

    Raises UsageError for a term that this character, or this stage, has nothing for.
    """
    return Reward(tuple(terms), tuple(_judge(term, materials, model) for term in terms))


def _judge(term: Term, materials: Materials, model: Callable[[str], Judge] | None) -> Judge:
    given = term.argument or ""
    match term.name:
        case "stop":
            return stop
        case "shorter":
            return shorter(int(given))
        case "longer":
            return longer(int(given))
        case "length":
            least, most = map(int, given.split("-"))
            return within(least, most)
        case "ends":
            return ends(fill(given, materials.card))
        case "says":
            return says(fill(given, materials.card))
        case "avoids":
            return avoids(fill(given, materials.card))
        case "varied":
            return varied()
        case "style":
            return style(materials.voices)
        case "original":
            return original(materials.own)
        case "catchphrases":
            phrases = [fill(phrase, materials.card) for phrase in materials.card.catchphrases]
            return catchphrases(_needed(term, phrases, materials, "catchphrases"), materials.own)
        case "refuses":
            return refuses(_needed(term, materials.strange, materials, "probes.out_of_world"), materials.card)
        case "model" if model is not None:
            return model(given)
    raise UsageError(f"the reward '{one_line(term.label)}' cannot be asked for here; leave it out")


def _needed(term: Term, found: Sequence[_T], materials: Materials, key: str) -> Sequence[_T]:
    if not found:
        raise UsageError(
            f"the reward '{term.label}' has nothing to go by: the card of {materials.card.name} has no '{key}'; "
            "add some, or leave the term out"
        )
    return found


def _asked(term: Term, judge: Judge, judged: Sequence[Judged]) -> list[float]:
    """A number for each reply, which is finite but where the term may pass."""
    label = one_line(term.label)
    try:
        found = [float(value) for value in judge(judged)]
    except RoleplayError:
        raise
    except Exception as error:
        reply = one_line(_culprit(judge, judged))
        reason = one_line(f"{type(error).__name__}: {error}", 120)
        raise RunError(
            f"the reward '{label}' failed at the reply '{reply}' ({reason}); leave the term out, or repair what it asks"
        ) from error
    if len(found) != len(judged):
        raise RunError(
            f"the reward '{label}' gave {len(found)} numbers for {len(judged)} replies; leave the term out, or repair "
            "what it asks"
        )
    for one, value in zip(judged, found, strict=True):
        if not (math.isfinite(value) or (math.isnan(value) and term.name in _MAY_PASS)):
            raise RunError(
                f"the reward '{label}' gave {value} for the reply '{one_line(one.text)}', which is no finite number; "
                "leave the term out, or repair what it asks"
            )
    return found


def _culprit(judge: Judge, judged: Sequence[Judged]) -> str:
    """The first reply that the judge fails at alone, else the first."""
    for one in judged:
        try:
            judge([one])
        except Exception:
            return one.text
    return judged[0].text if judged else ""

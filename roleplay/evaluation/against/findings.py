"""What a comparison says in sentences, and whether a reward was gamed: it rose while what it should stand for fell."""

import math
from collections.abc import Iterator, Mapping, Sequence

from roleplay.evaluation.against.comparison import Figure
from roleplay.evaluation.against.paired import FEWEST
from roleplay.evaluation.against.rewarded import TOTAL
from roleplay.evaluation.report import Finding
from roleplay.evaluation.table import spread, written
from roleplay.measures.interval import Interval
from roleplay.text import one_line

LOSS: Mapping[str, float] = {
    "style": 0.05,
    "stopped": 0.05,
    "pair_accuracy": 0.05,
    "repeats": 0.1,
    "copied": 0.1,
    "retention_loss": 0.25,
}
"""Figures that no reward is made of, and by how much each must get worse, beyond chance too, to count as lost."""
VARIETY = ("distinct_1", "distinct_2")
VARIETY_LOSS = 0.3
"""Share of its distinct-n that must be gone; there is no interval for it."""
LENGTH = 2.0
"""How many times as long as the corpus's answers replies are when they are far too long, or the other way round."""
LENGTH_CHANGE = 1.5
"""How many times as long as before they must have become, or the other way round, for that to be the tuning's doing."""
_SAME = 1e-6
_REMEDY = "choose another checkpoint, a higher --beta or another --reward"
_TOO_FEW = f"fewer than {FEWEST} questions are no proof of anything, so add some that are held out"
_ORDER = {"warning": 0, "note": 1, "good": 2}


def findings_of(figures: Sequence[Figure]) -> list[Finding]:
    """The worst first."""
    if _same(figures):
        text = "Nothing changed: both adapters give the same figures. Train longer, or with a higher learning rate."
        return [Finding("warning", text)]
    losses = lost(figures)
    reward = next((figure for figure in figures if figure.name == TOTAL), None)
    rose = reward is not None and risen(reward)
    found = []
    if reward is not None:
        found.append(_risen(reward, losses, _watched(figures)) if rose else _not_risen(reward))
    if losses and not rose:
        remedy = "choose another checkpoint, or train again with a higher --beta"
        found.append(Finding("warning", f"Something was lost: {_listed(losses)}; {remedy}."))
    found += _choices(figures, bool(losses))
    if not losses and not any(_changed(figure) for figure in figures):
        found.append(Finding("note", "No figure changed beyond chance: every interval of a difference holds 0."))
    return sorted(found, key=lambda finding: _ORDER[finding.level])


def risen(figure: Figure) -> bool:
    """Whether it is higher after, beyond chance."""
    return figure.difference is not None and figure.difference.low > 0


def lost(figures: Sequence[Figure]) -> list[str]:
    """What clearly got worse among the figures that no reward is made of, each as `… fell from … to …`."""
    return [told for figure in figures if figure.before is not None for told in _lost(figure, figure.before)]


def _lost(figure: Figure, before: Interval) -> Iterator[str]:
    after = figure.after
    gone = figure.name in VARIETY and after.value < (1 - VARIETY_LOSS) * before.value
    if gone or _is_lost(figure):
        way = "fell" if after.value < before.value else "rose"
        yield f"'{one_line(figure.title)}' {way} {_from(figure, before)}"
    elif figure.name == "length" and _left_the_middle(before, after):
        times = after.value / before.value if before.value else math.inf
        yield f"replies became {written(times, 'number')} times as long"


def _is_lost(figure: Figure) -> bool:
    return figure.name in LOSS and _worse(figure) > LOSS[figure.name]


def _worse(figure: Figure) -> float:
    """By how much it got worse; 0 where that may be chance."""
    change = figure.difference
    if change is None:
        return 0.0
    if figure.better == "lower":
        return change.value if change.low > 0 else 0.0
    return -change.value if change.high < 0 else 0.0


def _left_the_middle(before: Interval, after: Interval) -> bool:
    """Whether lengths, as ratios to the corpus's answers, went far from 1."""
    too_long = after.low > LENGTH and after.value > LENGTH_CHANGE * before.value
    too_short = after.high < 1 / LENGTH and after.value * LENGTH_CHANGE < before.value
    return too_long or too_short


def _watched(figures: Sequence[Figure]) -> list[str]:
    names = {*LOSS, *VARIETY, "length"}
    return [one_line(figure.title) for figure in figures if figure.name in names and figure.before is not None]


def _risen(figure: Figure, losses: Sequence[str], watched: Sequence[str]) -> Finding:
    before = figure.before or figure.after
    told = f"The {one_line(figure.title, 100)} rose {_from(figure, before)}"
    if losses:
        return Finding("warning", f"{told} while {_listed(losses)}: it was gamed, not earned; {_REMEDY}.")
    if not watched:
        return Finding("note", f"{told}; nothing else was measured, so that nobody can tell whether it was gamed.")
    return Finding("good", f"{told}, and nothing beside it fell clearly: {', '.join(watched)}.")


def _not_risen(figure: Figure) -> Finding:
    before, change = figure.before or figure.after, figure.difference
    if change is not None and change.high < 0:
        return Finding(
            "warning", f"The {one_line(figure.title, 100)} fell {_from(figure, before)}: tuning went against it."
        )
    if change is None:
        return Finding("note", f"The {one_line(figure.title, 100)} went {_from(figure, before)}: {_TOO_FEW}.")
    around = f" (difference {spread(change, figure.scale)})" if change.low < change.high else ""
    return Finding("note", f"The {one_line(figure.title, 100)} did not clearly rise: {_from(figure, before)}{around}.")


def _choices(figures: Sequence[Figure], losses: bool) -> Iterator[Finding]:
    figure = next((one for one in figures if one.name == "pair_accuracy"), None)
    if figure is None or figure.before is None or _is_lost(figure):
        return
    if figure.difference is None:
        yield Finding("note", f"Held-out pairs in the right order went {_from(figure, figure.before)}: {_TOO_FEW}.")
    elif risen(figure):
        beside = "" if losses else ", and nothing that is watched beside it was lost"
        told = (
            f"It agrees with people more often: held-out pairs in the right order rose {_from(figure, figure.before)}"
        )
        yield Finding("good", f"{told}{beside}.")
    else:
        told = f"Held-out pairs are in the right order about as often as before: {_from(figure, figure.before)}"
        yield Finding("note", f"{told}.")


def _from(figure: Figure, before: Interval) -> str:
    return f"from {written(before.value, figure.scale)} to {written(figure.after.value, figure.scale)}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _changed(figure: Figure) -> bool:
    change = figure.difference
    return change is not None and (change.low > 0 or change.high < 0)


def _same(figures: Sequence[Figure]) -> bool:
    """Whether every figure is what it was, and no drawn reply is likelier than before."""
    apart = [figure.after.value - figure.before.value for figure in figures if figure.before is not None]
    apart += [figure.after.value for figure in figures if figure.name == "moved_reply"]
    return all(abs(change) < _SAME for change in apart)

"""Whether a reward tells the first drawn replies apart: what it gives to all alike cannot be learned from."""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence

from roleplay.errors import RunError
from roleplay.preference.rewards.reward import Reward
from roleplay.text import one_line

_EQUAL = 1e-9


def check_reward(
    reward: Reward, values: Sequence[Mapping[str, float]], groups: Sequence[Hashable] | None = None
) -> tuple[str, ...]:
    """A warning for each term that tells no two of the replies apart, where others do.

    `values` is what the reward gave to a sample; of `groups`, the prompt that each reply answers, only replies of one
    are held against each other, as they are in tuning. Raises RunError where the sum tells none apart.
    """
    held = [0] * len(values) if groups is None else groups
    columns = {one_line(term.label): [one[term.label] for one in values] for term in reward.terms}
    if _differ([reward.total(one) for one in values], held):
        alike = [(label, column) for label, column in columns.items() if not _differ(column, held)]
        return tuple(f"{_told(len(values), [one], groups)}: it teaches nothing so far" for one in alike)
    told = _told(len(values), list(columns.items()), groups)
    raise RunError(
        f"{told}: nothing can be learned; add a term that some replies meet better than others, such as shorter(40), "
        "draw at a higher temperature, or teach what is wanted by --stage dpo first"
    )


def _differ(values: Sequence[float], groups: Sequence[Hashable]) -> bool:
    """Whether two numbers of one group do; nan is none."""
    found: dict[Hashable, list[float]] = defaultdict(list)
    for value, group in zip(values, groups, strict=True):
        if not math.isnan(value):
            found[group].append(value)
    return any(max(numbers) - min(numbers) > _EQUAL for numbers in found.values())


def _told(count: int, columns: Sequence[tuple[str, Sequence[float]]], groups: Sequence[Hashable] | None) -> str:
    """What the replies got of each term."""
    gave = " and ".join(f"{_range(column)} of {label}" for label, column in columns)
    if any(_differ(column, [0] * count) for _, column in columns):
        whose = "" if groups is None else " to one prompt"
        return f"no two of {count} drawn replies{whose} differ in what they got ({gave})"
    return f"every one of {count} drawn replies got {gave}"


def _range(column: Sequence[float]) -> str:
    known = [value for value in column if not math.isnan(value)]
    if not known:
        return "nothing"
    low, high = f"{min(known):.3g}", f"{max(known):.3g}"
    return low if low == high else f"{low} to {high}"

"""Judges of one text at a time."""

from collections.abc import Callable, Sequence

from roleplay.preference.rewards.judged import Judge, Judged


def each(worth: Callable[[str], float]) -> Judge:
    """Every reply by its text alone, 0 to 1; one without text is worth 0, whatever it thereby avoids."""

    def judge(judged: Sequence[Judged]) -> list[float]:
        return [worth(one.text) if one.text.strip() else 0.0 for one in judged]

    return judge

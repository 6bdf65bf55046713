"""The two grades out of what a scorer wrote."""

import math
import re
from dataclasses import dataclass
from typing import Any

from roleplay.authoring.proposals import json_values

_NUMBER = re.compile(r"\s*(\d{1,2}(?:\.\d+)?)\s*(?:/\s*10)?\s*")
_WRITTEN = {
    name: re.compile(rf"\b{name}\b[^0-9\n-]{{0,20}}(\d{{1,2}}(?:\.\d+)?)(?![\d.])", re.IGNORECASE)
    for name in ("voice", "faithfulness")
}
"""For an answer without JSON: `Voice: 8/10`."""


@dataclass(frozen=True)
class Grades:
    """What a scorer thinks of a dialogue."""

    voice: float
    """From 0, like anybody, to 10, like nobody else."""
    faithfulness: float
    """From 0, made up, to 10, borne out by the passage."""

    def shortfall(self, threshold: float) -> str:
        """Which of them are not above `threshold`; empty where both are."""
        low = [name for name in ("voice", "faithfulness") if getattr(self, name) <= threshold]
        return " and ".join(low)


def read_grades(text: str) -> Grades | None:
    """The grades; `None` where one is missing or not from 0 to 10."""
    for value in json_values(text):
        if isinstance(value, dict):
            keys = {str(key).strip().lower(): inner for key, inner in value.items()}
            voice, faithfulness = _number(keys.get("voice")), _number(keys.get("faithfulness"))
            if voice is not None and faithfulness is not None:
                return Grades(voice, faithfulness)
    written = {name: pattern.findall(text) for name, pattern in _WRITTEN.items()}
    if any(len(set(numbers)) != 1 for numbers in written.values()):
        return None
    voice, faithfulness = (_number(numbers[0]) for numbers in written.values())
    return None if voice is None or faithfulness is None else Grades(voice, faithfulness)


def _number(value: Any) -> float | None:
    if isinstance(value, dict):  # {"score": 8, "reason": "…"}
        value = next((value[key] for key in ("score", "grade", "value") if key in value), None)
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value)) is not None:
        value = float(match[1])
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 <= value <= 10 else None

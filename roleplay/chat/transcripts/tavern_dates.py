"""Dates as SillyTavern has written them over the years."""

import re
from datetime import UTC, datetime
from typing import Any

# 2024-7-12@01h31m37s, 2024-07-12 @01h 31m 37s 123ms: local time.
_HUMANIZED = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) ?@ ?(\d{1,2})h ?(\d{1,2})m ?(\d{1,2})s")
# July 12, 2024 1:31am: local time.
_SPOKEN = "%B %d, %Y %I:%M%p"
_LATEST = 4102444800.0
"""2100: a later number counts milliseconds."""


def read_date(value: Any) -> float | None:
    """Seconds since 1970; `None` for what is no date."""
    try:
        if isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"\d{9,16}", value)):
            seconds = float(value) if abs(float(value)) < _LATEST else float(value) / 1000
            return datetime.fromtimestamp(seconds, UTC).timestamp()
        if not isinstance(value, str):
            return None
        if found := _HUMANIZED.match(value):
            return datetime(*map(int, found.groups())).astimezone().timestamp()  # type: ignore[arg-type]
        if value[:1].isalpha():
            return datetime.strptime(value.upper(), _SPOKEN).astimezone().timestamp()
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def write_date(when: float) -> str:
    """As it writes them today."""
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_begun(when: float) -> str:
    """As its first line has it."""
    return datetime.fromtimestamp(when).astimezone().strftime("%Y-%m-%d@%Hh%Mm%Ss")

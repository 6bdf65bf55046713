"""Where a pair comes from, in words for a person."""

from datetime import datetime

from roleplay.corpora.pairs import Pair, Side, Why

WHY: dict[Why, str] = {
    "swipe": "drawn anew",
    "edit": "rewritten",
    "lane": "two lanes answered",
    "prefer": "two shown blind",
}
"""What the person chose from; it holds whichever way round the pair is."""


def origin(pair: Pair) -> str:
    """What was chosen from, in which conversation, and when."""
    about = pair.provenance
    parts = [f"{pair.why}: {WHY[pair.why]}"]
    if about.chat is not None:
        parts.append(f"chat {about.chat}")
    if about.when is not None:
        parts.append(_minute(about.when))
    return " · ".join(part for part in parts if part)


def sides(pair: Pair) -> tuple[str, str, str]:
    """What is told of both replies, of the better one alone, and of the worse one alone; any may be empty."""
    better, worse = _told(pair.provenance.chosen), _told(pair.provenance.rejected)
    both = {name: value for name, value in better.items() if worse.get(name) == value}
    return _joined(both), _joined(_without(better, both)), _joined(_without(worse, both))


def _told(side: Side) -> dict[str, str]:
    known = {
        "turn": None if side.turn is None else str(side.turn),
        "lane": side.lane,
        "prefixes": " ".join(side.prefixes),
        "base": side.base,
        "adapter": side.adapter,
        **{name.replace("_", " "): str(value) for name, value in side.sampling.items()},
    }
    return {name: value for name, value in known.items() if value}


def _without(side: dict[str, str], both: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in side.items() if name not in both}


def _joined(told: dict[str, str]) -> str:
    return " · ".join(f"{name} {value}" for name, value in told.items())


def _minute(when: float) -> str:
    """A time to the minute, where a calendar has it."""
    try:
        return datetime.fromtimestamp(when).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""

"""A conversation for people, in Markdown: names, times, and in each margin who answered with which prefixes."""

from datetime import datetime

from roleplay.chat.store import StoredTurn
from roleplay.chat.transcripts.names import Names
from roleplay.chat.whole import WholeChat

_STOPPED = {"length": "cut at the limit", "cancelled": "stopped", "cut": "broken off"}


def to_markdown(whole: WholeChat, names: Names, *, swipes: bool) -> str:
    """The path that is shown; with `swipes` what was said in the same place too, quoted."""
    pin = whole.pin
    held = [text for text in (_time(whole.created), pin.base, pin.adapter) if text]
    parts = [f"# {names.character}", f"*{' · '.join(held)}*"]
    for turn in whole.line:
        ways = whole.ways(turn)
        parts += [f"**{names.of(turn.role)}** · *{' · '.join(_margin(turn, ways))}*", turn.text]
        for way in ways if swipes else ():
            if way is not turn:
                quoted = "\n".join(f"> {line}".rstrip() for line in way.text.split("\n"))
                parts.append(f"> *{' · '.join(_margin(way, ways))}*\n>\n{quoted}")
    return "\n\n".join(parts) + "\n"


def _margin(turn: StoredTurn, ways: list[StoredTurn]) -> list[str]:
    margin = [_time(turn.created)]
    if turn.lane is not None:
        margin += [turn.lane, ", ".join(turn.prefixes) or "no prefix"]
    if len(ways) > 1:
        margin.append(f"{ways.index(turn) + 1}/{len(ways)}")
    if turn.origin is not None:
        margin.append("edited")
    if turn.taken:
        margin.append("taken over")
    if turn.stopped in _STOPPED:
        margin.append(_STOPPED[turn.stopped])
    return margin


def _time(when: float) -> str:
    return datetime.fromtimestamp(when).astimezone().strftime("%Y-%m-%d %H:%M")

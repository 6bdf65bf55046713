"""The ways to answer."""

from dataclasses import dataclass, replace

from roleplay.errors import UsageError
from roleplay.text import did_you_mean

_KNOWLEDGE = "knowledge"


@dataclass(frozen=True)
class Lane:
    """One way to answer."""

    adapter: bool
    """Whether the adapter is on."""
    prefix: bool
    """Whether the active prefixes are sent."""
    which: str = ""
    """Label of another adapter of the character, such as `RUN@epoch-3`; empty for the chosen one."""
    model: str = ""
    """Name of a model of another program that answers here instead; empty for the base in memory."""
    knowledge: bool | None = None
    """Whether passages are sent with the prefixes, whatever the switch says; `None` leaves it to the switch."""

    @property
    def name(self) -> str:
        """The lane's name in commands and output."""
        if self.model:
            return f"@{self.model}"
        who = "persona" if self.adapter else "base"
        known = "" if self.knowledge is None or not self.prefix else f"{'+' if self.knowledge else '-'}{_KNOWLEDGE}"
        return who + (f"@{self.which}" if self.which else "") + ("+prefix" if self.prefix else "") + known


LANES = {lane.name: lane for lane in (Lane(True, True), Lane(False, True), Lane(True, False), Lane(False, False))}
"""The four that need no other adapter and no other program, by name, in the order in which they are shown."""


def lane_named(name: str) -> Lane | None:
    """The lane in memory called so: one of the four, or one with a prefix that has passages or none in any case."""
    for sign, knowledge in (("+", True), ("-", False)):
        head = name.removesuffix(f"{sign}{_KNOWLEDGE}")
        if head != name and head in LANES and LANES[head].prefix:
            return replace(LANES[head], knowledge=knowledge)
    return LANES.get(name)


def parse_lanes(text: str, *, knowledge: bool = False) -> list[Lane]:
    """`persona+prefix,base` -> lanes, in the order given; with `knowledge`, `persona+prefix-knowledge` is one, too.

    Raises UsageError.
    """
    lanes = []
    for name in (part.strip() for part in text.split(",")):
        lane = lane_named(name) if knowledge else LANES.get(name)
        if lane is None:
            raise UsageError(f"there is no lane '{name}'; {did_you_mean(name, LANES)}")
        lanes.append(lane)
    if len(set(lanes)) < len(lanes):
        raise UsageError(f"a lane is named twice in '{text}'; name each once")
    return lanes

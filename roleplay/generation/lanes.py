"""The ways to answer."""

from dataclasses import dataclass

from roleplay.errors import UsageError
from roleplay.text import did_you_mean


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

    @property
    def name(self) -> str:
        """The lane's name in commands and output."""
        if self.model:
            return f"@{self.model}"
        who = "persona" if self.adapter else "base"
        return who + (f"@{self.which}" if self.which else "") + ("+prefix" if self.prefix else "")


LANES = {lane.name: lane for lane in (Lane(True, True), Lane(False, True), Lane(True, False), Lane(False, False))}
"""The four that need no other adapter and no other program, by name, in the order in which they are shown."""


def parse_lanes(text: str) -> list[Lane]:
    """`persona+prefix,base` -> lanes, in the order given. Raises UsageError."""
    lanes = []
    for name in (part.strip() for part in text.split(",")):
        if name not in LANES:
            raise UsageError(f"there is no lane '{name}'; {did_you_mean(name, LANES)}")
        lanes.append(LANES[name])
    if len(set(lanes)) < len(lanes):
        raise UsageError(f"a lane is named twice in '{text}'; name each once")
    return lanes

"""Words that steer a chat: a message that begins with a slash is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from roleplay.chat.sampled import SAMPLING
from roleplay.errors import UsageError
from roleplay.text import did_you_mean, one_line

Value = str | int | float | bool | None
"""What stands behind a word: text, a number, on or off; `None` for the card's own."""
Kind = Literal[
    "setting",
    "value",
    "shown",
    "file",
    "format",
    "prefix",
    "switch",
    "lane",
    "adapter",
    "percent",
    "steps",
    "new",
    "text",
]
"""What is expected behind a word, and so what completes it."""


@dataclass(frozen=True)
class Command:
    """A word with what stands behind it, checked as far as that goes without the chat."""

    word: str
    """One of `WORDS`."""
    values: tuple[Value, ...] = ()
    """What stands behind it; what may be left out and was, is not there."""


@dataclass(frozen=True)
class Word:
    """One of the words."""

    usage: str
    """How it is written."""
    what: str
    """What it does."""
    takes: tuple[Kind, ...] = ()
    """What stands behind it, in order."""
    needs: int = 0
    """How much of it may not be left out."""
    many: bool = False
    """Whether the last of it may stand there several times."""


WORDS = {
    "set": Word("/set NAME VALUE|card", "Change a sampling setting, strength or own_history", ("setting", "value"), 2),
    "show": Word("/show sent|lens|prefixes|lanes|card|settings", "Look something up", ("shown",), 1),
    "save": Word("/save [FILE] [--format markdown|jsonl|tavern]", "Write this chat to a file", ("file", "format")),
    "load": Word("/load FILE", "Take in a chat from a file, as a new one", ("file",), 1),
    "clear": Word("/clear", "Take all that was said out of this chat"),
    "undo": Word("/undo", "Take back the last step"),
    "swipe": Word("/swipe [N]", "N replies further, or back if N is below 0; behind the last a new one", ("steps",)),
    "regenerate": Word("/regenerate", "Have the last message answered anew"),
    "continue": Word("/continue", "Go on with a reply that was cut"),
    "edit": Word("/edit", "Say the last message, or the marked one, otherwise"),
    "branch": Word("/branch", "Go on from the marked message"),
    "delete": Word("/delete", "Take out the marked message, or the last, with all that follows"),
    "take": Word("/take LANE", "Let what that lane said be the reply", ("lane",), 1),
    "stop": Word("/stop", "Stop the reply"),
    "prefix": Word("/prefix ID on|off", "Switch a prefix", ("prefix", "switch"), 2),
    "lane": Word("/lane NAME …", "Let these lanes answer; the first is the conversation", ("lane",), 1, many=True),
    "strength": Word("/strength PERCENT", "How strong the adapter is: 0 is the base, 100 as it was trained", ("percent",), 1),
    "adapter": Word("/adapter [LABEL|card]", "Let another adapter answer; without a label list them", ("adapter",)),
    "card": Word("/card new", "Go on with the card as it is now", ("new",), 1),
    "find": Word("/find [WORDS]", "Find in all chats", ("text",)),
    "new": Word("/new", "Begin a new chat; this one is kept"),
    "help": Word("/help", "What keys and words do"),
    "bye": Word("/bye", "Leave"),
}  # fmt: skip
"""All words, in the order of the help."""
SHOWN = ("sent", "lens", "prefixes", "lanes", "card", "settings")
"""What `/show` shows."""
FORMATS = ("markdown", "jsonl", "tavern")
"""What `/save` writes."""
OWN = "card"
"""The value that goes back to the card's own setting, or to the adapter that was opened."""
SETTINGS = (*SAMPLING, "strength", "own_history")
"""What `/set` sets."""
_FIXED: dict[Kind, Sequence[str]] = {
    "setting": SETTINGS,
    "value": (OWN,),
    "shown": SHOWN,
    "format": tuple(f"--format {name}" for name in FORMATS),
    "switch": ("on", "off"),
    "new": ("new",),
}

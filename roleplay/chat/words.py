"""The words that steer a chat, and what may stand behind each."""

from dataclasses import dataclass
from typing import Literal

from roleplay.chat.sampled import SAMPLING

Kind = Literal[
    "setting", "value", "shown", "file", "format", "prefix", "switch", "lane", "adapter", "percent", "steps", "new",
    "text",
]  # fmt: skip
"""What stands behind a word."""


@dataclass(frozen=True)
class Word:
    """A word that steers a chat."""

    usage: str
    """How it is written."""
    what: str
    """What it does."""
    takes: tuple[Kind, ...] = ()
    """What stands behind it, in order."""
    needs: int = 0
    """How much of that may not be left out."""
    many: bool = False
    """Whether the last of that may stand there several times."""


WORDS = {
    "set": Word("/set NAME VALUE", "Change a setting of this chat; 'card' goes back", ("setting", "value"), 2),
    "show": Word("/show WHAT", "Look up what was sent or known, prefixes, lanes, card or settings", ("shown",), 1),
    "save": Word(
        "/save [FILE] [--format F]",
        "Write this chat to a file: markdown, jsonl (all of it) or sillytavern",
        ("file", "format"),
    ),
    "load": Word("/load FILE", "Take in a chat from a file, as one more", ("file",), 1),
    "clear": Word("/clear", "Take all that was said out of this chat"),
    "undo": Word("/undo", "Take back the last step"),
    "swipe": Word("/swipe [N]", "To the next reply, or N replies on; behind the last draw a new one", ("steps",)),
    "regenerate": Word("/regenerate", "Have the last message answered anew"),
    "continue": Word("/continue", "Go on with a reply that was cut"),
    "edit": Word("/edit", "Say the marked message otherwise, or your last one"),
    "branch": Word("/branch", "Go on from the marked message"),
    "delete": Word("/delete", "Take out the marked message, or the last reply, with all that follows"),
    "take": Word("/take LANE", "Let what this lane said be the reply", ("lane",), 1),
    "stop": Word("/stop", "Stop the reply; what was said of it is kept"),
    "prefix": Word("/prefix ID on|off", "Switch a prefix", ("prefix", "switch"), 2),
    "lane": Word(
        "/lane NAME …", "Let these lanes answer, or MODEL@URL; the first is the conversation", ("lane",), 1, many=True
    ),
    "strength": Word("/strength PERCENT", "Of the adapter: 0 is the base, 100 as it was trained", ("percent",), 1),
    "adapter": Word("/adapter [LABEL]", "Let another adapter answer; 'card' goes back", ("adapter",)),
    "card": Word("/card new", "Go on with the card as it is now", ("new",), 1),
    "find": Word("/find [WORDS]", "Find in all chats", ("text",)),
    "new": Word("/new", "Begin anew; this conversation is kept"),
    "help": Word("/help", "What keys and words do"),
    "bye": Word("/bye", "Leave; all is kept, unless --no-save"),
}
"""By name, in the order of the help."""
SETTINGS = (*SAMPLING, "own_history")
"""What `/set` sets: sampling, and whether each lane remembers its own replies."""
SHOWN = ("sent", "known", "lens", "prefixes", "lanes", "card", "settings")
"""What `/show` shows."""
CARD = "card"
"""The value that goes back to what the card has."""

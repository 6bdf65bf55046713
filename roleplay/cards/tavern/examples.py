"""`mes_example`: talk between `{{user}}` and `{{char}}` in blocks that begin with `<START>`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from roleplay.dialogue import Dialogue, Role, Turn
from roleplay.text import clean

_START = re.compile(r"<\s*START\s*>", re.IGNORECASE)
_USER = ("{{user}}", "<user>", "you", "user")
_CHAR = ("{{char}}", "<bot>", "<char>")
SOURCE = "mes_example"


@dataclass(frozen=True)
class Examples:
    """The blocks that are talk, and how much is not."""

    dialogues: tuple[Dialogue, ...]
    """Blocks in which the character answers, with speakers that take turns."""
    left_out: int
    """Blocks without a turn of the character, and lines before the first speaker."""


def parse_examples(text: str, names: Sequence[str]) -> Examples:
    """Dialogues of `text`; `names` are what the character is called besides the macros.

    A speaker's line begins with the name and a colon; lines without one belong to the turn before. Turns of one speaker
    that follow each other are joined by a newline.
    """
    speakers = _speakers(names)
    dialogues: list[Dialogue] = []
    left_out = 0
    for block in _START.split(clean(text)):
        turns, stray = _turns(block, speakers)
        if any(turn.role == "assistant" for turn in turns):
            dialogues.append(Dialogue(tuple(turns), f"{SOURCE}:{len(dialogues) + 1}"))
            left_out += stray
        else:
            left_out += bool(block.strip())
    return Examples(tuple(dialogues), left_out)


def examples_text(dialogues: Iterable[Dialogue]) -> str:
    """The text that `parse_examples` reads as `dialogues`, where no line of theirs looks like a speaker's."""
    blocks = []
    for dialogue in dialogues:
        lines = [f"{'{{user}}' if turn.role == 'user' else '{{char}}'}: {turn.text}" for turn in dialogue.turns]
        blocks.append("\n".join(["<START>", *lines]))
    return "\n".join(blocks)


def split_context(text: str, names: Sequence[str]) -> tuple[str, str]:
    """A persona, and the talk that follows it in the same text."""
    found = _speakers(names).search(text)
    start = _START.search(text)
    at = min([match.start() for match in (found, start) if match], default=len(text))
    return text[:at], text[at:]


def _speakers(names: Sequence[str]) -> re.Pattern[str]:
    user = "|".join(map(re.escape, _USER))
    char = "|".join(map(re.escape, [*_CHAR, *(name for name in names if name)]))
    return re.compile(rf"^[ \t]*(?:(?P<char>{char})|(?P<user>{user}))[ \t]*[:：]", re.IGNORECASE | re.MULTILINE)


def _turns(block: str, speakers: re.Pattern[str]) -> tuple[list[Turn], int]:
    """Turns of one block, and whether text before the first was left out."""
    found = list(speakers.finditer(block))
    turns: list[Turn] = []
    for match, following in zip_longest(found, found[1:]):
        end = following.start() if following else len(block)
        role: Role = "assistant" if match["char"] else "user"
        said = block[match.end() : end].strip()
        if said and turns and turns[-1].role == role:
            turns[-1] = Turn(role, f"{turns[-1].text}\n{said}")
        elif said:
            turns.append(Turn(role, said))
    return turns, bool(block[: found[0].start() if found else 0].strip())

"""OpenAI chat rows: `messages` of `role` and `content`; also any list of messages when speakers are told.

    {"messages": [{"role": "system", "content": "…"}, {"role": "user", "content": "…"}, {"role": "assistant", …}]}

The API lets one side speak twice in a row, and the assistant first: the one is merged, the other is an opening.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.corpora.forms.row import Drop, Made, Speakers, dialogue, fields, items, text_of
from roleplay.corpora.forms.sharegpt import TOOL_CALL, Tags
from roleplay.dialogue import Role, Turn

COLUMNS = ("messages", "conversations", "conversation", "dialogue", "turns")
"""Columns that hold a list of messages."""
_TAGS = Tags()
_SYSTEM = (*_TAGS.system, "developer")


@dataclass(frozen=True)
class Messages:
    """Who is who."""

    speakers: Speakers
    """Empty goes by the roles."""

    def make(self, row: Any, source: str) -> Made:
        """A dialogue. Raises Drop."""
        cells = fields(row)
        messages = next((found for name in COLUMNS if (found := items(cells.get(name)))), None)
        if not messages:
            raise Drop("has no messages")
        turns, merged = conversation(messages, self.speakers)
        system = text_of(cells.get("system"), "a system prompt")
        if system and turns[:1] and turns[0].role != "system":
            turns.insert(0, Turn("system", system))
        if self.speakers.me is not None and not any(turn.role == "assistant" for turn in turns):
            raise Drop("has no turn by the speaker named with --me")
        return Made(dialogue(turns, source), merged)


def conversation(messages: Sequence[Any], speakers: Speakers) -> tuple[list[Turn], int]:
    """Turns that alternate, with the number of messages joined to the one before. Raises Drop."""
    turns: list[Turn] = []
    merged = 0
    for message in messages:
        role = _role(message, speakers)
        text = _text(message.get("content", message.get("value")))
        if role == "system" and turns:
            raise Drop("has a system turn after the first")
        if turns and turns[-1].role == role:
            turns[-1] = Turn(role, "\n".join(part for part in (turns[-1].text, text) if part))
            merged += 1
        else:
            turns.append(Turn(role, text))
    return turns, merged


def _role(message: Any, speakers: Speakers) -> Role:
    if not isinstance(message, dict):
        raise Drop("has a message that is not an object")
    name = message.get("role", message.get("from"))
    if message.get("tool_calls") or message.get("function_call") or (isinstance(name, str) and name in _TAGS.tools):
        raise Drop(TOOL_CALL)
    if isinstance(name, str) and name in _SYSTEM:
        return "system"
    if speakers:
        role = speakers.role(name, message.get("name"), message.get("speaker"))
        if role is None:
            raise Drop("has a turn by somebody else than the two speakers")
        return role
    if not isinstance(name, str) or name not in (*_TAGS.user, *_TAGS.assistant):
        raise Drop("has a turn by an unknown role")
    return "user" if name in _TAGS.user else "assistant"


def _text(content: Any) -> str:
    """The text of a message, also where it is a list of parts."""
    if not isinstance(content, list):
        return text_of(content, "a turn")
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else 0 for part in content]
    return "\n".join(text_of(text, "a turn") for text in texts)

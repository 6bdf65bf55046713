"""SillyTavern chat files: a line about the chat, then one a message; a file is one dialogue.

    {"user_name": "…", "character_name": "…", "create_date": "…", "chat_metadata": {…}}
    {"name": "…", "is_user": false, "is_system": false, "send_date": "…", "mes": "…", "swipes": ["…", …]}

`mes` is the swipe that was chosen. Somebody else than the two speakers ends a dialogue.
"""

from typing import Any

from roleplay.corpora.forms.row import Drop, Speakers, dialogue, fields, text_of
from roleplay.dialogue import Dialogue, Role, Turn

_LONGEST = 2000
"""Turns after which the next question begins a new dialogue, so that memory stays bounded."""


class Chat:
    """Collects the messages of one file."""

    def __init__(self, speakers: Speakers) -> None:
        self.speakers = speakers
        self.turns: list[Turn] = []
        self.source = ""

    def take(self, row: Any, source: str) -> tuple[Dialogue | None, int]:
        """A dialogue that ends before this message, if one does, and how many turns were merged. Raises Drop."""
        cells = fields(row)
        if "mes" not in cells:
            if is_head(cells):
                return None, 0
            raise Drop("is no message of a chat")
        if cells.get("is_system") is True:
            raise Drop("is hidden from the chat (is_system)")
        text = text_of(cells["mes"], "a message")
        if not text:
            raise Drop("is an empty message")
        role = self._role(cells)
        if role is None:
            # What follows answers a third person: it cannot go on the dialogue so far.
            raise ThirdSpeaker("is spoken by somebody else than the two speakers")
        if self.turns and self.turns[-1].role == role:
            self.turns[-1] = Turn(role, f"{self.turns[-1].text}\n{text}")
            return None, 1
        done = self.end() if role == "user" and len(self.turns) >= _LONGEST else None
        self.source = source if not self.turns else self.source
        self.turns.append(Turn(role, text))
        return done, 0

    def end(self) -> Dialogue | None:
        """The dialogue so far; `None` where the character says nothing in it."""
        turns, self.turns = self.turns, []
        try:
            return dialogue(turns, self.source)
        except Drop:
            return None

    def _role(self, cells: dict[str, Any]) -> Role | None:
        if self.speakers:
            return self.speakers.role(cells.get("name"))
        return "user" if cells.get("is_user") is True else "assistant"


class ThirdSpeaker(Drop):
    """A message by somebody else, which also ends the dialogue before it."""


def is_head(cells: dict[str, Any]) -> bool:
    """Whether a row tells about the chat and is no message of it."""
    return "mes" not in cells and any(key in cells for key in ("chat_metadata", "user_name", "character_name"))

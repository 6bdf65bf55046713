"""What a chat remembers of how it is held."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

STRONGEST = 1.5
"""The strength dial's end; 1 is the adapter as it was trained."""


class ChatSettings(BaseModel):
    """What was changed in one chat; the rest is the card's and what was typed at the start."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    prefixes: tuple[str, ...] | None = None
    """Ids of the prefixes that are on; `None` leaves them to the card."""
    lanes: tuple[str, ...] = ()
    """Names of the lanes, the conversation's first; empty for that one alone."""
    own_history: bool = False
    """Whether each lane remembers its own replies; else all follow the conversation's."""
    strength: float = 1.0
    """Strength of the adapter, 0 to `STRONGEST`."""
    adapter: str = ""
    """Label of another adapter of the character; empty for the one that was opened."""
    sampling: dict[str, float | int] = {}
    """Sampling settings that differ from the card's."""
    pinned: tuple[str, ...] = ()
    """Identities of passages that always come to mind."""
    excluded: tuple[str, ...] = ()
    """Identities of passages that never do."""

    def changed(self, **values: Any) -> "ChatSettings":
        """With other values."""
        return ChatSettings.model_validate(self.model_dump() | values)


def read_settings(text: str | None) -> ChatSettings:
    """Settings as the store keeps them; those that cannot be read are the default ones."""
    try:
        return ChatSettings.model_validate_json(text or "{}")
    except ValidationError:
        return ChatSettings()

"""Which passages a person wants to come to mind in a chat, and which not."""

from typing import Literal

from roleplay.chat.settings import ChatSettings

Wish = Literal["pinned", "excluded"]
"""A passage always comes to mind, or never."""
_MOST = 100
"""Wishes of each kind that a chat holds; the oldest leave."""


def wished(settings: ChatSettings, identity: str, wish: Wish) -> dict[Wish, tuple[str, ...]]:
    """The wishes with this one more, or without it where it was held already; a passage has one wish at most."""
    other: Wish = "excluded" if wish == "pinned" else "pinned"
    held: tuple[str, ...] = getattr(settings, wish)
    rest = tuple(one for one in getattr(settings, other) if one != identity)
    new = tuple(one for one in held if one != identity) if identity in held else (*held, identity)[-_MOST:]
    return {wish: new, other: rest}

"""结衣 as she ships, and somebody who hears no progress."""

from roleplay.cards.find import open_card
from roleplay.chat.open import Opened, open_character
from roleplay.paths import Home


def quiet(step: str, done: int, total: int) -> None:
    """Hears of every step."""


def opened(home: Home, name: str = "yui") -> Opened:
    """A shipped character with its shipped adapter; `home` has none of its own."""
    return open_character(open_card(name, home), home)

"""Who talks in a conversation, by name."""

from dataclasses import dataclass

from pydantic import ValidationError

from roleplay.cards.find import open_card
from roleplay.cards.model import Card
from roleplay.chat.whole import WholeChat
from roleplay.dialogue import Role
from roleplay.errors import RoleplayError
from roleplay.paths import Home


@dataclass(frozen=True)
class Names:
    """The two speakers."""

    user: str
    """Name of the person."""
    character: str
    """Name the character goes by."""

    def of(self, role: Role) -> str:
        """Whoever has that role."""
        return self.user if role == "user" else self.character


def names_of(whole: WholeChat, home: Home) -> Names:
    """As the card says that the chat was begun with, else the one of that name in reach, else its bare name."""
    try:
        card = Card.model_validate_json(whole.pin.card or "")
    except ValidationError:
        try:
            card = open_card(whole.character, home).card
        except RoleplayError:
            return Names("User", whole.character)
    return Names(card.user_name, card.display_name)

"""A character as one value: its card and the files that the card names."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from roleplay.cards.model import Card
from roleplay.dialogue import Dialogue

OWN = "{name}/"
"""How the character's own folder is written while it travels: the name may become another."""
EXAMPLES = f"{OWN}examples.yaml"
"""The corpus that `mes_example` is."""


@dataclass(frozen=True)
class Character:
    """What goes into a card of another program, or came out of one; paths of corpora begin with `OWN`."""

    card: Card
    """The card; `avatar` is not carried by it but as a picture."""
    examples: tuple[Dialogue, ...] = ()
    """Dialogues of the corpus `EXAMPLES`; empty where the card has none."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Text of every other corpus by its path."""

"""The characters in reach, and what each of them has: an adapter, conversations."""

from dataclasses import dataclass

from roleplay.cards.find import find_cards
from roleplay.cards.load import load_card
from roleplay.chat.store import ChatStore, StoredChat
from roleplay.errors import AdapterError, FileFaults
from roleplay.models.find import adapter_folders
from roleplay.models.passport import read_passport
from roleplay.paths import Home


@dataclass(frozen=True)
class Entry:
    """A character to choose."""

    name: str
    """Name of the card."""
    display_name: str
    """Name it goes by; that of the card where the card is faulty."""
    about: str
    """Description, or how many faults the card has."""
    place: str
    """`project`, `home` or `shipped`."""
    adapter: str | None
    """`character/run@step` of the adapter chat would take; `None` where the base answers alone."""
    chats: tuple[StoredChat, ...]
    """Its conversations, the one talked in last first."""
    faults: int
    """Faults of its card; a faulty one cannot be opened."""


def roster(home: Home, store: ChatStore | None) -> list[Entry]:
    """Every character in reach, by name. Raises StorageError."""
    chats: dict[str, list[StoredChat]] = {}
    for chat in store.chats() if store is not None else ():
        chats.setdefault(chat.character, []).append(chat)
    entries = []
    for name, (path, place) in find_cards(home).items():
        display, about, faults = name, "", 0
        try:
            card = load_card(path).card
            display, about = card.display_name, card.description
        except FileFaults as error:
            faults = len(error.faults)
            about = f"{faults} fault{'s' if faults > 1 else ''}: roleplay cards check {name}"
        entries.append(Entry(name, display, about, place, _adapter(home, name), tuple(chats.get(name, ())), faults))
    return entries


def _adapter(home: Home, name: str) -> str | None:
    for folder in adapter_folders(home, name):
        try:
            return read_passport(folder).label
        except AdapterError:
            continue
    return None

"""Where everything of a pack lies: in the archive, and on disk once it is installed.

card.json                                   the card as other programs read it
assets/…                                    pictures and the like that it names
roleplay/manifest.json                      every other file with size and hash, and the evidence
roleplay/characters/yui.yaml                the card
roleplay/characters/yui/dialogue.yaml       its corpora, and its picture
roleplay/data/knowledge/yui/library.md      its books, where a card looks for them
roleplay/adapter/best/…                     adapter_model.safetensors, adapter_config.json, roleplay.json
roleplay/canaries.json                      what it must say everywhere

Installed, `roleplay/` falls away, and what a card of another program brought along lies in the character's own folder.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from roleplay.authoring.tavern_in import ARCHIVE
from roleplay.cards.tavern.character import OWN
from roleplay.cards.tavern.charx import CARD
from roleplay.cards.tavern.luggage import safe_path
from roleplay.cards.tavern.own_files import CHARACTERS, OURS
from roleplay.models.plain_adapter import PARTS
from roleplay.packs.manifest import MANIFEST

ADAPTER = f"{OURS}adapter/best/"
CANARIES = f"{OURS}canaries.json"
KNOWLEDGE = f"{OURS}data/knowledge/"
"""Books; what follows is what the card names, and what a passage is cited by."""
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")
"""Endings of pictures."""
TEXTS = (".json", ".jsonl", ".yaml", ".yml", ".txt", ".md", ".csv", ".tsv")
"""Endings of what is read as text, and checked as such."""
BOOKS = (".txt", ".md", ".markdown", ".html", ".htm", ".xhtml", ".csv", ".tsv", ".json", ".jsonl")
"""Endings of books: texts, each byte of which can be checked; others hold archives or drawings of their own."""
_MEDIA = (*PICTURES, ".mp3", ".ogg", ".wav", ".flac", ".m4a", ".mp4", ".webm", ".ttf", ".otf", ".woff", ".woff2")
_LONGEST = 120
_DEEPEST = 12
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows gives to devices."""


def card_place(name: str) -> str:
    """Where the card of `name` lies in the archive."""
    return f"{CHARACTERS}{name}.yaml"


def is_text(path: str) -> bool:
    """Whether a file of the archive is read as text, and checked as such."""
    return path.lower().endswith(TEXTS) or path.startswith(KNOWLEDGE)


def beside_card(paths: Iterable[str], name: str) -> set[str]:
    """Files and folders at `paths` that lie beside the installed card, in small letters.

    A card's books are looked for there before they are where they lie.
    """
    places = [PurePosixPath(installed_place(path, name).as_posix().casefold()) for path in paths]
    folders = [folder for place in places for folder in (place, *place.parents)]
    return {str(place).removeprefix("characters/") for place in folders if place.parts[:1] == ("characters",)}


def why_no_place(path: str, name: str) -> str | None:
    """Why a pack of the character `name` must not hold a file at `path`; `None` where it may."""
    parts = path.split("/")
    if not path.isprintable() or any(part in ("", ".", "..") for part in parts) or re.search(r'[\\:*?"<>|]', path):
        return "its name leads elsewhere"
    if len(parts) > _DEEPEST or any(len(part.encode(errors="replace")) > _LONGEST for part in parts):
        return "its name is too long"
    if any(part[-1] in ". " or part[0] == " " or _RESERVED.match(part) for part in parts):
        return "its name is not one for every system"
    if path.startswith(OURS):
        return None if _is_ours(path, name) else "a pack has no such file"
    if path == CARD or path.lower().endswith((*_MEDIA, *TEXTS)):
        return None
    return "files of this ending do not travel"


def installed_place(path: str, name: str) -> PurePosixPath:
    """Where a file of the archive lies below the folder of an installed pack."""
    if path.startswith(OURS):
        return PurePosixPath(path.removeprefix(OURS))
    return PurePosixPath(path) if path == CARD else PurePosixPath("characters", name, ARCHIVE, path)


def _is_ours(path: str, name: str) -> bool:
    if path in (MANIFEST, CANARIES, card_place(name)) or path in {f"{ADAPTER}{part}" for part in PARTS}:
        return True
    if path.startswith(KNOWLEDGE):
        return path.lower().endswith(BOOKS) and not any(part.startswith(".") for part in path.split("/"))
    own = f"{CHARACTERS}{name}/"
    inner = path.removeprefix(own)
    if not path.startswith(own) or inner.split("/")[0].casefold() == ARCHIVE:
        return False
    if inner in {f"avatar{ending}" for ending in PICTURES}:
        return True
    return inner == "examples.yaml" or safe_path(f"{OWN}{inner}")

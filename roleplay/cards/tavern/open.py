"""A card file of another program, told by its content and taken apart."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from roleplay.cards.tavern.charx import SCHEMES, read_charx
from roleplay.cards.tavern.json_text import parse_json
from roleplay.cards.tavern.own_files import own_files_taken
from roleplay.cards.tavern.png import SIGNATURE, Png, read_png
from roleplay.cards.tavern.refuse import refused
from roleplay.errors import FileFaults
from roleplay.paths import shown
from roleplay.strictyaml import parse

Carrier = Literal["png", "json", "charx", "yaml"]

DRAWN = "roleplay-drawn"
"""Keyword that marks a picture of ours which stands for none."""
MOST = 300 * 2**20
"""Largest file in bytes."""
MOST_TEXT = 32 * 2**20
"""Largest JSON or YAML file in bytes."""


@dataclass(frozen=True)
class TavernFile:
    """What a file holds."""

    value: Any
    """The card, not yet checked."""
    carrier: Carrier
    """What the file is."""
    picture: bytes | None = None
    """The PNG without its card; `None` where there is none of the character."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Other files of a `.charx`, by path."""
    pack: bool = False
    """Whether the archive is a pack of ours, which has more than a card."""


def open_tavern(path: Path) -> TavernFile:
    """Read a card file. Raises FileFaults for one that is damaged, too large, or no card file."""
    file = shown(path)
    data = _read(path, file)
    if data.startswith(SIGNATURE):
        png = read_png(data, file)
        return TavernFile(_first_card(png, file), "png", None if DRAWN in png.marks else png.picture)
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if data.startswith(b"PK\3\4") or path.suffix.lower() == ".charx":
        charx = read_charx(data, file)
        value, files = own_files_taken(parse_json(charx.card, f"{file}:card.json"), charx.files)
        return TavernFile(value, "charx", files=files, pack=len(files) < len(charx.files))
    if len(data) > MOST_TEXT:
        raise refused(file, f"has {len(data):,} bytes; {MOST_TEXT:,} are read", "a card is smaller")
    if path.suffix.lower() in (".yaml", ".yml"):
        return TavernFile(parse(path).value, "yaml")
    if path.suffix.lower() == ".json" or head.startswith(b"{"):
        return TavernFile(parse_json(data, file), "json")
    remedy = "give a .png, .json, .charx or .yaml card; for chats and corpora: roleplay data import"
    raise refused(file, f"is no card file (it begins with {data[:8]!r})", remedy)


def icon_of(data: Mapping[str, Any], files: Mapping[str, bytes]) -> str | None:
    """Path of the character's picture among the files of a `.charx`: the icon `main`, else the first."""
    found: list[tuple[bool, str]] = []
    assets = data.get("assets")
    for asset in assets if isinstance(assets, list) else []:
        uri = asset.get("uri") if isinstance(asset, dict) and asset.get("type") == "icon" else None
        paths = [uri.removeprefix(scheme) for scheme in SCHEMES if isinstance(uri, str) and uri.startswith(scheme)]
        found += [(asset.get("name") != "main", path) for path in paths if path in files]
    return min(found, key=lambda icon: icon[0])[1] if found else None


def _read(path: Path, file: str) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST:
            raise refused(file, f"has {size:,} bytes; {MOST:,} are read", "a card is smaller")
        return path.read_bytes()
    except OSError as error:
        raise refused(file, f"cannot be read: {error.strerror}", "check the path and its permissions") from error


def _first_card(png: Png, file: str) -> Any:
    """The first card of a picture that can be read."""
    if not png.texts:
        remedy = "save the original picture: copies and screenshots lose the card"
        raise refused(file, "is a picture without a card (no text chunk 'ccv3' or 'chara')", remedy)
    faults: list[FileFaults] = []
    for keyword, text in png.texts:
        place = f"{file}:{keyword}"
        try:
            return parse_json(base64.b64decode(text, validate=False), place)
        except binascii.Error:
            faults.append(refused(place, "is not base64", "get the file again from where it came"))
        except FileFaults as error:
            faults.append(error)
    raise faults[0]

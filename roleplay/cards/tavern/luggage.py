"""What of a native card other programs have no field for, under `extensions.roleplay`.

{"schema": 1, "name": "yui", "changes": [{"at": ["card", "generation"], "now": "", "was": {…}}, …],
 "files": {"{name}/dialogue.yaml": "- - user: …"}, "fillers": {"mes_example": print}, "instead": [null]}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roleplay.cards.model import is_identifier
from roleplay.cards.tavern.changes import Change, pack, unpack
from roleplay.cards.tavern.character import EXAMPLES, OWN
from roleplay.cards.tavern.json_text import canonical
from roleplay.text import clean, fingerprint

KEY = "roleplay"
_ENDINGS = (".yaml", ".yml", ".jsonl", ".json", ".csv", ".tsv", ".txt")
_SCHEMA = 1


@dataclass(frozen=True)
class Luggage:
    """Our part of a tavern card."""

    name: str | None = None
    """Name of the native card; `None` where it came from a tavern card, whose own name is enough."""
    changes: tuple[Change, ...] = ()
    """What turns the card made from the fields into ours."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Text of corpora by path; every path begins with `OWN`."""
    fillers: Mapping[str, str] = field(default_factory=dict)
    """Fields that were only filled in for other programs, with the print of what was put there."""
    instead: list[Any] | None = None
    """What stood at `extensions` where that was no object, alone in a list; empty where nothing stood there."""


def stow(data: dict[str, Any], luggage: Luggage) -> dict[str, Any]:
    """`data` with `luggage`, if there is any."""
    parts = {
        "name": luggage.name,
        "changes": pack(luggage.changes, as_text=False),
        "files": dict(luggage.files),
        "fillers": dict(luggage.fillers),
    }
    parts = {key: part for key, part in parts.items() if part}
    if not parts:
        return data
    extensions = data.get("extensions")
    if not isinstance(extensions, dict):
        parts["instead"], extensions = [data["extensions"]] if "extensions" in data else [], {}
    return data | {"extensions": extensions | {KEY: {"schema": _SCHEMA, **parts}}}


def take(data: dict[str, Any]) -> tuple[dict[str, Any], Luggage | None]:
    """`data` as it was before `stow`, and what was stowed; `None` where that is nothing that we wrote."""
    extensions = data.get("extensions")
    found = extensions.get(KEY) if isinstance(extensions, dict) else None
    luggage = _read(found)
    if luggage is None or not isinstance(extensions, dict):
        return data, None
    rest = {key: value for key, value in extensions.items() if key != KEY}
    plain = data | {"extensions": rest}
    if luggage.instead is not None and not rest:
        plain = {key: value for key, value in data.items() if key != "extensions"}
        plain |= dict(zip(("extensions",), luggage.instead, strict=False))
    for key, print_ in luggage.fillers.items():
        if key in plain and filler_print(plain[key]) == print_:
            plain[key] = ""
    if plain.get("assets") == "":
        del plain["assets"]
    return plain, luggage


def filler_print(value: Any) -> str:
    """Tells whether a value is still the one that was filled in."""
    return fingerprint(canonical(value))[:16]


def _read(found: Any) -> Luggage | None:
    if not isinstance(found, dict) or found.get("schema") != _SCHEMA:
        return None
    name, files, fillers = found.get("name"), found.get("files", {}), found.get("fillers", {})
    if not (name is None or (isinstance(name, str) and is_identifier(name))):
        return None
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        return None
    if not all(safe_path(path) for path in files) or len({path.casefold() for path in files}) < len(files):
        return None
    if not isinstance(fillers, dict) or not set(fillers) <= {"mes_example", "assets"}:
        return None
    try:
        changes = tuple(unpack(found.get("changes", []), as_text=False))
    except ValueError:
        return None
    instead = found.get("instead")
    return Luggage(name, changes, files, fillers, instead if isinstance(instead, list) else None)


def safe_path(path: str) -> bool:
    """Whether a corpus may be written at `path`: in the character's own folder, at most three folders deep."""
    parts = path.removeprefix(OWN).split("/")
    plain = all(0 < len(part.encode(errors="replace")) <= 120 and part[0] not in ". " for part in parts)
    return (
        path.startswith(OWN)
        and path.casefold() != EXAMPLES
        and plain
        and len(parts) <= 4
        and path.endswith(_ENDINGS)
        and clean(path) == path
        and not re.search(r'[\\:*?"<>|\n]', path)
    )

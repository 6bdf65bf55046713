"""Which keys do what: as they ship, and as a person has them in the home's `keys.yaml`.

chat.send: ctrl+s
chat.new-line: [enter, ctrl+j]
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.binding import Binding
from textual.keys import Keys

from roleplay.errors import Fault, FileFaults
from roleplay.strictyaml import Document, parse
from roleplay.text import did_you_mean, one_line

_MODIFIERS = {"ctrl", "shift", "alt", "meta", "super", "hyper"}
_KEYS = {key.value.split("+")[-1] for key in Keys if not key.value.startswith("<")}


@dataclass(frozen=True)
class Keymap:
    """The keys a person has chosen."""

    keys: dict[str, str]
    """By id of a binding: its keys, with commas between."""
    faults: tuple[Fault, ...]
    """What is wrong with the file; what is right of it holds."""


def read_keymap(path: Path, bindings: Iterable[Binding]) -> Keymap:
    """The file of keys, if there is one, held against the bindings there are."""
    if not path.is_file():
        return Keymap({}, ())
    try:
        document = parse(path, typed=False)
    except FileFaults as error:
        return Keymap({}, error.faults)
    if not isinstance(document.value, dict):
        fault = Fault(document.file, 1, "", "holds no keys", "write lines such as 'chat.send: ctrl+s'")
        return Keymap({}, (fault,))
    ships = {binding.id: binding.key for binding in bindings if binding.id}
    chosen: dict[str, str] = {}
    faults: list[Fault] = []
    for name, value in document.value.items():
        problem, remedy = _problem(name, value, ships)
        if problem:
            faults.append(Fault(document.file, document.line((name,)), one_line(name), problem, remedy))
        else:
            chosen[name] = ",".join(_listed(value))
    return Keymap(*_without_clashes(document, chosen, ships, faults))


def _listed(value: Any) -> list[str]:
    keys = value if isinstance(value, list) else str(value).split(",")
    return ["".join(key.split()).lower() if len(key.strip()) > 1 else key.strip() for key in keys]


def _problem(name: str, value: Any, ships: dict[str, str]) -> tuple[str, str]:
    """What is wrong with an entry, and what to write instead; both empty where nothing is."""
    if name not in ships:
        return "is the id of no key", did_you_mean(name, ships)
    if not value or not (isinstance(value, str) or all(isinstance(key, str) for key in value)):
        return f"has no key (seen: {one_line(repr(value))})", "write one such as ctrl+s, or several in brackets"
    for key in _listed(value):
        *modifiers, last = key.split("+")
        strange = next((one for one in modifiers if one not in _MODIFIERS), None)
        if strange is not None or not ((len(last) == 1 and last.isprintable()) or last in _KEYS):
            near = did_you_mean(last, sorted(_KEYS)) if strange is None else did_you_mean(strange, sorted(_MODIFIERS))
            return f"has a key that is none: '{one_line(key)}'", near
    return "", ""


def _without_clashes(
    document: Document, chosen: dict[str, str], ships: dict[str, str], faults: list[Fault]
) -> tuple[dict[str, str], tuple[Fault, ...]]:
    """Leave out what takes a key away from another binding that is in force at the same time."""
    kept = dict(chosen)
    for name, keys in chosen.items():
        in_force = ships | kept
        for other, key in _shared(name, keys, in_force):
            if key in ships[name].split(","):
                continue  # the other one moved here, and is the one to be told
            problem = f"has the key '{key}', which is that of {other}"
            faults.append(Fault(document.file, document.line((name,)), name, problem, f"give {other} another one too"))
            kept.pop(name, None)
            break
    return kept, tuple(sorted(faults, key=lambda fault: fault.line or 0))


def _shared(name: str, keys: str, in_force: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Other bindings in force beside `name` that have one of its keys."""
    for other, others in in_force.items():
        beside = {name.partition(".")[0], other.partition(".")[0]}
        if other != name and (len(beside) == 1 or "app" in beside):
            for key in set(keys.split(",")) & set(others.split(",")):
                yield other, key

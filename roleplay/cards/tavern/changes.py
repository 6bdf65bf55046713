"""What one JSON object has that another, made from it, lacks; put back only where nobody has edited since.

Each change carries a print of the value it replaces: when that value has become another, the edit wins.
"""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.cards.tavern.json_text import canonical, same_json
from roleplay.text import fingerprint

Path = tuple[str, ...]
_ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One value that differs."""

    at: Path
    """Keys from the root."""
    now: str
    """Print of the value that is replaced; empty where there is none."""
    was: Any = None
    """The value to put there."""
    absent: bool = False
    """There was no value; `was` has no meaning."""

    @property
    def lacks_field(self) -> bool:
        """A whole field was missing, which one format allows and another does not."""
        return self.absent and len(self.at) == 1


def difference(wanted: Any, made: Any, ties: Mapping[Path, Path] | None = None) -> list[Change]:
    """What turns `made` into `wanted`; a path in `ties` is guarded by the value at another path."""
    changes: list[Change] = []

    def note(at: Path, value: Any) -> None:
        guard = _print(_get(made, (ties or {}).get(at, at)))
        changes.append(Change(at, guard, absent=True) if value is _ABSENT else Change(at, guard, value))

    def compare(one: Any, other: Any, at: Path) -> None:
        if isinstance(one, dict) and isinstance(other, dict):
            for key in sorted({*one, *other}):
                compare(one.get(key, _ABSENT), other.get(key, _ABSENT), (*at, key))
        elif one is _ABSENT or other is _ABSENT or not same_json(one, other):
            note(at, one)

    compare(wanted, made, ())
    return changes


def restore(made: Any, changes: Iterable[Change], ties: Mapping[Path, Path] | None = None) -> Any:
    """`made` with every change whose guard still holds."""
    value = copy.deepcopy(made)
    for change in changes:
        inside = _get(value, change.at[:-1]) if change.at else None
        if not isinstance(inside, dict) or change.now != _print(_get(made, (ties or {}).get(change.at, change.at))):
            continue
        if change.absent:
            inside.pop(change.at[-1], None)
        else:
            inside[change.at[-1]] = copy.deepcopy(change.was)
    return value


def pack(changes: Sequence[Change], *, as_text: bool) -> list[dict[str, Any]]:
    """Changes as JSON values; `as_text` writes each value as ASCII JSON, which survives the cleaning of a card."""
    packed: list[dict[str, Any]] = []
    for change in changes:
        at = json.dumps(change.at)[1:-1] if as_text else list(change.at)
        value = {} if change.absent else {"was": json.dumps(change.was) if as_text else change.was}
        packed.append({"at": at, "now": change.now, **value})
    return packed


def unpack(packed: Any, *, as_text: bool) -> list[Change]:
    """Changes that `pack` wrote. Raises ValueError for anything else."""
    if not isinstance(packed, list):
        raise ValueError("is not a list")
    changes: list[Change] = []
    for entry in packed:
        if not isinstance(entry, dict) or not isinstance(entry.get("now"), str):
            raise ValueError("has an entry without 'now'")
        try:
            at = json.loads(f"[{entry['at']}]") if as_text else entry["at"]
            was = json.loads(entry["was"]) if as_text and "was" in entry else entry.get("was")
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError("has an entry that cannot be read") from error
        if not isinstance(at, list) or not all(isinstance(key, str) for key in at):
            raise ValueError("has an entry without a place")
        changes.append(Change(tuple(at), entry["now"], was, absent="was" not in entry))
    return changes


def _get(value: Any, at: Path) -> Any:
    for key in at:
        if not isinstance(value, dict) or key not in value:
            return _ABSENT
        value = value[key]
    return value


def _print(value: Any) -> str:
    return "" if value is _ABSENT else fingerprint(canonical(value))[:16]

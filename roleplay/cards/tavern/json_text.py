"""JSON as strangers write it: one clear error for what is none, and nothing lost on the way back."""

import json
import re
from typing import Any

from roleplay.cards.tavern.refuse import refused
from roleplay.text import one_line

DEEPEST = 100
"""Lists and objects within each other."""


class _Odd(ValueError):
    """A number that JSON cannot carry on."""


def _constant(name: str) -> Any:
    raise _Odd(f"holds {name}, which is no number in JSON")


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Odd(f"holds the number {one_line(text, 30)}, which is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > 400:
        raise _Odd(f"holds a number of {len(text):,} digits")
    return int(text)


def parse_json(data: bytes, file: str) -> Any:
    """Plain Python values. Raises FileFaults with the line of a fault where it is known."""
    where = "correct that place, or get the file again from where it came"
    try:
        text = data.decode(json.detect_encoding(data))
        value = json.loads(text.lstrip("\ufeff"), parse_constant=_constant, parse_float=_float, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise refused(file, f"is not UTF-8: byte 0x{error.object[error.start]:02x} at {error.start}", where) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise refused(file, f"is not valid JSON: {error.msg} at {place}", where) from error
    except _Odd as error:
        raise refused(file, str(error), "write a plain number or text instead") from error
    except RecursionError:
        value = _too_deep()
    if not _shallow(value):
        raise refused(file, f"is nested more than {DEEPEST} deep", "flatten it")
    return value


def _too_deep() -> Any:
    value: Any = []
    for _ in range(DEEPEST + 1):
        value = [value]
    return value


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON that can be written as UTF-8: halves of surrogate pairs are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


def same_json(one: Any, other: Any) -> bool:
    """Equal as JSON; unlike `==`, `1`, `1.0` and `true` are three values."""
    return canonical(one) == canonical(other)


def canonical(value: Any) -> str:
    """ASCII text that is the same for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True)

"""A message that begins with a slash: which word it is, with what stands behind it; and how it may go on."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from roleplay.chat.sampled import check_sampling
from roleplay.chat.transcripts.export import FORMATS
from roleplay.chat.words import CARD, SETTINGS, SHOWN, WORDS, Kind, Word
from roleplay.errors import UsageError
from roleplay.text import did_you_mean, one_line

Value = str | int | float | bool | None
"""Text, a number, on or off; `None` for what the card has."""
_FORMAT = re.compile(r"\s*--format[= ]\s*(\S+)\s*$")
_SWITCH = {"on": True, "off": False}
_FIXED: Mapping[Kind, Sequence[str]] = {
    "setting": SETTINGS,
    "value": (CARD,),
    "shown": SHOWN,
    "format": tuple(f"--format {name}" for name in FORMATS),
    "switch": tuple(_SWITCH),
    "adapter": (CARD,),
    "new": ("new",),
}


@dataclass(frozen=True)
class Command:
    """A word with what stands behind it, checked as far as that goes without the chat."""

    word: str
    """One of `WORDS`."""
    values: tuple[Value, ...] = ()
    """What stands behind it, as far as it was written."""


def parse(text: str) -> Command | str:
    """What is meant by a line that was sent: a command, or the message to say; `//` begins one with a slash.

    Raises UsageError.
    """
    if not text.startswith("/"):
        return text
    if text.startswith("//"):
        return text[1:]
    name, _, rest = text[1:].partition(" ") if " " in text else text[1:].partition("\n")
    name, rest = name.strip().lower(), rest.strip()
    if name not in WORDS:
        raise UsageError(
            f"there is no word '/{one_line(name)}'; {did_you_mean(name, WORDS)} A message may begin with //"
        )
    word = WORDS[name]
    parts = _split(word, rest)
    if not word.needs <= len(parts) or (len(parts) > len(word.takes) and not word.many):
        raise UsageError(f"'{one_line(text)}' is incomplete or too long; write {word.usage}")
    if name == "set":
        return Command(name, _setting(*parts))
    return Command(name, tuple(_read(word, i, part) for i, part in enumerate(parts)))


def complete(text: str, names: Callable[[Kind], Sequence[str]]) -> list[str]:
    """What a line could go on as, the whole line each; `names` tells the chat's own prefixes, lanes, adapters."""
    if not text.startswith("/") or text.startswith("//") or "\n" in text:
        return []
    if " " not in text:
        return [f"/{name} " if word.takes else f"/{name}" for name, word in WORDS.items() if name.startswith(text[1:])]
    head, begun = _last_part(text)
    written = head.split()
    word, behind = WORDS.get(written[0][1:]), written[1:]
    if word is None or not word.takes or (len(behind) >= len(word.takes) and not word.many):
        return []
    kind = word.takes[min(len(behind), len(word.takes) - 1)]
    options = [*names(kind), *_FIXED.get(kind, ())]
    if behind == ["own_history"]:
        options = list(_SWITCH)
    return [head + option for option in options if option.startswith(begun) and option not in behind]


def _last_part(text: str) -> tuple[str, str]:
    """What is written, and the part that is being written."""
    found = re.search(r"(--format \S*|\S*)$", text)
    at = found.start() if found is not None else len(text)
    return text[:at], text[at:]


def _split(word: Word, rest: str) -> list[str]:
    """What stands behind a word; a file and what is looked for may hold blanks."""
    if word.takes[:1] == ("text",):
        return [rest] if rest else []
    if word.takes[:1] == ("file",):
        found = _FORMAT.search(" " + rest) if "format" in word.takes else None
        file = (" " + rest)[: found.start()].strip() if found is not None else rest
        return [file, found[1]] if found is not None else [file] if file else []
    return rest.split()


def _read(word: Word, at: int, part: str) -> Value:
    kind = word.takes[min(at, len(word.takes) - 1)]
    choices: dict[Kind, Sequence[str]] = {
        "shown": SHOWN,
        "format": tuple(FORMATS),
        "switch": tuple(_SWITCH),
        "new": ("new",),
    }
    if kind in choices and part not in choices[kind]:
        raise UsageError(f"'{one_line(part)}' does not go with {word.usage}; {did_you_mean(part, choices[kind])}")
    if kind == "switch":
        return _SWITCH[part]
    if kind == "adapter":
        return None if part == CARD else part
    try:
        if kind == "steps":
            return int(part)
        if kind == "percent":
            return float(part.removesuffix("%")) / 100
    except ValueError as error:
        raise UsageError(f"'{one_line(part)}' is no number; write {word.usage}") from error
    return part


def _setting(name: str, value: str) -> tuple[Value, ...]:
    """A setting with its new value, checked."""
    if name == "own_history":
        if value not in _SWITCH:
            raise UsageError(f"own_history {one_line(value)}: write on or off")
        return name, _SWITCH[value]
    if name not in SETTINGS:
        raise UsageError(f"there is no setting '{one_line(name)}'; {did_you_mean(name, SETTINGS)}")
    return name, None if value == CARD else check_sampling(name, value)

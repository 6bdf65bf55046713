"""Pairs of a kept and a left reply, with where they come from: JSON Lines, a pair a line.

    {"turns": [{"char": "Soup's on."}, {"user": "Which one?"}], "prefixes": ["who"], "chosen": "Leek.",
     "rejected": "Soup.", "why": "swipe", "provenance": {"chat": 3, "when": 1764273600.0,
     "chosen": {"turn": 7, "lane": "persona+prefix", "prefixes": ["who"], "base": "pocket@1", "adapter": "mira/one@12",
     "sampling": {"temperature": 0.7, "seed": 1}}, "rejected": {"turn": 6, …}}}

`turns` is an entry of the native format that ends with the user's turn; it may begin with `system`. `provenance` and
`prefixes` may be left out, and so may any key of `provenance`.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from roleplay.corpora.encoding import LONGEST, find_encoding, numbered_lines
from roleplay.corpora.native import entry_turns, lines_of
from roleplay.corpora.write import entry
from roleplay.dialogue import Dialogue, Turn
from roleplay.dialogue import Pair as Answers
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown, whole_file
from roleplay.text import clean, did_you_mean, fingerprint, one_line

Why = Literal["swipe", "edit", "lane", "prefer"]
"""A reply drawn anew, one the person rewrote, one of two lanes, or one of two that were shown blind."""

_REMEDY = "correct the line, or take it out"


@dataclass(frozen=True)
class Side:
    """How one of the two replies came about; what is unknown is `None` or empty."""

    turn: int | None = None
    """Its number in the file of conversations."""
    lane: str | None = None
    """Name of the lane that said it."""
    prefixes: tuple[str, ...] = ()
    """Ids of the prefixes that it was sent."""
    base: str | None = None
    """The base with its revision."""
    adapter: str | None = None
    """The adapter as `character/run@step`; `None` where the base answered alone."""
    sampling: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Sampling settings, seed and strength."""


@dataclass(frozen=True)
class Provenance:
    """Where a choice was made."""

    chat: int | None = None
    """Number of the conversation; `None` where it was made outside of one."""
    when: float | None = None
    """When the newer of the two replies was begun, seconds since 1970."""
    chosen: Side = Side()
    """Of the better reply."""
    rejected: Side = Side()
    """Of the worse reply."""


@dataclass(frozen=True)
class Pair:
    """A choice of a person: what was said so far, with the reply that was kept and one that was not."""

    turns: tuple[Turn, ...]
    """The conversation before the reply; the last turn is the user's."""
    chosen: str
    """The better reply, without surrounding white space."""
    rejected: str
    """The worse reply, likewise."""
    why: Why
    """What the person did."""
    prefixes: tuple[str, ...] = ()
    """Ids of the prefixes that a reply is asked for with."""
    provenance: Provenance = Provenance()
    """Where it comes from."""
    source: str = field(default="", compare=False)
    """File and line it was read from, for messages."""

    @property
    def identity(self) -> str:
        """A hash of turns and both replies: moves with the pair when a file is reordered."""
        return Answers(self.turns, self.chosen, self.rejected, self.source).identity

    @property
    def context(self) -> str:
        """A hash of the turns alone: the same for all pairs of one question."""
        return fingerprint("\x1e".join(f"{turn.role}\x1f{turn.text}" for turn in self.turns))


def contradicted(pairs: Iterable[Pair]) -> set[str]:
    """Identities of the pairs that another one turns round: A over B, and B over A, after the same turns."""
    known = {(pair.context, pair.chosen, pair.rejected): pair.identity for pair in pairs}
    return {own for (asked, better, worse), own in known.items() if (asked, worse, better) in known}


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PydanticCustomError("number", "input should be a finite number")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Side(_Part):
    turn: int | None = None
    lane: str | None = None
    prefixes: list[str] = []
    base: str | None = None
    adapter: str | None = None
    sampling: dict[str, Annotated[Any, BeforeValidator(_number)]] = {}


class _Provenance(_Part):
    chat: int | None = None
    when: Annotated[float | None, Field(allow_inf_nan=False)] = None
    chosen: _Side = _Side()
    rejected: _Side = _Side()


class _Line(_Part):
    turns: list[Any]
    prefixes: list[str] = []
    chosen: str
    rejected: str
    why: Why
    provenance: _Provenance = _Provenance()


_PARTS: dict[str, type[BaseModel]] = {"provenance": _Provenance, "chosen": _Side, "rejected": _Side}


def pair_lines(pairs: Iterable[Pair]) -> Iterator[str]:
    """Lines of the file, each with its newline; control characters are left out."""
    for pair in pairs:
        turns = tuple(Turn(turn.role, _text(turn.text)) for turn in pair.turns)
        made = {
            "turns": entry(Dialogue(turns, "")),
            "prefixes": [clean(name) for name in pair.prefixes],
            "chosen": _text(pair.chosen),
            "rejected": _text(pair.rejected),
            "why": pair.why,
            "provenance": {
                "chat": pair.provenance.chat,
                "when": pair.provenance.when,
                "chosen": _side(pair.provenance.chosen),
                "rejected": _side(pair.provenance.rejected),
            },
        }
        yield json.dumps(made, ensure_ascii=False, allow_nan=False) + "\n"


def write_pairs(path: Path, pairs: Iterable[Pair]) -> int:
    """Write a file of pairs, whole or not at all; returns how many there are. Raises StorageError."""
    count = 0
    with whole_file(path) as file:
        for line in pair_lines(pairs):
            file.write(line.encode())
            count += 1
    return count


def read_pairs(path: Path) -> list[Pair]:
    """Every pair of a file. Raises FileFaults with all faults of the file, one of them that it holds none."""
    faults: list[Fault] = []
    pairs: list[Pair] = []
    encoding = find_encoding(path)
    with encoding.open(path) as file:
        for line in numbered_lines(file):
            if line.text is None:
                problem = f"is longer than {LONGEST} characters"
                faults.append(Fault(shown(path), line.number, "", problem, _REMEDY))
            elif encoding.broken(line.text):
                problem = f"is not {encoding.name}"
                faults.append(Fault(shown(path), line.number, "", problem, "save the file as UTF-8"))
            elif line.text.strip():
                found = _pair(shown(path), line.number, line.text)
                pairs += [found] if isinstance(found, Pair) else []
                faults += found if isinstance(found, list) else []
    if faults:
        raise FileFaults(faults)
    if not pairs:
        remedy = "give a file that 'roleplay data from-chats' wrote"
        raise FileFaults([Fault(shown(path), None, "", "holds no pair", remedy)])
    return pairs


def _pair(file: str, number: int, text: str) -> Pair | list[Fault]:
    """The pair of a line, or every fault of it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return [Fault(file, number, "", f"is not JSON: {one_line(reason, 120)}", "write one JSON object a line")]
    if not isinstance(value, dict):
        seen = f"is no object (seen: {one_line(text)})"
        return [Fault(file, number, "", seen, 'write {"turns": …, "chosen": …, "rejected": …, "why": …}')]
    faults: list[Fault] = []
    line: _Line | None = None
    try:
        line = _Line.model_validate(value)
    except ValidationError as error:
        faults += [_fault(file, number, issue) for issue in error.errors()]
    wrong, turns = _asked(file, number, value.get("turns"))
    faults += wrong
    faults += _reply_faults(file, number, value)
    return faults if faults or line is None else _made(line, tuple(turns), f"{file}:{number}")


def _asked(file: str, number: int, said: Any) -> tuple[list[Fault], list[Turn]]:
    """Faults and turns of the conversation before the reply; neither where it is no list."""
    if not isinstance(said, list):
        return [], []
    ends = bool(said) and isinstance(said[-1], dict) and list(said[-1]) == ["user"]
    # With a reply behind it, it is a dialogue.
    whole = [*said, {"char": "."}] if ends else said
    wrong, turns = entry_turns(file, number, whole, lines_of(whole, number), allow_system=True)
    faults = [replace(fault, key="turns") for fault in wrong if fault.problem != "has no answer"]
    if not ends:
        faults.append(Fault(file, number, "turns", "does not end with the user's turn", "write what was asked"))
    return faults, turns[:-1]


def _reply_faults(file: str, number: int, value: dict[str, Any]) -> list[Fault]:
    """What is wrong with replies that are text."""
    replies = {key: _text(value[key]) for key in ("chosen", "rejected") if isinstance(value.get(key), str)}
    faults = [
        Fault(file, number, key, f"is without text (seen: {one_line(repr(value[key]))})", "write the reply")
        for key, text in replies.items()
        if not text
    ]
    if not faults and len(replies) == 2 and replies["chosen"] == replies["rejected"]:
        problem = f"is the same as 'chosen' (seen: {one_line(replies['rejected'])})"
        faults.append(Fault(file, number, "rejected", problem, "write another reply, or take the line out"))
    return faults


def _fault(file: str, number: int, issue: Any) -> Fault:
    key = ".".join(one_line(str(part)) for part in issue["loc"])
    seen = f" (seen: {one_line(json.dumps(issue['input'], ensure_ascii=False))})"
    if issue["type"] == "missing":
        return Fault(file, number, key, "is missing", "add it")
    if issue["type"] == "extra_forbidden":
        *where, last = map(str, issue["loc"])
        known = _PARTS.get(where[-1], _Line) if where else _Line
        return Fault(file, number, key, f"is no key of a pair{seen}", did_you_mean(last, known.model_fields))
    if key == "why":
        return Fault(file, number, key, f"is no choice{seen}", did_you_mean(str(issue["input"]), get_args(Why)))
    message = clean(issue["msg"])
    return Fault(file, number, key, message[0].lower() + message[1:] + seen, _REMEDY)


def _made(line: _Line, turns: tuple[Turn, ...], source: str) -> Pair:
    about = line.provenance
    provenance = Provenance(about.chat, about.when, _read_side(about.chosen), _read_side(about.rejected))
    return Pair(turns, _text(line.chosen), _text(line.rejected), line.why, _names(line.prefixes), provenance, source)


def _read_side(side: _Side) -> Side:
    sampling = {clean(name): value for name, value in side.sampling.items()}
    lane, base, adapter = (None if name is None else clean(name) for name in (side.lane, side.base, side.adapter))
    return Side(side.turn, lane, _names(side.prefixes), base, adapter, sampling)


def _side(side: Side) -> dict[str, Any]:
    lane, base, adapter = (None if name is None else clean(name) for name in (side.lane, side.base, side.adapter))
    return {
        "turn": side.turn,
        "lane": lane,
        "prefixes": [clean(name) for name in side.prefixes],
        "base": base,
        "adapter": adapter,
        "sampling": {clean(name): value for name, value in side.sampling.items()},
    }


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(clean(name) for name in names)


def _text(text: str) -> str:
    return clean(text).strip()

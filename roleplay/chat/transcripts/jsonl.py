"""A conversation whole, as JSON Lines: one line about the chat, then one a turn; read again it is the same tree.

{"roleplay_chat": 1, "character": "…", "created": …, "head": 4, "card": {…}, "base": "…", "settings": {…}}
{"id": 4, "parent": 3, "role": "assistant", "text": "…", "lane": "persona+prefix", "prefixes": ["…"], …}
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roleplay.cards.load import cleaned
from roleplay.chat.store import Pin, StoredTurn
from roleplay.chat.whole import WholeChat
from roleplay.corpora.jsonl import read_lines
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.text import one_line

MARK = "roleplay_chat"
"""Key of the first line, by which such a file is known; its value is the version."""

Time = Annotated[float, Field(allow_inf_nan=False)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Chat(_Line):
    """The first line."""

    roleplay_chat: Literal[1]
    character: str
    created: Time
    head: int | None = None
    base: str | None = None
    adapter: str | None = None
    settings: dict[str, Any] | None = None
    card: dict[str, Any] | None = None


class _Turn(_Line):
    """Every other line."""

    id: int
    parent: int | None = None
    role: Literal["user", "assistant"]
    text: str
    lane: str | None = None
    prefixes: list[str] = []
    stopped: Literal["end", "length", "cancelled", "cut"] | None = None
    beside: bool = False
    taken: bool = False
    deleted: bool = False
    origin: int | None = None
    drawn: dict[str, Any] | None = None
    created: Time


Shape = TypeVar("Shape", bound=_Line)


def to_jsonl(whole: WholeChat) -> str:
    """The conversation as text."""
    pin = whole.pin
    chat = _Chat(
        roleplay_chat=1,
        character=whole.character,
        created=whole.created,
        head=whole.head,
        base=pin.base,
        adapter=pin.adapter,
        settings=_parsed(whole.settings),
        card=_parsed(pin.card),
    )
    turns = [
        _Turn(
            id=turn.id,
            parent=turn.parent,
            role=turn.role,  # type: ignore[arg-type]  # no system turn is ever kept
            text=turn.text,
            lane=turn.lane,
            prefixes=list(turn.prefixes),
            stopped=turn.stopped,  # type: ignore[arg-type]
            beside=turn.beside,
            taken=turn.taken,
            deleted=turn.deleted,
            origin=turn.origin,
            drawn=_parsed(turn.drawn),
            created=turn.created,
        )
        for turn in whole.turns
    ]
    lines = [chat.model_dump(), *(turn.model_dump(exclude_defaults=True) for turn in turns)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def read_jsonl(path: Path) -> WholeChat:
    """The conversation in a file. Raises FileFaults with every line that is wrong: a tree is whole or none."""
    faults: list[Fault] = []
    lines = read_lines(path, faults)
    chat = _read(_Chat, path, lines[0], faults) if lines else None
    turns: list[_Turn] = []
    known: set[int | None] = {None}
    for number, value in lines[1:]:
        turn = _read(_Turn, path, (number, value), faults)
        if turn is None:
            continue
        for key, other in (("parent", turn.parent), ("origin", turn.origin)):
            if other not in known:
                faults.append(_fault(path, number, key, f"{other} is no turn above it"))
        if turn.id in known:
            faults.append(_fault(path, number, "id", f"{turn.id} is there already"))
        known.add(turn.id)
        turns.append(turn)
    if chat is not None and chat.head not in known:
        faults.append(_fault(path, lines[0][0], "head", f"{chat.head} is no turn of the file"))
    if chat is None and not faults:
        faults.append(_fault(path, 1, "", "the file is empty"))
    if faults or chat is None:
        raise FileFaults(faults)
    pin = Pin(_written(chat.card), chat.base, chat.adapter)
    return WholeChat(chat.character, chat.created, tuple(map(_stored, turns)), chat.head, pin, _written(chat.settings))


def _stored(turn: _Turn) -> StoredTurn:
    values = turn.model_dump(exclude={"prefixes", "drawn"})
    drawn = json.dumps(turn.drawn) if turn.drawn is not None else ""
    return StoredTurn(**values, prefixes=tuple(turn.prefixes), drawn=drawn)


def _read(shape: type[Shape], path: Path, line: tuple[int, Any], faults: list[Fault]) -> Shape | None:
    number, value = line
    try:
        return shape.model_validate(cleaned(value))
    except (ValidationError, RecursionError) as error:
        told = [(one["loc"], one["msg"]) for one in error.errors()] if isinstance(error, ValidationError) else []
        for place, what in told or [((), "Nested too deeply")]:
            faults.append(_fault(path, number, ".".join(map(str, place)), what[:1].lower() + what[1:]))
        return None


def _fault(path: Path, line: int, key: str, problem: str) -> Fault:
    return Fault(
        shown(path), line, one_line(key), one_line(problem, 200), "get the file again: a tree is whole or none"
    )


def _parsed(text: str | None) -> dict[str, Any] | None:
    """An object that the store keeps as JSON; `None` where it has none."""
    try:
        value = json.loads(text or "null")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _written(value: dict[str, Any] | None) -> str | None:
    """As the models write themselves."""
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""A SillyTavern chat file as a tree: its swipes are ways, and no message is left out."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roleplay.cards.model import Card
from roleplay.cards.prompt import default_prefixes
from roleplay.chat.settings import ChatSettings
from roleplay.chat.store import Pin, StoredTurn
from roleplay.chat.transcripts.tavern_dates import read_date
from roleplay.chat.whole import WholeChat
from roleplay.corpora.forms.chat import is_head
from roleplay.corpora.report import Report
from roleplay.corpora.rows import open_table
from roleplay.dialogue import Role
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.text import clean, one_line

_STOPPED = ("end", "length", "cancelled", "cut")


@dataclass(frozen=True)
class _Way:
    """One swipe of a message."""

    text: str
    when: float
    extra: dict[str, Any]


@dataclass
class _Place:
    """A message with its swipes."""

    role: Role
    name: str
    ways: list[_Way]
    chosen: int
    hidden: bool


def read_tavern(path: Path, card: Card) -> tuple[WholeChat, Report]:
    """The conversation in a file, and what became of its lines. Raises FileFaults where there is no message in it."""
    table = open_table(path)
    report = Report(shown(path), "a SillyTavern chat", "its lines have 'mes' and 'is_user'", table.encoding)
    head: dict[str, Any] = {}
    places: list[_Place] = []
    begun = when = path.stat().st_mtime
    for row in table.rows():
        cells = row.value if isinstance(row.value, dict) else {}
        if not places and not head and is_head(cells):
            head, begun = cells, read_date(cells.get("create_date")) or begun
            when = begun
            continue
        report.rows += 1
        place = _place(cells, when)
        if row.problem or place is None:
            report.drop(row.number, row.problem or "is no message of a chat")
        elif not place.ways:
            report.drop(row.number, "is an empty message")
        else:
            report.kept += 1
            when = place.ways[place.chosen].when
            places.append(place)
    if not places:
        fault = Fault(shown(path), None, "", "holds no message of a chat", "give a chat as SillyTavern keeps it")
        raise FileFaults([fault])
    turns, last = _turns(_alternating(_named(places, head, report), report))
    settings = ChatSettings(prefixes=tuple(default_prefixes(card.prefixes))).model_dump_json()
    pin = Pin(card.model_dump_json(by_alias=True, exclude_defaults=True), None, None)
    return WholeChat(card.name, min(begun, turns[0].created), tuple(turns), last, pin, settings), report


def _place(cells: dict[str, Any], before: float) -> _Place | None:
    """A message; `None` for what is none."""
    mes, swipes, infos = cells.get("mes"), cells.get("swipes"), cells.get("swipe_info")
    if not isinstance(mes, str):
        return None
    when = read_date(cells.get("send_date")) or before
    said = _text(mes)
    swipes = [_text(swipe) for swipe in swipes] if isinstance(swipes, list) else []
    ways = []
    for i, text in enumerate(swipes):
        info = infos[i] if isinstance(infos, list) and i < len(infos) and isinstance(infos[i], dict) else {}
        ways.append(_Way(text, read_date(info.get("send_date")) or when, _dict(info.get("extra"))))
    at = cells.get("swipe_id")
    if not (isinstance(at, int) and 0 <= at < len(swipes) and swipes[at] == said):
        at = swipes.index(said) if said in swipes else len(swipes)
    if at == len(swipes):  # no swipes, or a text that was changed behind their back
        ways.append(_Way(said, when, {}))
    ways[at] = replace(ways[at], when=when, extra=ways[at].extra | _dict(cells.get("extra")))
    chosen = ways[at]
    ways = [way for way in ways if way.text]
    role: Role = "user" if cells.get("is_user") is True else "assistant"
    at = ways.index(chosen) if chosen in ways else len(ways) - 1
    return _Place(role, one_line(str(cells.get("name") or "")), ways, at, cells.get("is_system") is True)


def _named(places: list[_Place], head: dict[str, Any], report: Report) -> list[_Place]:
    """In a chat of several characters those who are not this one are told apart by their names."""
    names = Counter(place.name for place in places if place.role == "assistant" and not place.hidden)
    stated = one_line(str(head.get("character_name") or ""))
    main = stated if stated in names or not names else names.most_common(1)[0][0]
    others = [place for place in places if place.role == "assistant" and place.name not in ("", main)]
    for place in others:
        place.ways = [replace(way, text=f"{place.name}: {way.text}") for way in place.ways]
    if others:
        report.note(f"{len(others)} messages of others than {main} begin with the name of who said them")
    return places


def _alternating(places: list[_Place], report: Report) -> list[_Place]:
    """Replies that follow each other are one, with every swipe of either: what follows a reply is the person's."""
    joined: list[_Place] = []
    for place in places:
        last = joined[-1] if joined else None
        if last is None or place.hidden or last.hidden or not last.role == place.role == "assistant":
            joined.append(place)
            continue
        report.merged += 1
        before = last.ways.pop(last.chosen)
        last.chosen = len(last.ways) + place.chosen
        last.ways += [replace(before, text=f"{before.text}\n\n{way.text}") for way in place.ways]
    hidden = sum(place.hidden for place in joined)
    if hidden:
        report.note(f"{hidden} messages were hidden from the chat; they are kept as deleted turns")
    return joined


def _turns(places: list[_Place]) -> tuple[list[StoredTurn], int | None]:
    """The tree, and the last turn of its path; a hidden message stands beside the path."""
    turns: list[StoredTurn] = []
    last: int | None = None
    for place in places:
        first = len(turns) + 1
        turns += [_turn(number, last, place, way, greets=last is None) for number, way in enumerate(place.ways, first)]
        last = last if place.hidden else first + place.chosen
    return turns, last


def _turn(number: int, parent: int | None, place: _Place, way: _Way, *, greets: bool) -> StoredTurn:
    own = _dict(way.extra.get("roleplay"))
    lane, prefixes, stopped = own.get("lane"), own.get("prefixes"), own.get("stopped")
    if place.role == "user" or greets:
        lane, prefixes, stopped = None, (), None
    else:
        model = way.extra.get("model")
        lane = (
            one_line(lane) if isinstance(lane, str) else f"@{one_line(model) if isinstance(model, str) else 'imported'}"
        )
        stopped = stopped if stopped in _STOPPED else "end"
    return StoredTurn(
        id=number,
        parent=parent,
        role=place.role,
        text=way.text,
        lane=lane,
        prefixes=tuple(one_line(name) for name in prefixes if isinstance(name, str)) if prefixes else (),
        stopped=stopped,
        beside=False,
        taken=False,
        origin=None,
        drawn="",
        deleted=place.hidden,
        created=way.when,
    )


def _text(value: Any) -> str:
    return clean(value).strip() if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

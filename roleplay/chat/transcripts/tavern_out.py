"""A conversation as SillyTavern keeps one: a line about the chat, then one a message, replies with their swipes."""

import json
from typing import Any

from roleplay.chat.store import StoredTurn
from roleplay.chat.transcripts.names import Names
from roleplay.chat.transcripts.tavern_dates import write_begun, write_date
from roleplay.chat.whole import WholeChat


def to_tavern(whole: WholeChat, names: Names) -> tuple[str, tuple[str, ...]]:
    """The path that is shown as text, and what its linear form has no place for."""
    told: set[int] = set()
    rows: list[dict[str, Any]] = [
        {
            "user_name": names.user,
            "character_name": names.character,
            "create_date": write_begun(whole.created),
            "chat_metadata": {},
        }
    ]
    for turn in whole.line:
        ways = whole.ways(turn) if turn.role == "assistant" else [turn]
        told |= {way.id for way in ways}
        rows.append(_message(turn, ways, names))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), whole.left_out(told)


def _message(turn: StoredTurn, ways: list[StoredTurn], names: Names) -> dict[str, Any]:
    message = {
        "name": names.of(turn.role),
        "is_user": turn.role == "user",
        "is_system": False,
        "send_date": write_date(turn.created),
        "mes": turn.text,
        "extra": _extra(turn),
    }
    if turn.role == "assistant":
        message["swipe_id"] = ways.index(turn)
        message["swipes"] = [way.text for way in ways]
        message["swipe_info"] = [{"send_date": write_date(way.created), "extra": _extra(way)} for way in ways]
    return message


def _extra(turn: StoredTurn) -> dict[str, Any]:
    """What only this program knows; others keep it."""
    if turn.lane is None:
        return {}
    return {"roleplay": {"lane": turn.lane, "prefixes": list(turn.prefixes), "stopped": turn.stopped}}

"""The choices at one place of a conversation: the kept reply against each that was left there."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from roleplay.chat.choices.kept import HELD_OUT, NO_TALK, Unlearned, unfit
from roleplay.chat.choices.places import Place, root
from roleplay.chat.said import Said
from roleplay.corpora.pairs import Pair, Provenance, Side, Why
from roleplay.measures.near_pairs import ALIKE
from roleplay.measures.near_texts import likeness


def pairs_at(
    chat: int, place: Place, created: Mapping[int | None, float], heldout: Unlearned, left: Counter[str]
) -> Iterator[Pair]:
    """A pair for each reply that the kept one was preferred to; `left` counts why the others make none.

    `created` tells when the turn with a number was begun.
    """
    for other in place.others:
        why, reason = _chosen(place, other)
        reason = reason or _worthless(place, other)
        reason = reason or (HELD_OUT if heldout(place.turns) else "")
        if reason or why is None:
            left[reason] += 1
            continue
        when = max(created.get(said.id, 0.0) for said in (place.kept, other))
        yield Pair(
            turns=place.turns,
            chosen=place.kept.text.strip(),
            rejected=other.text.strip(),
            why=why,
            prefixes=place.prefixes,
            provenance=Provenance(chat, when, _side(place.kept), _side(other)),
        )


def _chosen(place: Place, other: Said) -> tuple[Why | None, str]:
    """What the person did when `other` was left; else why it says nothing of what the person likes."""
    kept = place.kept
    if other.deleted:
        return None, "was deleted"
    if other.origin is not None:
        return None, "is an edit that was edited again or left"
    if other is root(kept):
        return "edit", ""
    if not other.beside:
        return ("swipe" if other.lane == kept.lane else "lane"), ""
    if not any(other is newest for newest in place.newest_beside):
        return None, "is of a lane beside that was drawn again"
    if other.lane in place.own_memory:
        return None, "is of a lane beside that remembered replies of its own"
    if not (place.goes_on or root(kept).taken):
        return None, "is of a lane beside, and the kept reply was neither taken over nor answered"
    return "lane", ""


def _worthless(place: Place, other: Said) -> str:
    """Why the two replies cannot be compared; empty where they can."""
    reason = unfit(place.kept)
    if reason:
        return f"the kept reply {reason}"
    reason = unfit(other)
    if reason:
        return reason
    if not place.is_talk:
        return NO_TALK
    one, two = (_drawn(said).get("card") for said in (place.kept, other))
    if one and two and one != two:
        return "was drawn under another card"
    return "is nearly the same as the kept reply" if likeness(place.kept.text, other.text) >= ALIKE else ""


def _side(said: Said) -> Side:
    drawn, lane = _drawn(said), said.lane or ""
    sampling = {name: value for name, value in drawn.items() if _is_number(value)}
    # A model of another program has neither; a lane may have an adapter of its own in its name.
    base = None if lane.startswith("@") else _name(drawn.get("base"))
    adapter = _name(drawn.get("adapter")) if lane.startswith("persona") else None
    if lane.startswith("persona@"):
        adapter = lane.removeprefix("persona@").removesuffix("+prefix")
    return Side(said.id, said.lane, said.prefixes, base, adapter, sampling)


def _drawn(said: Said) -> dict[str, Any]:
    """How a reply was drawn; an imported one need not tell."""
    try:
        value = json.loads(said.drawn or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None

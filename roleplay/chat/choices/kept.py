"""Kept replies as supervised turns: dialogues as a corpus holds them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from roleplay.chat.choices.places import Place
from roleplay.chat.said import Said
from roleplay.dialogue import Dialogue, Turn

Unlearned = Callable[[Sequence[Turn]], bool]
"""Whether the answer to these turns must not be learned."""

HELD_OUT = "answers what is held out"
NO_TALK = "follows no turn of the person, two replies in a row or an empty turn"


def kept_dialogues(
    chat: int, opening: Sequence[Turn], places: Iterable[Place], heldout: Unlearned, left: Counter[str]
) -> list[Dialogue]:
    """The path of a conversation as dialogues; one ends before a reply that is left out, and `left` counts why."""
    dialogues: list[Dialogue] = []
    turns: list[Turn] = list(opening)
    numbers: list[int] = []

    def end() -> None:
        if numbers:
            source = f"chat {chat}, replies {numbers[0]} to {numbers[-1]}"
            dialogues.append(Dialogue(tuple(turns), source))
        turns.clear()
        numbers.clear()

    for place in places:
        reason = unfit(place.kept) or ("" if place.is_talk else NO_TALK)
        reason = reason or (HELD_OUT if heldout(place.turns) else "")
        if reason:
            left[reason] += 1
            end()
        else:
            turns += [place.turns[-1], Turn("assistant", place.kept.text.strip())]
            numbers.append(place.kept.id or 0)
    end()
    return dialogues


def unfit(reply: Said) -> str:
    """Why a reply teaches nothing; empty where it does."""
    if not reply.text.strip():
        return "has no text" if reply.origin is None else "is an edit without text"
    if reply.stopped == "cut":
        return "was cut by a failure"
    return "was stopped before its end" if reply.stopped in ("length", "cancelled") else ""

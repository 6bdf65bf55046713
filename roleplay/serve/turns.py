"""Messages of a client as the turns of a conversation that chat could have had."""

from collections.abc import Sequence

from roleplay.dialogue import Role, Turn
from roleplay.serve.refusal import Refusal
from roleplay.serve.wire import Message
from roleplay.text import clean


def read_turns(messages: Sequence[Message]) -> tuple[tuple[Turn, ...], str]:
    """The turns up to the person's last, and the beginning of the reply where the assistant has spoken after it.

    Messages of one side that follow each other are one turn. What the system says at the head is one turn, which goes
    on from the card's prefixes; what it says later stands before the person's next turn, or the last one, or at the
    head where there is none. Empty messages are left out. Raises Refusal where nothing is left.
    """
    turns: list[Turn] = []
    late: list[str] = []
    for message in messages:
        text = clean(message.text)
        if not text.strip():
            continue
        if message.role in ("system", "developer") and any(turn.role != "system" for turn in turns):
            late.append(text)
            continue
        role: Role = "system" if message.role == "developer" else message.role
        if late and role == "user":
            text, late = "\n\n".join([*late, text]), []
        if turns and turns[-1].role == role:
            text = f"{turns.pop().text}\n\n{text}"
        turns.append(Turn(role, text))
    if all(turn.role == "system" for turn in turns):
        raise Refusal(400, "messages: there is nothing to answer; add a message of the user", "messages", "empty")
    said = turns.pop().text if turns[-1].role == "assistant" else ""
    return tuple(_with_late(turns, late)), said


def _with_late(turns: list[Turn], late: list[str]) -> list[Turn]:
    if not late:
        return turns
    at = next((i for i in reversed(range(len(turns))) if turns[i].role == "user"), None)
    if at is not None:
        return [*turns[:at], Turn("user", "\n\n".join([*late, turns[at].text])), *turns[at + 1 :]]
    head = [turns[0].text] if turns and turns[0].role == "system" else []
    return [Turn("system", "\n\n".join([*head, *late])), *turns[len(head) :]]

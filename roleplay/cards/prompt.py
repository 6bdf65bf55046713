"""From card, active prefixes and turns to the messages a chat template receives."""

from collections.abc import Collection, Mapping, Sequence

from roleplay.cards.macros import resolve
from roleplay.cards.model import KNOWLEDGE, PASSAGES, Card, Prefix
from roleplay.dialogue import Turn
from roleplay.errors import UsageError
from roleplay.text import did_you_mean


def fill(text: str, card: Card) -> str:
    """`text` with `{{char}}`, `{{user}}` and the other macros resolved; the same text always gives the same words."""
    return resolve(text, card.display_name, card.user_name)


def default_prefixes(prefixes: Sequence[Prefix]) -> list[str]:
    """Ids of the prefixes that are on in a new chat, in card order."""
    return [prefix.id for prefix in prefixes if prefix.default]


def switch(prefixes: Sequence[Prefix], active: Collection[str], changes: Mapping[str, bool]) -> list[str]:
    """`active` after the switches in `changes`, in card order. Raises UsageError for an unknown id."""
    known = [prefix.id for prefix in prefixes]
    for name in changes:
        if name not in known:
            raise UsageError(f"there is no prefix '{name}' on this card; {did_you_mean(name, known)}")
    return [name for name in known if changes.get(name, name in active)]


def assemble(
    card: Card,
    prefixes: Sequence[Prefix],
    active: Collection[str],
    turns: Sequence[Turn],
    passages: Sequence[str] = (),
) -> tuple[Turn, ...]:
    """Messages for the chat template: a system turn if any prefix of that place is active, then `turns`.

    A system turn that `turns` begin with goes on from the prefixes. `last_user` prefixes go before the last user turn.
    `passages` stand where the prefix for knowledge says, as they are: no macro in them is resolved; without any that
    prefix is not sent. No other function makes a prompt.
    """
    chosen = [prefix for prefix in prefixes if prefix.id in active]
    messages = [Turn(turn.role, fill(turn.text, card)) for turn in turns]
    near = [_near(prefix, card, passages) for prefix in chosen if prefix.place == "last_user"]
    near = [text for text in near if text]
    if near:
        for i in range(len(messages) - 1, -1, -1):
            if messages[i].role == "user":
                messages[i] = Turn("user", "\n\n".join([*near, messages[i].text]))
                break
    system = [fill(prefix.text, card).strip() for prefix in chosen if prefix.place == "system"]
    system = [text for text in system if text]
    if system:
        own = [messages.pop(0).text] if messages and messages[0].role == "system" else []
        messages.insert(0, Turn("system", "\n\n".join([*system, *own])))
    return tuple(messages)


def _near(prefix: Prefix, card: Card, passages: Sequence[str]) -> str:
    text = fill(prefix.text, card).strip()
    if prefix.id != KNOWLEDGE:
        return text
    return text.replace(PASSAGES, "\n".join(passages)) if passages else ""

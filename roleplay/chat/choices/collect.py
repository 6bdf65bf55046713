"""Every choice in the conversations with a character: dialogues of kept replies, pairs, and what was left out."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.choices.heldout import heldout_questions, is_heldout, names, questions
from roleplay.chat.choices.kept import kept_dialogues
from roleplay.chat.choices.paired import pairs_at
from roleplay.chat.choices.places import places
from roleplay.chat.store import ChatStore
from roleplay.chat.whole import read_whole
from roleplay.corpora.pairs import Pair, contradicted
from roleplay.dialogue import Dialogue, Turn


@dataclass(frozen=True)
class Choices:
    """What was found."""

    chats: int
    """Conversations that were read."""
    dialogues: tuple[Dialogue, ...]
    """Kept replies with what they answer, conversation by conversation."""
    pairs: tuple[Pair, ...]
    """Choices, the oldest first."""
    chats_left: tuple[tuple[str, int], ...]
    """(reason, how many) of the conversations left out."""
    replies_left: tuple[tuple[str, int], ...]
    """Likewise of the replies on the path that no dialogue holds."""
    pairs_left: tuple[tuple[str, int], ...]
    """Likewise of the replies beside the path that no pair holds, and of pairs that say nothing together."""

    @property
    def replies(self) -> int:
        """Kept replies in the dialogues, without greetings."""
        return sum(map(_replies, self.dialogues))


def collect(
    store: ChatStore,
    card_file: CardFile,
    chats: Collection[int] | None = None,
    *,
    since: float | None = None,
    out: Path,
) -> Choices:
    """The choices in the conversations with a character; in those of `chats` alone, if they are named.

    `since` leaves out conversations that were not gone on with after that time, in seconds since 1970; `out` is the
    corpus that the dialogues will be written to. Raises NotFound for a conversation that is not there, FileFaults for
    corpora that cannot be read, and StorageError.
    """
    card = card_file.card
    measured = heldout_questions(card_file, but=out)
    chats_left, replies_left, pairs_left = Counter[str](), Counter[str](), Counter[str]()
    read = _read(store, card.name, chats, since, chats_left)

    def heldout(turns: Sequence[Turn]) -> bool:
        return is_heldout(card, turns, measured)

    talks = {chat: places(store, chat) for chat in read}
    dialogues: dict[str, Dialogue] = {}
    for chat, (opening, found) in talks.items():
        for dialogue in kept_dialogues(chat, opening, found, heldout, replies_left):
            if dialogue.identity in dialogues:
                replies_left["stands in another conversation word for word"] += _replies(dialogue)
            dialogues.setdefault(dialogue.identity, dialogue)
    if names(card_file, out):  # a tenth of what is written there will be held out
        measured |= questions(card, tuple(dialogues.values()))
    pairs = [
        pair
        for chat, (_, found) in talks.items()
        for place in found
        for pair in pairs_at(chat, place, read[chat], heldout, pairs_left)
    ]
    settled = _settled(pairs, pairs_left)
    counts = (tuple((+left).most_common()) for left in (chats_left, replies_left, pairs_left))
    return Choices(len(read), tuple(dialogues.values()), settled, *counts)


def _read(
    store: ChatStore, name: str, chats: Collection[int] | None, since: float | None, left: Counter[str]
) -> dict[int, dict[int | None, float]]:
    """By conversation: number of each turn -> when it was begun."""
    wanted = sorted(chat.id for chat in store.chats(name)) if chats is None else sorted(set(chats))
    read: dict[int, dict[int | None, float]] = {}
    for chat in wanted:
        whole = read_whole(store, chat)
        created: dict[int | None, float] = {turn.id: turn.created for turn in whole.turns}
        if whole.character != name:
            left["is with another character"] += 1
        elif since is not None and max(created.values(), default=0.0) < since:
            left["was not gone on with since then"] += 1
        else:
            read[chat] = created
    return read


def _replies(dialogue: Dialogue) -> int:
    return sum(turn.role == "assistant" for turn in dialogue.turns[1:])


def _settled(pairs: list[Pair], left: Counter[str]) -> tuple[Pair, ...]:
    """Each pair once, the newest of its kind, and none that another one turns round."""
    pairs.sort(key=lambda pair: pair.provenance.when or 0.0)
    once = {pair.identity: pair for pair in pairs}
    against = contradicted(once.values())
    left["was chosen before in the same words"] += len(pairs) - len(once)
    left["contradicts another choice in the same context"] += len(against)
    return tuple(pair for pair in once.values() if pair.identity not in against)

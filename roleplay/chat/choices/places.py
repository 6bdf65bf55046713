"""The places of a conversation at which a reply was kept: what was asked, and what else was answered there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from roleplay.chat.history import history
from roleplay.chat.keeping import Keeper
from roleplay.chat.said import Said
from roleplay.chat.store import ChatStore
from roleplay.chat.tree import Tree
from roleplay.dialogue import Turn


@dataclass(frozen=True)
class Place:
    """A turn of the person with its answers."""

    turns: tuple[Turn, ...]
    """The conversation up to the reply; turns of the person that follow each other are one."""
    kept: Said
    """The reply on the path."""
    others: tuple[Said, ...]
    """All other replies to the same turn, oldest first, deleted ones included."""
    newest_beside: tuple[Said, ...]
    """Of those that stand beside the conversation, the newest of each lane."""
    goes_on: bool
    """Whether the person answered the kept reply."""
    own_memory: frozenset[str]
    """Lanes beside that may have been sent replies of their own instead of the path's."""

    @property
    def is_talk(self) -> bool:
        """Whether it ends with a turn of the person and both sides take turns: an imported tree need not be like that.

        Every turn has text then, and the kept reply may follow.
        """
        roles = [turn.role for turn in self.turns]
        taking_turns = all(one != other for one, other in pairwise(roles))
        return roles[-1:] == ["user"] and taking_turns and all(turn.text.strip() for turn in self.turns)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Prefixes of the conversation's own lane: where another lane was taken over, those of what it was taken for.

        So a reply that came without any is learned for the prompt that the chat sends.
        """
        first = root(self.kept)
        if not first.taken:
            return self.kept.prefixes
        own = [other for other in self.others if not other.beside and not root(other).taken]
        return own[-1].prefixes if own else self.kept.prefixes


def root(said: Said) -> Said:
    """What `said` was before anybody edited it."""
    while said.origin is not None:
        said = said.origin
    return said


def places(store: ChatStore, chat: int) -> tuple[tuple[Turn, ...], list[Place]]:
    """What stands on the path before the person's first turn, and every reply on it. Raises StorageError."""
    keeper = Keeper(store)
    tree = keeper.read(chat)
    line = tree.line
    opening = tuple(Turn(said.role, said.text.strip()) for said in line[:1] if said.role == "assistant")
    return opening, list(_places(tree, line, own_history=keeper.settings.own_history))


def _places(tree: Tree, line: list[Said], *, own_history: bool) -> Iterator[Place]:
    answers: dict[int, list[Said]] = {}
    for said in tree.turns:
        if said.role == "assistant":
            answers.setdefault(id(said.parent), []).append(said)
    spoken: set[str] = set()
    for i, kept in enumerate(line):
        if kept.role != "assistant" or kept.parent is None:
            continue
        tree.head = kept.parent
        turns = tuple(Turn(turn.role, turn.text.strip()) for turn in history(tree, None, None))
        others = tuple(other for other in answers[id(kept.parent)] if other is not kept)
        beside = tuple(tree.beside(kept.parent))
        goes_on = any(later.role == "user" for later in line[i + 1 :])
        yield Place(turns, kept, others, beside, goes_on, frozenset(spoken if own_history else ()))
        spoken |= {other.lane for other in beside if other.lane}

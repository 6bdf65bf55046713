"""A conversation as a tree: every turn follows one, and the path to the head is the conversation that is shown."""

from collections.abc import Iterator

from roleplay.chat.said import Said


class Tree:
    """Turns in the order in which they came; nothing ever leaves it but what said no word.

    greeting ─┬─ user ─┬─ reply          the first draw
              │        ├─ reply *        a swipe, on the path
              │        └─ reply          beside: a lane for comparison
              └─ user                    the same turn, edited
    """

    def __init__(self) -> None:
        self.turns: list[Said] = []
        # By the identity of the turn they follow, so that a long conversation is walked in one go.
        self._after: dict[int, list[Said]] = {}
        self.head: Said | None = None
        """Last turn of the path; `None` before the first."""

    @property
    def line(self) -> list[Said]:
        """The path from the first turn to the head."""
        return list(reversed(list(ancestors(self.head))))

    def add(self, said: Said, parent: Said | None) -> Said:
        """Let `said` follow `parent`; the head stays where it is."""
        said.parent = parent
        self.turns.append(said)
        self._after.setdefault(id(parent), []).append(said)
        return said

    def drop(self, said: Said) -> None:
        """Take out a reply that said no word; the head steps back from it."""
        self.turns = [other for other in self.turns if other is not said]
        self._after[id(said.parent)] = [other for other in self._after[id(said.parent)] if other is not said]
        if self.head is said:
            self.head = said.parent

    def following(self, said: Said | None) -> list[Said]:
        """What follows `said` in the conversation, oldest first; `None` asks for the first turns."""
        return [other for other in self._children(said) if not other.beside]

    def beside(self, said: Said) -> list[Said]:
        """What lanes for comparison answered to a turn of the person, the newest of each."""
        return list({other.lane: other for other in self._children(said) if other.beside}.values())

    def ways(self, said: Said) -> list[Said]:
        """`said` and the others in its place, oldest first: swipes of a reply or greeting, edits of a turn."""
        return [other for other in self.following(said.parent) if other.role == said.role]

    def way(self, said: Said) -> tuple[int, int]:
        """`said` is the how-manieth of how many in its place; from 1."""
        ways = self.ways(said)
        return next((i for i, other in enumerate(ways, 1) if other is said), 1), max(len(ways), 1)

    def tip(self, said: Said) -> Said:
        """Where the conversation went on from `said` the last time."""
        while following := self.following(said):
            said = following[-1]
        return said

    def delete(self, said: Said) -> list[Said]:
        """Hide `said` and all that follows it; returns what was hidden. The head steps back to what is left."""
        hidden = [other for other in self.turns if not other.deleted and any(a is said for a in ancestors(other))]
        for other in hidden:
            other.deleted = True
        while self.head is not None and self.head.deleted:
            self.head = self.head.parent
        return hidden

    def _children(self, said: Said | None) -> list[Said]:
        return [other for other in self._after.get(id(said), ()) if not other.deleted]


def ancestors(said: Said | None) -> Iterator[Said]:
    """`said`, the turn it follows, and so on to the first."""
    while said is not None:
        yield said
        said = said.parent

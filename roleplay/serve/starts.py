"""Where the history that was sent began, by conversation: it moves as seldom as in a chat, though clients keep none.

A conversation is known by its turns. The request after a reply holds the turns of the one before it, so that the
longest beginning that was answered tells where that began; the head of the prompt, and what was computed of it, stays
valid.
"""

from collections import OrderedDict
from collections.abc import Sequence

from roleplay.dialogue import Turn

_KNOWN = 1024
"""Conversations that are remembered; the least recently used leave."""


class Starts:
    """The conversations that grew longer than the context; used by one thread."""

    def __init__(self) -> None:
        self._starts: OrderedDict[int, int] = OrderedDict()

    def find(self, model: str, turns: Sequence[Turn]) -> int:
        """First turn that was sent when the longest known beginning of `turns` was answered; 0 where none is known."""
        if not self._starts:
            return 0
        for key in reversed(_keys(model, turns)):
            if key in self._starts:
                self._starts.move_to_end(key)
                return self._starts[key]
        return 0

    def remember(self, model: str, turns: Sequence[Turn], start: int) -> None:
        """Keep where the answer to `turns` began, unless that is their beginning."""
        if not start:
            return
        self._starts[_keys(model, turns)[-1]] = start
        while len(self._starts) > _KNOWN:
            self._starts.popitem(last=False)


def _keys(model: str, turns: Sequence[Turn]) -> list[int]:
    """A hash for each beginning of `turns`, the shortest first; of this process alone."""
    key, keys = hash(model), []
    for turn in turns:
        key = hash((key, turn.role, turn.text))
        keys.append(key)
    return keys

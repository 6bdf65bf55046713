"""What comes to mind in training: what fits a dialogue and its answer, among passages that do not belong.

The answer is searched for as well, so that what it says stands in a passage where it stands in any; a reader learns
most from the right passage between wrong ones (RAFT, arXiv 2403.10131).
"""

from collections.abc import Iterable, Sequence

from roleplay.dialogue import Dialogue, Turn
from roleplay.knowledge.passage import Passage
from roleplay.knowledge.recall import Recall, as_told
from roleplay.text import draw

_KEY = 3
"""So many last turns tell an answer from others."""
_STRANGERS = 2
"""Passages that are drawn by chance."""


class Practice:
    """A memory for dialogues that are known to their end; the same turns bring the same passages."""

    def __init__(self, recall: Recall, strangers: Sequence[Passage], dialogues: Iterable[Dialogue]) -> None:
        """`strangers` are drawn from; of the budget of `recall` they take what it leaves."""
        self.recall, self.strangers = recall, strangers
        self._answers = {
            dialogue.turns[max(at - _KEY, 0) : at]: turn.text
            for dialogue in dialogues
            for at, turn in enumerate(dialogue.turns)
            if turn.role == "assistant"
        }

    @property
    def identity(self) -> str:
        """Changes with the passages there are."""
        return self.recall.identity

    def __call__(self, turns: Sequence[Turn]) -> tuple[str, ...]:
        """The texts for the prompt, in an order drawn by a hash: none that fits stands always first."""
        turns = tuple(turns)
        if not turns:
            return ()
        answer = self._answers.get(turns[-_KEY:], "")
        found = self.recall.found((*turns[:-1], Turn(turns[-1].role, f"{turns[-1].text}\n{answer}")))
        passages = [one.passage for one in found]
        room = self.recall.budget - sum(self.recall.cost(passage) for passage in passages)
        key = "\x1f".join(turn.text for turn in turns)
        for number in range(_STRANGERS if self.strangers else 0):
            stranger = self.strangers[int(draw(key, number) * len(self.strangers))]
            if stranger not in passages and self.recall.cost(stranger) <= room:
                passages.append(stranger)
                room -= self.recall.cost(stranger)
        return tuple(as_told(one) for one in sorted(passages, key=lambda one: draw(key, one.identity)))

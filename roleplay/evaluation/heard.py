"""Everything an evaluation heard and measured, before it becomes figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roleplay.cards.model import Card
from roleplay.evaluation.asking import Replies, Reply
from roleplay.evaluation.prompts import Part, Prompt
from roleplay.evaluation.scoring import Scores, Side
from roleplay.generation.lanes import Lane
from roleplay.measures.divergence import Divergence
from roleplay.measures.lines import RealLines


@dataclass(frozen=True)
class Heard:
    """Of one adapter, in all lanes."""

    card: Card
    """Whose replies these are meant to be."""
    lanes: Sequence[Lane]
    """Those that answered, in the order in which they are shown."""
    prompts: Sequence[Prompt]
    """What was asked."""
    replies: Replies
    """What was said."""
    scores: Mapping[tuple[Side, str], Scores]
    """Likelihood of real lines, by side and lane name."""
    divergences: Sequence[Divergence]
    """Of each general question, in the order of `prompts`; empty where there is no adapter."""
    lines: RealLines
    """What is really said, by the character and by others."""

    def of(self, part: Part, lane: str) -> list[tuple[Prompt, Reply]]:
        """What a lane said to the prompts of a part; empty for one that is not asked them."""
        return [
            (prompt, self.replies[prompt.key, lane])
            for prompt in self.prompts
            if prompt.part == part and (prompt.key, lane) in self.replies
        ]

    @property
    def names(self) -> list[str]:
        """Names of the lanes."""
        return [lane.name for lane in self.lanes]

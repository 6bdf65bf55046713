"""A blind comparison under way: what is asked next, what was chosen, what is taken back."""

import time
from collections import deque
from collections.abc import Sequence

from roleplay.cards.model import Card
from roleplay.chat.prefer.choices import KeptChoices
from roleplay.chat.prefer.draws import Draws, Tell
from roleplay.chat.prefer.match import Choice, Match, Verdict
from roleplay.chat.prefer.prompts import Asked, context_of
from roleplay.chat.prefer.tally import Tally, tally
from roleplay.dialogue import Turn
from roleplay.errors import ContextFull, UsageError
from roleplay.text import clean


class Comparison:
    """Prompts, each asked once in all sittings between the same two; one thread draws, another chooses."""

    def __init__(
        self,
        card: Card,
        draws: Draws,
        prompts: Sequence[Asked] | None,
        kept: KeptChoices,
        count: int | None = None,
    ) -> None:
        """`prompts` of `None` are typed one by one; at most `count` are shown."""
        self.card, self.draws, self.kept = card, draws, kept
        self.typed = prompts is None
        self.too_long = 0
        """Prompts left out because they leave no room for a reply."""
        self.compared = (draws.contenders[0].name, draws.contenders[1].name)
        between = {choice.match.context for choice in kept.choices if choice.compared == self.compared}
        explained = {choice.match.context for choice in kept.choices}
        # Pairs whose choices are not at hand count as asked; those of others who were compared do not.
        alone = {pair.context for pair in kept.pairs() if pair.why == "prefer"} - explained
        self._done = between | alone
        self._prompts = deque(turns for turns in prompts or () if context_of(turns) not in self._done)
        self._most = count
        self._shown = 0
        self._made: list[Choice] = []

    @property
    def left(self) -> int:
        """Prompts that may still be drawn; those typed come on top."""
        return len(self._prompts) if self._most is None else max(min(self._most - self._shown, len(self._prompts)), 0)

    @property
    def is_full(self) -> bool:
        """Whether as many prompts were drawn as were wanted."""
        return self._most is not None and self._shown >= self._most

    @property
    def can_undo(self) -> bool:
        """Whether a choice of this sitting can be taken back."""
        return bool(self._made)

    @property
    def made(self) -> int:
        """Choices of this sitting."""
        return len(self._made)

    @property
    def tally(self) -> Tally:
        """Of all sittings."""
        return tally(self.compared, self.kept.choices)

    def type(self, text: str) -> None:
        """One more prompt. Raises UsageError where it is empty, or was asked before."""
        turns = (Turn("user", clean(text).strip()),)
        if not turns[0].text:
            raise UsageError("there is nothing to ask; type a prompt")
        if context_of(turns) in self._done:
            raise UsageError("this was asked before; ask something else")
        self._done.add(context_of(turns))
        self._prompts.append(turns)

    def next(self, tell: Tell) -> Match | None:
        """The next prompt with two replies that differ; `None` where there is none. Raises RoleplayError.

        After an error the same prompt comes next.
        """
        while self.left:
            turns = self._prompts[0]
            try:
                match = self.draws.draw(turns, tell)
            except ContextFull:
                self._prompts.popleft()
                self.too_long += 1
                continue
            if match.is_same:
                self.kept.add(Choice(match, "same", time.time()))
                self._prompts.popleft()
                continue
            self._prompts.popleft()
            self._shown += 1
            return match
        return None

    def choose(self, match: Match, verdict: Verdict) -> None:
        """Keep a choice. Raises StorageError."""
        choice = Choice(match, verdict, time.time())
        self.kept.add(choice)
        self._made.append(choice)

    def undo(self) -> Match:
        """Take the last choice of this sitting back, and give its match again. Raises StorageError."""
        choice = self._made[-1]
        self.kept.take_back(choice)
        self._made.pop()
        return choice.match

    def close(self) -> None:
        """End whatever is under way."""
        self.draws.close()

"""What the choices between two say together."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from roleplay.chat.prefer.match import Choice
from roleplay.measures.win_rate import WinRate, win_rate


@dataclass(frozen=True)
class Tally:
    """The choices of one comparison.

    The win rate counts decided choices alone: both good and neither are ties, and say nothing of who is better. How
    many there were stands beside it.
    """

    a: str
    """Who A is."""
    b: str
    """Who B is."""
    won: int
    """Choices for A."""
    lost: int
    """Choices for B."""
    both: int
    """Both were good."""
    neither: int
    """Neither was."""
    skipped: int
    """Nothing was chosen."""
    same: int
    """The replies were the same, and nobody was asked."""
    pairs: int
    """Choices that can be learned of."""

    @property
    def decided(self) -> int:
        """Choices that the win rate counts."""
        return self.won + self.lost

    @property
    def choices(self) -> int:
        """Prompts that the person has seen and answered."""
        return self.decided + self.both + self.neither + self.skipped

    @property
    def rate(self) -> WinRate | None:
        """Of A over B; `None` where nothing was decided."""
        return win_rate(self.won, self.lost)

    @property
    def words(self) -> str:
        """The win rate on a line."""
        rate = self.rate
        if rate is None:
            return "A over B: nothing is decided yet"
        shares = f"{rate.value:.0%} (95 % interval {rate.low:.0%} to {rate.high:.0%})"
        return f"A over B: {shares} of {self.decided} decided choices"

    @property
    def rest(self) -> str:
        """What is not in the win rate, on a line; empty where all of it is."""
        undecided = self.decided - self.pairs
        counts = {
            "both good": self.both,
            "neither": self.neither,
            "skipped": self.skipped,
            "the same replies": self.same,
            "decided, but no pair (a reply without text, or a better one that was cut)": undecided,
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def tally(compared: tuple[str, str], choices: Iterable[Choice]) -> Tally:
    """The choices between these two."""
    own = [choice for choice in choices if choice.compared == compared]
    count = Counter(choice.verdict for choice in own)
    pairs = sum(choice.pair is not None for choice in own)
    verdicts = (count["a"], count["b"], count["both"], count["neither"], count["skip"], count["same"])
    return Tally(*compared, *verdicts, pairs)


def tallies(choices: Iterable[Choice]) -> list[Tally]:
    """Each comparison there was, in the order in which they were begun."""
    kept = list(choices)
    return [tally(compared, kept) for compared in dict.fromkeys(choice.compared for choice in kept)]

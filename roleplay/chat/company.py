"""Everyone who answers one question: the base here, and models of other programs beside it."""

from collections.abc import Iterator, Sequence

from roleplay.cards.model import Card
from roleplay.chat.question import Answers, Heard, Question
from roleplay.chat.remotes import Remote
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import Lane


class Company:
    """Splits a question among those who answer, and lets their replies stream together."""

    def __init__(self, local: Answers, card: Card, remotes: Sequence[Remote] = ()) -> None:
        self.local, self.card, self.remotes = local, card, list(remotes)

    @property
    def lanes(self) -> list[Lane]:
        """The lanes of other programs' models."""
        return [remote.lane for remote in self.remotes]

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the replies. Closing the iterator cancels. Raises RoleplayError where the base here fails."""
        yield from self.local.answer(question, cancel)

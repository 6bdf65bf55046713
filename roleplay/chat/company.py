"""Everyone who answers one question: the base here, and models of other programs beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from roleplay.cards.model import Card
from roleplay.chat.afar import recalled_afar
from roleplay.chat.errands import attend
from roleplay.chat.question import Answers, Ask, Heard, Question, Unanswered
from roleplay.chat.remotes import Remote
from roleplay.chat.together import Tell, Teller, together
from roleplay.generation.events import Cancel
from roleplay.generation.lanes import Lane

if TYPE_CHECKING:
    from roleplay.chat.remote import RemoteModel


class Company:
    """Splits a question among those who answer, and lets their replies stream together."""

    def __init__(self, local: Answers, card: Card, remotes: Sequence[Remote] = (), books: Path | None = None) -> None:
        """`books` is the character's index, there or not, for those who are sent what comes to mind."""
        self.books = books
        self.local, self.card, self.remotes = local, card, list(remotes)
        self._models: dict[Remote, RemoteModel] = {}

    @property
    def lanes(self) -> list[Lane]:
        """The lanes of other programs' models."""
        return [remote.lane for remote in self.remotes]

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        """Stream the replies. Closing the iterator cancels. Raises RoleplayError where the base here fails.

        Then the others have their say first: what they answered is not lost.
        """
        here = tuple(ask for ask in question.asks if not ask.lane.model)
        away = [ask for ask in question.asks if ask.lane.model]
        if not away:
            yield from self.local.answer(question, cancel)
            return
        tellers: list[Teller] = [self._afar(away, question)]
        if here:
            tellers.append(self._here(replace(question, asks=here)))
        yield from together(tellers, cancel or Cancel())

    def _here(self, question: Question) -> Teller:
        def teller(tell: Tell, cancel: Cancel) -> None:
            for heard in self.local.answer(question, cancel):
                tell(heard)

        return teller

    def _afar(self, asks: list[Ask], question: Question) -> Teller:
        def teller(tell: Tell, cancel: Cancel) -> None:
            attend([(self._ask_one(ask, question, tell), partial(cancel.holds, ask.lane)) for ask in asks])

        return teller

    async def _ask_one(self, ask: Ask, question: Question, tell: Tell) -> None:
        from roleplay.chat.remote import RemoteModel

        remote = next((remote for remote in self.remotes if remote.lane == ask.lane), None)
        if remote is None:
            tell(Unanswered(ask.lane, f"nobody knows where {ask.lane.model} is; name its server with --beside"))
            return
        model = self._models.setdefault(remote, RemoteModel(remote))
        card = question.card or self.card
        await model.answer(ask, card, question.sampling, tell, recalled_afar(card, self.books, question, ask))

"""A character that answers as it is told, without any model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roleplay.cards.model import Card
from roleplay.chat.question import Asked, Heard, Question
from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from roleplay.generation.events import Cancel, Finished, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling

CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "mira",
        "display_name": "Mira",
        "language": "en",
        "greeting": "Soup's on.",
        "prefixes": [
            {"id": "who", "text": "You are {{char}}."},
            {"id": "late", "text": "It is late.", "default": False},
        ],
    }
)
ALONE = [LANES["persona+prefix"]]
BESIDE = [LANES["persona+prefix"], LANES["base"]]
SEVEN = Sampling(seed=7)


@dataclass(frozen=True)
class Reply:
    """What is said to one question; lanes after the first say it in capitals."""

    pieces: Sequence[str]
    """As they come."""
    stopped: str = "end"
    """How it ends."""
    error: Exception | None = None
    """Raised where the end would be."""
    asked: bool = True
    """Whether the prompts were made at all."""


class Scripted:
    """Answers with one reply after another, and remembers the questions."""

    def __init__(self, *replies: Reply | str) -> None:
        self.replies = [Reply([reply]) if isinstance(reply, str) else reply for reply in replies]
        self.questions: list[Question] = []

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        self.questions.append(question)
        reply = self.replies.pop(0)
        asks = question.asks if reply.asked else ()
        for ask in asks:
            yield Asked(ask.lane, ask.prefixes, ask.start, (1, 2, 3))
        for i, piece in enumerate(reply.pieces, 1):
            for ask in asks:
                yield Piece(ask.lane, self.words(piece, ask.lane, question), i, i / 8)
        if reply.error is not None:
            raise reply.error
        for ask in asks:
            text = self.words("".join(reply.pieces), ask.lane, question)
            yield Finished(ask.lane, ask.said + text, len(reply.pieces) + 1, reply.stopped, 1.0)

    @staticmethod
    def words(text: str, lane: Lane, question: Question) -> str:
        return text if lane == question.asks[0].lane else text.upper()


def begin(answers: Scripted, store: ChatStore | None = None, *, greet: bool = False) -> Session:
    """A new chat with mira."""
    return Session(CARD, CARD.prefixes, answers, store, greet=greet)


def hear(session: Session, lanes: Sequence[Lane] = ALONE) -> list[Heard]:
    """All of an answer."""
    return list(session.answer(lanes, SEVEN))


def shown(session: Session) -> list[str]:
    """The path as text."""
    return [said.text for said in session.line]


def stored(store: ChatStore, chat: int = 1) -> list[tuple[str, str | None]]:
    """The path on disk, text and how it ended."""
    return [(turn.text, turn.stopped) for turn in store.path_to(store.head(chat))]

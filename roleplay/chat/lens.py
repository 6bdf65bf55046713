"""Where the words of a reply come from: copied from a corpus, learned by the adapter, or the base's own."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from roleplay.cards.find import open_card
from roleplay.cards.prompt import fill
from roleplay.chat.inspection import WeighedToken
from roleplay.errors import FileFaults, RoleplayError
from roleplay.measures.copied import copied_runs
from roleplay.measures.language import language_of
from roleplay.measures.manner import SHORTEST
from roleplay.paths import Home

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.chat.said import Said
    from roleplay.chat.talk import Talk

Origin = Literal["memorised", "learned", "base"]
LEARNED = 1.0
"""Nats by which a token has to be likelier with the adapter to count as learned: 2.7 times."""


@dataclass(frozen=True)
class Source:
    """Something the adapter was trained to say."""

    place: str
    """File and entry, as a person would name them."""
    text: str
    """What is said there."""


@dataclass(frozen=True)
class Sources:
    """All that the adapter of a character was trained to say."""

    sources: tuple[Source, ...]
    """Every answer and document of the card's corpora, macros filled in."""
    problems: tuple[str, ...]
    """Why corpora could not be read."""


@dataclass(frozen=True)
class Run:
    """A part of a reply that stands word for word in a corpus."""

    start: int
    """First character."""
    end: int
    """One behind the last."""
    place: str
    """Where it stands first."""


@dataclass(frozen=True)
class SeenToken:
    """A piece of a reply: a token, or more where nobody could weigh it."""

    text: str
    """As it reads; all pieces joined are the reply."""
    persona: float | None
    """log p with the adapter, in nats; `None` where it was not weighed."""
    base: float | None
    """log p of the base after the same prompt."""
    copied: bool
    """Whether it stands in a run."""

    @property
    def gain(self) -> float:
        """log p(persona) − log p(base), in nats; 0 where it was not weighed."""
        return 0.0 if self.persona is None or self.base is None else self.persona - self.base

    @property
    def origin(self) -> Origin:
        """What is copied is memorised; what is clearly likelier with the adapter is learned."""
        return "memorised" if self.copied else "learned" if self.gain >= LEARNED else "base"


@dataclass(frozen=True)
class Seen:
    """A reply through the lens."""

    tokens: tuple[SeenToken, ...]
    """All of it, in order."""
    runs: tuple[Run, ...]
    """What is copied, in order."""
    problems: tuple[str, ...]
    """Why something is not to be seen."""

    def share(self, origin: Origin) -> float:
        """Share of the characters that come from there, 0 to 1."""
        size = sum(len(token.text) for token in self.tokens)
        return sum(len(token.text) for token in self.tokens if token.origin == origin) / max(size, 1)

    @property
    def gain(self) -> float | None:
        """Mean of the tokens' gain, in nats; `None` where they were not weighed."""
        weighed = [token.gain for token in self.tokens if token.persona is not None]
        return sum(weighed) / len(weighed) if weighed else None


class Lens:
    """Looks at replies; each character's corpora are read once. Threads may share it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._read: dict[str, Sources] = {}

    def look(self, talk: "Talk", reply: "Said") -> Seen:
        """Where the words of `reply` come from; what cannot be found out is told in the result."""
        sources = self.sources(talk.card.name)
        problems = list(sources.problems)
        tokens: tuple[WeighedToken, ...] = ()
        try:
            tokens = talk.weighed(reply).tokens
        except RoleplayError as error:
            problems.append(str(error))
        return see(reply.text, tokens, sources.sources, problems)

    def sources(self, name: str) -> Sources:
        """What the adapter of the character called `name` was trained to say."""
        with self._lock:
            if name not in self._read:
                try:
                    self._read[name] = read_sources(open_card(name, self.home))
                except RoleplayError as error:
                    return Sources((), (str(error),))
            return self._read[name]


def read_sources(card_file: "CardFile") -> Sources:
    """Every answer and document of a card's corpora."""
    from roleplay.dataset.entries import entry_dialogues, entry_texts

    sources, problems = [], []
    for at, entry in enumerate(card_file.card.corpora):
        try:
            if entry.kind == "text":
                sources += [Source(text.source, text.text) for text in entry_texts(card_file, at).texts]
                continue
            for dialogue in entry_dialogues(card_file, at).dialogues:
                said = (turn.text for turn in dialogue.turns if turn.role == "assistant")
                sources += [Source(dialogue.source, fill(text, card_file.card)) for text in said]
        except FileFaults as error:
            problems.append(str(error))
    return Sources(tuple(sources), tuple(problems))


def see(text: str, tokens: Sequence[WeighedToken], sources: Sequence[Source], problems: Sequence[str] = ()) -> Seen:
    """A reply with what is known of it; without `tokens` it is cut where copied runs begin and end."""
    found = copied_runs(text, [source.text for source in sources], SHORTEST[language_of(text)])
    runs = tuple(Run(start, end, sources[source].place) for start, end, source in found)
    pieces = _whole(tokens) if "".join(token.text for token in tokens) == text else _unweighed(text, runs)
    copied = [False] * len(text)
    for run in runs:
        copied[run.start : run.end] = [True] * (run.end - run.start)
    seen, at = [], 0
    for piece, persona, base in pieces:
        inside = sum(copied[at : at + len(piece)])
        seen.append(SeenToken(piece, persona, base, 2 * inside > len(piece)))
        at += len(piece)
    return Seen(tuple(seen), runs, tuple(problems))


def _whole(tokens: Sequence[WeighedToken]) -> Iterator[tuple[str, float | None, float | None]]:
    """Tokens, those that make up one character taken together."""
    persona = base = 0.0
    for token in tokens:
        persona, base = persona + token.persona, base + token.base
        if token.text:
            yield token.text, persona, base
            persona = base = 0.0


def _unweighed(text: str, runs: Sequence[Run]) -> Iterator[tuple[str, float | None, float | None]]:
    borders = sorted({0, len(text), *(border for run in runs for border in (run.start, run.end))})
    for start, end in itertools.pairwise(borders):
        yield text[start:end], None, None

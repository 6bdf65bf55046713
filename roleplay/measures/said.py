"""What the character says in a corpus: where it stands, and on which side of the held-out border."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.unit import Unit
from roleplay.dialogue import Dialogue
from roleplay.measures.language import size_of
from roleplay.measures.near_texts import letters
from roleplay.text import fingerprint

SET_PHRASE = 12
"""Size up to which a text may come again: 12 Chinese characters or 6 words say 'good morning', not more."""


@dataclass(frozen=True)
class Place:
    """Where something is said."""

    source: str
    """File and line of its dialogue."""
    turn: int | None
    """Turn of the dialogue, from 1; `None` where all of the dialogue is meant."""

    def __str__(self) -> str:
        return self.source if self.turn is None else f"{self.source} turn {self.turn}"


@dataclass(frozen=True)
class Said:
    """An answer, or all answers of a dialogue."""

    text: str
    """What is said, with the card's names filled in."""
    letters: str
    """What it is compared by."""
    place: Place
    """Where."""
    kind: str
    """Kind of its corpus: `desc`, `dialogue` or `general`."""
    heldout: bool
    """Measured, never trained."""
    own: bool
    """More than a set phrase: without catchphrases longer than `SET_PHRASE`, and not the card's greeting."""
    trail: str
    """Hash of it and of every turn before it: equal for the same answer to the same prompt; empty for a greeting."""


@dataclass(frozen=True)
class Spoken:
    """Everything that is trained or measured, in the order of the files."""

    answers: tuple[Said, ...]
    """Each answer."""
    dialogues: tuple[Said, ...]
    """The answers of each dialogue as one text; a dialogue with one answer is only an answer."""


def said_in(corpus: Corpus) -> Spoken:
    """What the units of a corpus train and measure; answers that the limit drops are neither."""
    card = corpus.voice.card
    answers: list[Said] = []
    dialogues: list[Said] = []
    for part in corpus.corpora:
        order = {id(dialogue): at for at, dialogue in enumerate(part.entries)}
        units = [(unit, heldout) for side, heldout in ((part.train, False), (part.heldout, True)) for unit in side]
        units.sort(key=lambda found: order[id(found[0].dialogue)])
        for _, group in groupby(units, key=lambda found: id(found[0].dialogue)):
            own = list(_answers(card, list(group)))
            answers += own
            if len(own) > 1:
                dialogues.append(_together(card, own))
    return Spoken(tuple(answers), tuple(dialogues))


def _answers(card: Card, units: list[tuple[Unit, bool]]) -> Iterator[Said]:
    (first, heldout), dialogue = units[0], units[0][0].dialogue
    trails = list(_trails(card, dialogue))
    greetings = {letters(fill(text, card)) for text in (card.greeting, *card.alternate_greetings) if text}
    for i in (i for unit, _ in units for i in unit.answers):
        text = fill(dialogue.turns[i].text, card)
        greets = letters(text) in greetings and all(turn.role == "system" for turn in dialogue.turns[:i])
        own = not greets and _is_own(card, text)
        place = Place(dialogue.source, i + 1)
        # Chat shows a greeting, no model has to say it: wherever one opens a dialogue, it is no repeat.
        trail = "" if greets else trails[i]
        yield Said(text, letters(text), place, first.kind, heldout, own, trail)


def _together(card: Card, answers: list[Said]) -> Said:
    text = "\n".join(answer.text for answer in answers)
    last = answers[-1]
    return Said(
        text, letters(text), Place(last.place.source, None), last.kind, last.heldout, _is_own(card, text), last.trail
    )


def _trails(card: Card, dialogue: Dialogue) -> Iterator[str]:
    trail = ""
    for turn in dialogue.turns:
        trail = fingerprint(f"{trail}\x1e{turn.role}\x1f{letters(fill(turn.text, card))}")
        yield trail


def _is_own(card: Card, text: str) -> bool:
    return size_of(without(text, (fill(phrase, card) for phrase in card.catchphrases))) > SET_PHRASE


def without(text: str, phrases: Iterable[str]) -> str:
    """`text` in lower case, with the phrases taken out."""
    text = text.casefold()
    for phrase in phrases:
        text = text.replace(phrase.casefold(), " ")
    return text

"""What stated rewards know of a character: its card, what it was trained to say, and how others speak."""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.find import find_cards
from roleplay.cards.load import CardFile, load_card
from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.draws import heldout_identities
from roleplay.dataset.entries import entry_dialogues
from roleplay.dialogue import Dialogue
from roleplay.errors import FileFaults, RoleplayError
from roleplay.measures.language import Language, language_of
from roleplay.measures.refused import refuses
from roleplay.measures.style import FEWEST, Judge, train_judge
from roleplay.paths import Home
from roleplay.preference.rewards.refusals import Strange


@dataclass(frozen=True)
class Materials:
    """All of it, each part read when it is first asked for; nothing that is held out."""

    card_file: CardFile
    """The card and where it lies."""
    corpus: Corpus
    """What the character was trained on."""
    home: Home
    """Where other characters lie."""

    @property
    def card(self) -> Card:
        """The card."""
        return self.card_file.card

    @functools.cached_property
    def own(self) -> tuple[str, ...]:
        """Every trained answer of the character, names filled in; those that come again, again."""
        return tuple(answer for _, answer in self._trained())

    @functools.cached_property
    def strange(self) -> tuple[Strange, ...]:
        """Questions out of its world: those of the card, and openings of the corpus that a trained answer refuses."""
        card, probes = self.card, self.card.probes.out_of_world
        asked = [
            Strange(
                fill(probe.question, card),
                tuple(fill(text, card) for text in probe.accept),
                tuple(fill(text, card) for text in probe.forbid),
            )
            for probe in probes
        ]
        counts = Counter(text for one in asked for text in dict.fromkeys(one.accept))
        usual = tuple(text for text, count in counts.items() if 2 * count >= len(probes))
        trained = [(before[0], answer) for before, answer in self._trained() if len(before) == 1]
        return (*asked, *(Strange(question, usual) for question, answer in trained if refuses(answer, usual)))

    @functools.cached_property
    def voices(self) -> dict[Language, Judge]:
        """A judge of style for each language with lines enough, the character's main one first.

        Raises EvaluationError where the main one has too few, UsageError where scikit-learn is missing.
        """
        own, others = _by_language(self.own), _by_language(self._others())
        main, *more = sorted(own, key=lambda language: -len(own[language])) or [language_of("")]
        spoken = [one for one in more if one != "other" and min(len(own[one]), len(others[one])) >= FEWEST]
        return {one: train_judge(own[one], others[one], self._names) for one in (main, *spoken)}

    def _trained(self) -> Iterator[tuple[list[str], str]]:
        """(what was said before, answer) of every trained answer that is not general."""
        for unit in (unit for part in self.corpus.corpora if part.kind != "general" for unit in part.train):
            turns = [fill(turn.text, self.card) for turn in unit.dialogue.turns]
            yield from ((turns[:at], turns[at]) for at in unit.answers)

    def _others(self) -> Iterator[str]:
        """Trained lines of the persons the character talks to, and of all other characters."""
        for part in self.corpus.corpora:
            # A long dialogue has many units.
            for dialogue in dict.fromkeys(unit.dialogue for unit in part.train) if part.kind != "general" else ():
                yield from _said(dialogue, self.card, "user")
        for other in self._strangers:
            for dialogue in _trained_dialogues(other):
                yield from _said(dialogue, other.card, "assistant")

    @functools.cached_property
    def _strangers(self) -> list[CardFile]:
        paths = [path for path, _ in find_cards(self.home).values()]
        return list(_readable(path for path in paths if path.resolve() != self.card_file.path.resolve()))

    @property
    def _names(self) -> list[str]:
        """Of all who speak and are spoken to, which a judge of style must not see."""
        cards = [self.card, *(other.card for other in self._strangers)]
        return list(dict.fromkeys(name for card in cards for name in (card.display_name, card.user_name)))


def _said(dialogue: Dialogue, card: Card, role: str) -> Iterator[str]:
    return (fill(turn.text, card) for turn in dialogue.turns if turn.role == role)


def _by_language(texts: Iterable[str]) -> dict[Language, list[str]]:
    found: dict[Language, list[str]] = defaultdict(list)
    for text in texts:
        found[language_of(text)].append(text)
    return found


def _readable(paths: Iterable[Path]) -> Iterator[CardFile]:
    for path in paths:
        try:
            yield load_card(path)
        except RoleplayError:  # a broken card is 'cards check's to tell; here it only has nothing to say
            continue


def _trained_dialogues(card_file: CardFile) -> Iterator[Dialogue]:
    """Of a character's own corpora that can be read, what is not held out."""
    for at, entry in enumerate(card_file.card.corpora):
        if entry.kind in ("desc", "dialogue") and entry.character is None:
            try:
                dialogues = entry_dialogues(card_file, at).dialogues
            except (FileFaults, OSError):
                continue
            out = heldout_identities(dialogues)
            yield from (dialogue for dialogue in dialogues if dialogue.identity not in out)

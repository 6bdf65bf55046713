"""What stated rewards know of a character: its card, what it was trained to say, and how others speak."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from roleplay.cards.load import CardFile
from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.dataset.corpus import Corpus
from roleplay.measures.language import Language, language_of
from roleplay.measures.lines import Lines, real_lines
from roleplay.measures.refused import own_refusals, refuses
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
        usual = tuple(own_refusals(card))
        trained = [(before[0], answer) for before, answer in self._trained() if len(before) == 1]
        return (*asked, *(Strange(question, usual) for question, answer in trained if refuses(answer, usual)))

    @functools.cached_property
    def voices(self) -> dict[Language, Judge]:
        """A judge of style for each language with lines enough, the character's main one first.

        Raises EvaluationError where the main one has too few, UsageError where scikit-learn is missing.
        """
        lines = real_lines(self.card_file, self.corpus, self.home)
        known = lines.languages
        main, *more = sorted(known, key=lambda language: -len(known[language].own_train)) or [language_of("")]
        spoken = [one for one in more if one != "other" and _enough(known[one])]
        return {one: train_judge(known[one].own_train, known[one].others_train, lines.names) for one in (main, *spoken)}

    def _trained(self) -> Iterator[tuple[list[str], str]]:
        """(what was said before, answer) of every trained answer that is not general."""
        for unit in (unit for part in self.corpus.corpora if part.kind != "general" for unit in part.train):
            turns = [fill(turn.text, self.card) for turn in unit.dialogue.turns]
            yield from ((turns[:at], turns[at]) for at in unit.answers)


def _enough(lines: Lines) -> bool:
    return min(len(lines.own_train), len(lines.others_train)) >= FEWEST

"""Everything that is counted about a corpus before it is trained."""

from dataclasses import dataclass

from roleplay.cards.prompt import fill
from roleplay.dataset.corpus import Corpus
from roleplay.measures.amounts import Amount, amounts_of
from roleplay.measures.duplicates import NEAR
from roleplay.measures.habits import Habits, habits_of
from roleplay.measures.leaks import find_leaks
from roleplay.measures.lengths import Lengths, lengths_of
from roleplay.measures.near_texts import Alike
from roleplay.measures.repeats import Repeat, Repeats, find_repeats
from roleplay.measures.said import said_in


@dataclass(frozen=True)
class Split:
    """What is kept out of training."""

    answers: int
    """Held-out answers."""
    dialogues: int
    """Held-out dialogues that they are from."""
    leaks: tuple[Repeat, ...]
    """Those of them that stand in training too."""


@dataclass(frozen=True)
class Cutoff:
    """What the limit costs."""

    limit: int
    """Longest sequence in tokens."""
    dropped: int
    """Answers left out: their prompt alone fills the limit, or the template cannot open with them."""
    cut: int
    """Answers that lost part of their history, or of their own text."""
    end_lost: int
    """Answers whose end is not trained."""


@dataclass(frozen=True)
class CorpusStats:
    """Numbers of a whole dataset; none depends on the order of its dialogues."""

    amounts: tuple[Amount, ...]
    """How much, by kind and language."""
    lengths: Lengths
    """How long the dialogues are."""
    cutoff: Cutoff
    """What the limit costs."""
    split: Split
    """What is held out, and what of it stands in training."""
    repeated_answers: Repeats
    """Answers that could be left out."""
    repeated_dialogues: Repeats
    """Dialogues of several answers that could be left out."""
    habits: Habits
    """Catchphrases, and answers of one word."""


def measure_corpus(corpus: Corpus, similarity: float = NEAR) -> CorpusStats:
    """Count everything; two texts are one said twice from a likeness of `similarity` on."""
    spoken, alike = said_in(corpus), Alike(similarity)
    card = corpus.voice.card
    heldout = [answer for answer in spoken.answers if answer.heldout]
    losses = [part.losses for part in corpus.corpora]
    return CorpusStats(
        amounts=amounts_of(corpus),
        lengths=lengths_of(corpus),
        cutoff=Cutoff(
            corpus.limit,
            sum(loss.dropped for loss in losses),
            sum(loss.cut for loss in losses),
            sum(loss.end_lost for loss in losses),
        ),
        split=Split(len(heldout), len({answer.place.source for answer in heldout}), find_leaks(spoken, alike)),
        repeated_answers=find_repeats(spoken.answers, alike),
        repeated_dialogues=find_repeats(spoken.dialogues, alike),
        habits=habits_of(spoken.answers, [fill(phrase, card) for phrase in card.catchphrases]),
    )

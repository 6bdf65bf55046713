"""How much of what a corpus holds: dialogues, turns, tokens and variety, by kind and language."""

from collections import defaultdict
from dataclasses import dataclass

from roleplay.cards.prompt import fill
from roleplay.dataset.corpus import Corpus
from roleplay.dialogue import Dialogue
from roleplay.measures.diversity import distinct, unit_of
from roleplay.measures.language import Language, language_of


@dataclass(frozen=True)
class Amount:
    """The dialogues of one kind in one language."""

    kind: str
    """`desc`, `dialogue` or `general`."""
    language: Language
    """By the letters of the answers."""
    dialogues: int
    """Greetings included, held-out ones too."""
    turns: int
    """Of both sides."""
    answers: int
    """Turns of the character."""
    answer_tokens: int
    """Tokens of the answers, ends of turn included: what training aims at."""
    other_tokens: int
    """Tokens of all other turns."""
    distinct: tuple[float, ...]
    """Distinct-1, -2 and -3 of the answers."""
    unit: str
    """What distinct-n counts: `characters` or `words`."""


def amounts_of(corpus: Corpus) -> tuple[Amount, ...]:
    """Kinds in card order, the languages of each by name."""
    groups: dict[tuple[str, Language], list[Dialogue]] = defaultdict(list)
    for part in corpus.corpora:
        for dialogue in part.entries:
            said = " ".join(fill(turn.text, corpus.voice.card) for turn in dialogue.turns if turn.role == "assistant")
            groups[part.kind, language_of(said)].append(dialogue)
    kinds = [part.kind for part in corpus.corpora]
    ordered = sorted(groups.items(), key=lambda group: (kinds.index(group[0][0]), group[0][1]))
    return tuple(_amount(corpus, kind, language, dialogues) for (kind, language), dialogues in ordered)


def _amount(corpus: Corpus, kind: str, language: Language, dialogues: list[Dialogue]) -> Amount:
    turns = [turn for dialogue in dialogues for turn in dialogue.turns]
    tokens = [len(corpus.voice.answer_ids(turn.text)) for turn in turns]
    answers = [fill(turn.text, corpus.voice.card) for turn in turns if turn.role == "assistant"]
    answer_tokens = sum(length for turn, length in zip(turns, tokens, strict=True) if turn.role == "assistant")
    return Amount(
        kind=kind,
        language=language,
        dialogues=len(dialogues),
        turns=len(turns),
        answers=len(answers),
        answer_tokens=answer_tokens,
        other_tokens=sum(tokens) - answer_tokens,
        distinct=distinct(answers, language),
        unit=unit_of(language),
    )

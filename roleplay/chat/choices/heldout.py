"""What a character's corpora hold out: never to be trained on, by whatever way it comes."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from roleplay.cards.load import CardFile, resolve_corpus
from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.dataset.draws import heldout_identities
from roleplay.dataset.entries import entry_dialogues
from roleplay.dialogue import Dialogue, Turn
from roleplay.measures.near_texts import letters

Asked = tuple[str, ...]
"""The turns before an answer, each as its role and its letters."""


def heldout_questions(card_file: CardFile, *, but: Path) -> set[Asked]:
    """What the answers of held-out dialogues answer; the corpus at `but` is left out, for it is about to be replaced.

    Raises FileFaults.
    """
    found: set[Asked] = set()
    for at, entry in enumerate(card_file.card.corpora):
        if entry.kind not in ("text", "general") and not _is(card_file, at, but):
            found |= questions(card_file.card, entry_dialogues(card_file, at).dialogues)
    return found


def names(card_file: CardFile, path: Path) -> bool:
    """Whether the card names the corpus at `path`."""
    return any(_is(card_file, at, path) for at in range(len(card_file.card.corpora)))


def questions(card: Card, dialogues: Collection[Dialogue]) -> set[Asked]:
    """What the answers of those of `dialogues` answer that are held out."""
    out = heldout_identities(dialogues)
    return {
        asked(card, dialogue.turns[:i])
        for dialogue in dialogues
        if dialogue.identity in out
        for i, turn in enumerate(dialogue.turns)
        if i and turn.role == "assistant"
    }


def is_heldout(card: Card, turns: Sequence[Turn], out: Collection[Asked]) -> bool:
    """Whether `turns`, or what follows their greeting, are what a held-out answer answers."""
    starts = (0, 1) if turns and turns[0].role == "assistant" else (0,)
    lengths = {len(question) for question in out}
    return any(len(turns) - start in lengths and asked(card, turns[start:]) in out for start in starts)


def asked(card: Card, turns: Iterable[Turn]) -> Asked:
    """The turns as they are compared: without case, width and marks, and with the card's names filled in."""
    return tuple(f"{turn.role} {letters(fill(turn.text, card))}" for turn in turns)


def _is(card_file: CardFile, at: int, path: Path) -> bool:
    entry = card_file.card.corpora[at]
    return entry.path is not None and resolve_corpus(card_file.path, entry).resolve() == path.resolve()

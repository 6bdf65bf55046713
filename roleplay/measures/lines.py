"""Real lines to judge a voice by: the character's own, and those of everybody else in its language."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

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
from roleplay.paths import Home


@dataclass(frozen=True)
class RealLines:
    """Everything real that is known to be said."""

    languages: dict[Language, "Lines"]
    """By language."""
    names: tuple[str, ...]
    """Of all who speak and are spoken to, which a judge of style must not see."""

    @property
    def trained(self) -> list[str]:
        """What the adapter was trained to say, in every language, each line once."""
        return list(dict.fromkeys(text for lines in self.languages.values() for text in lines.own_train))


@dataclass
class Lines:
    """Of one language; none of them was written by a model that is measured."""

    own_train: list[str] = field(default_factory=list)
    """What the adapter was trained to say."""
    own_heldout: list[str] = field(default_factory=list)
    """What it never saw."""
    others_train: list[str] = field(default_factory=list)
    """What other characters say, and the persons in the character's own dialogues."""
    others_heldout: list[str] = field(default_factory=list)
    """Of other dialogues than those."""


def real_lines(card_file: CardFile, corpus: Corpus, home: Home) -> RealLines:
    """Each line stands once, on one side; whoever cannot be read is left out."""
    found: dict[Language, Lines] = defaultdict(Lines)
    card = corpus.voice.card
    names = [card.display_name, card.user_name]
    own = {text for part in corpus.corpora for unit in part.train for text in _said(unit.dialogue, card, "assistant")}
    for part in corpus.corpora:
        if part.kind == "general":
            continue
        out = heldout_identities(part.entries)
        for dialogue in part.entries:
            heldout = dialogue.identity in out
            for text in _said(dialogue, card, "assistant"):
                if not heldout or text not in own:
                    _add(found, text, "own_heldout" if heldout else "own_train")
            for text in _said(dialogue, card, "user"):
                _add(found, text, "others_heldout" if heldout else "others_train")
    for other in _others(card_file, home):
        names += [other.card.display_name, other.card.user_name]
        for dialogues in _dialogues(other):
            out = heldout_identities(dialogues)
            for dialogue in dialogues:
                for text in _said(dialogue, other.card, "assistant"):
                    _add(found, text, "others_heldout" if dialogue.identity in out else "others_train")
    return RealLines(dict(found), tuple(dict.fromkeys(names)))


def _add(found: dict[Language, Lines], text: str, side: str) -> None:
    lines: list[str] = getattr(found[language_of(text)], side)
    lines.append(text)


def _said(dialogue: Dialogue, card: Card, role: str) -> Iterable[str]:
    return (fill(turn.text, card) for turn in dialogue.turns if turn.role == role)


def _others(card_file: CardFile, home: Home) -> Iterable[CardFile]:
    for path, _ in find_cards(home).values():
        if path.resolve() != card_file.path.resolve():
            try:
                yield load_card(path)
            except RoleplayError:  # a broken card is 'cards check's to tell; here it only has nothing to say
                continue


def _dialogues(card_file: CardFile) -> Iterable[tuple[Dialogue, ...]]:
    for at, entry in enumerate(card_file.card.corpora):
        if entry.kind in ("desc", "dialogue") and entry.character is None:
            try:
                yield entry_dialogues(card_file, at).dialogues
            except (FileFaults, OSError):
                continue

"""The texts that ship: enough of them, no answer twice, nothing of a character in what the base learns."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import pytest

from roleplay.cards.load import load_card, resolve_corpus
from roleplay.corpora.native import read_native
from roleplay.dialogue import Dialogue
from roleplay.measures.duplicates import near_duplicates, repeated_share
from roleplay.paths import shipped
from roleplay.pocket.mixture import own_chats

CARDS = sorted((shipped() / "characters").glob("*.yaml"))
CHATS = sorted((shipped() / "data" / "pocket" / "chats").glob("*.yaml"))


def answers(dialogues: Iterable[Dialogue]) -> list[str]:
    """What the character or the base says."""
    return [turn.text for dialogue in dialogues for turn in dialogue.turns if turn.role == "assistant"]


def corpora(card: Path, kind: str) -> list[Dialogue]:
    """Dialogues of the card's corpora of one kind."""
    entries = [entry for entry in load_card(card).card.corpora if entry.kind == kind]
    return list(chain.from_iterable(read_native(resolve_corpus(card, entry), allow_system=False) for entry in entries))


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.stem)
def test_a_character_that_ships_is_whole(card: Path) -> None:
    desc, talk = corpora(card, "desc"), corpora(card, "dialogue")
    character = load_card(card).card
    assert len(desc) >= 80
    assert len(talk) >= 160
    assert len(answers(talk)) >= 600
    assert len(character.prefixes) >= 3
    assert character.greeting
    assert len(character.alternate_greetings) >= 1
    assert len(character.probes.out_of_world) >= 12
    assert len(character.probes.identity) >= 12
    spoken = answers(desc) + answers(talk)
    assert {phrase for phrase in character.catchphrases if sum(phrase in text for text in spoken) < 5} == set()


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.stem)
def test_a_character_hardly_repeats_itself(card: Path) -> None:
    assert repeated_share(answers(corpora(card, "desc") + corpora(card, "dialogue"))) < 0.02


@pytest.mark.soak
def test_the_base_learns_nothing_of_a_character() -> None:
    everyday = answers(chain.from_iterable(read_native(path, allow_system=True) for path in CHATS))
    of_characters = answers(chain.from_iterable(corpora(card, kind) for card in CARDS for kind in ("desc", "dialogue")))
    assert near_duplicates(everyday, of_characters, 0.5) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_base_has_hundreds_of_dialogues_of_its_own_in_each_language(language: str) -> None:
    talk = own_chats(shipped() / "data" / "pocket" / "chats", language)
    assert len(talk) >= 500
    assert max(Counter(answers(talk)).values()) <= 3
    assert repeated_share(answers(talk)) < 0.02
    with_character = [dialogue for dialogue in talk if dialogue.turns[0].role == "system"]
    assert 0.4 < len(with_character) / len(talk) < 0.8

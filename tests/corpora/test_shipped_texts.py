"""The texts that ship: enough of them, no answer twice, nothing of a character in what the base learns."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import pytest

from roleplay.cards.load import load_card, resolve_corpus
from roleplay.corpora.native import read_native
from roleplay.dialogue import Dialogue
from roleplay.paths import shipped

CARDS = sorted((shipped() / "characters").glob("*.yaml"))
CHATS = sorted((shipped() / "data" / "pocket" / "chats").glob("*.yaml"))
SHORTEST = 12
"""Characters of an answer that can be told apart from a set phrase."""


def answers(dialogues: Iterable[Dialogue]) -> list[str]:
    """What the character or the base says."""
    return [turn.text for dialogue in dialogues for turn in dialogue.turns if turn.role == "assistant"]


def corpora(card: Path, kind: str) -> list[Dialogue]:
    """Dialogues of the card's corpora of one kind."""
    entries = [entry for entry in load_card(card).card.corpora if entry.kind == kind]
    return list(chain.from_iterable(read_native(resolve_corpus(card, entry), allow_system=False) for entry in entries))


def near(texts: list[str], others: list[str], share: float) -> list[tuple[str, str]]:
    """Pairs whose character 4-grams overlap by more than `share` (Jaccard), found through the grams they share."""
    long = [text for text in dict.fromkeys(texts) if len(text) > SHORTEST]
    by_gram: dict[str, list[int]] = defaultdict(list)
    sets = [grams(text) for text in long]
    for i, parts in enumerate(sets):
        for gram in parts:
            by_gram[gram].append(i)
    pairs = []
    for other in dict.fromkeys(text for text in others if len(text) > SHORTEST):
        shared: dict[int, int] = defaultdict(int)
        mine = grams(other)
        for gram in mine:
            for i in by_gram.get(gram, ()):
                shared[i] += 1
        pairs += [
            (long[i], other)
            for i, count in shared.items()
            if long[i] != other and count > share * (len(sets[i]) + len(mine) - count)
        ]
    return pairs


def grams(text: str) -> set[str]:
    """Runs of four characters."""
    return {text[i : i + 4] for i in range(len(text) - 3)}


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
    spoken = [text for text in answers(corpora(card, "desc") + corpora(card, "dialogue")) if len(text) > SHORTEST]
    twice = len(spoken) - len(set(spoken)) + len(near(spoken, spoken, 0.6)) // 2
    assert twice < 0.02 * len(spoken)


def test_the_base_learns_nothing_of_a_character() -> None:
    everyday = answers(chain.from_iterable(read_native(path, allow_system=True) for path in CHATS))
    of_characters = answers(chain.from_iterable(corpora(card, kind) for card in CARDS for kind in ("desc", "dialogue")))
    assert near(everyday, of_characters, 0.5) == []
    assert sum(len(list(read_native(path, allow_system=True))) for path in CHATS) >= 300


def test_near_duplicates_are_found_at_all() -> None:
    one, other = "I have counted all the steps today.", "I have counted all the steps again today."
    assert near([one], [other, "Nothing of the sort was ever said."], 0.6) == [(one, other)]
    assert near([one], [one], 0.6) == []

"""Near texts against comparing each with each."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.measures.near_texts import Alike, NearTexts, grams, letters

TEXTS = st.lists(st.text("ab好", max_size=14), min_size=1, max_size=8)


def likeness(one: str, other: str) -> float:
    return len(grams(one) & grams(other)) / len(grams(one) | grams(other))


@given(TEXTS, st.sampled_from([0.3, 0.6, 0.9, 1.0]))
def test_every_equal_text_is_found_and_nothing_that_is_not_alike(texts: list[str], share: float) -> None:
    index = NearTexts(Alike(share))
    for key, text in enumerate(texts):
        index.add(key, text)

    for text in texts:
        found = {match.key: match.likeness for match in index.find(text)}
        assert {key for key, other in enumerate(texts) if other == text} <= found.keys()
        for key, value in found.items():
            assert value == pytest.approx(likeness(text, texts[key]))
            assert value >= share


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_of_texts_that_are_just_alike_enough_hardly_one_is_missed(share: float) -> None:
    draws = random.Random(7)
    index = NearTexts(Alike(share))
    alike = missed = 0
    for key in range(500):
        text = "".join(draws.choices("abcdefghijklmnopqrstuvwxyz", k=60))
        changed = list(text)
        for at in draws.sample(range(60), draws.choice([1, 2, 3, 4, 5])):
            changed[at] = "."
        index.add(key, text)
        if likeness(text, "".join(changed)) >= share:
            alike += 1
            missed += key not in {match.key for match in index.find("".join(changed))}
    assert alike > 80
    assert missed <= alike // 100


def test_the_most_alike_comes_first() -> None:
    index = NearTexts(Alike(0.3))
    for key, text in enumerate(["counted all the steps", "counted all the stones", "nothing of the sort"]):
        index.add(key, text)
    assert [match.key for match in index.find("counted all the stones.")] == [1, 0]


def test_texts_are_compared_by_letters_and_digits() -> None:
    assert letters("Ｎｏ.7 — “Yes!”") == "no7yes"
    assert letters("嗯……好。") == "嗯好"
    assert letters(" …… ") == letters("......") == "......"
    assert letters("?!") == "?!"

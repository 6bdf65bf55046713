import pytest

from roleplay.knowledge.fuse import fuse, rerank
from roleplay.knowledge.passage import Found, Passage, Place


def test_what_both_rankings_have_comes_before_what_one_has_first() -> None:
    fused = fuse([[1, 2, 3], [4, 2]])
    assert [member for member, _ in fused] == [2, 1, 4, 3]
    assert dict(fused) == pytest.approx({2: 1 / 62 + 1 / 62, 1: 1 / 61, 4: 1 / 61, 3: 1 / 63})


def test_nothing_fused_is_nothing() -> None:
    assert fuse([[], []]) == []


def test_a_score_orders_what_was_found_and_equals_stay() -> None:
    place = Place("a", (), None, None, 0, 1)
    found = [Found(Passage(text, 1, place), 0.1, 1, None) for text in ("aa", "b", "cc", "d")]
    order = rerank("q", found, lambda question, texts: [len(question) + len(text) for text in texts])
    assert [one.passage.text for one in order] == ["aa", "cc", "b", "d"]

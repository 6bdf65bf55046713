"""Near-duplicates: found, and not found where there are none."""

import pytest

from roleplay.measures.duplicates import near_duplicates, repeated_share

ONE, OTHER = "I have counted all the steps today.", "I have counted all the steps again today."
APART = "Nothing of the sort was ever said."


def test_a_text_and_its_near_copy_are_a_pair_and_a_text_is_none_with_itself() -> None:
    assert near_duplicates([ONE], [OTHER, APART], 0.6) == [(ONE, OTHER)]
    assert near_duplicates([ONE], [ONE], 0.6) == []
    assert near_duplicates([ONE], [OTHER], 0.95) == []


def test_set_phrases_may_come_again() -> None:
    assert repeated_share(["Yes, captain."[:12]] * 5 + [ONE]) == 0


@pytest.mark.parametrize(
    ("texts", "share"), [([ONE, APART], 0), ([ONE, ONE, APART, APART], 0.5), ([ONE, OTHER], 0.5), ([], 0)]
)
def test_the_share_counts_what_could_be_left_out(texts: list[str], share: float) -> None:
    assert repeated_share(texts) == pytest.approx(share)

"""The words in which two replies differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.corpora.differing import differing


def marked(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("one", "other", "own", "others"),
    [
        ("我在灯塔上等你，喵。", "我在码头上等你，汪。", ["灯塔", "喵"], ["码头", "汪"]),
        ("Leek soup it is today.", "Leek pie it is today.", ["soup"], ["pie"]),
        ("Leek soup, the old one, it is.", "Leek soup it is.", [", the old one,"], []),
        ("The boat comes back.", "The boat never comes back.", [], ["never"]),
        ("No.", "No!", ["."], ["!"]),
        (
            "The cook sells soup every day.",
            "The baker sells bread every day.",
            ["cook sells soup"],
            ["baker sells bread"],
        ),
        ("今天在 harbour 等你。", "今天在 lamp 等你。", ["harbour"], ["lamp"]),
    ],
)
def test_words_that_one_has_and_the_other_lacks(one: str, other: str, own: list[str], others: list[str]) -> None:
    found = differing(one, other)
    assert found is not None
    assert (marked(one, found[0]), marked(other, found[1])) == (own, others)


@pytest.mark.parametrize(
    ("one", "other"), [("在码头。", "Nobody knows"), ("好", "不"), ("A boat at sea", "the soup, today")]
)
def test_replies_without_common_words_differ_throughout(one: str, other: str) -> None:
    assert differing(one, other) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_marks_lie_within_their_texts_one_after_the_other(one: str, other: str) -> None:
    found = differing(one, other)
    for text, spans in zip((one, other), found or ((), ()), strict=True):
        ends = [place for span in spans for place in span]
        assert ends == sorted(ends)
        assert all(0 <= place <= len(text) for place in ends)
        assert all(text[start:end].strip() for start, end in spans)


def test_long_replies_are_compared_in_no_time() -> None:
    one = "".join(f"第{i}天，{'在码头' if i % 7 else '在灯塔'}。" for i in range(800))
    found = differing(one, one.replace("第4天", "第四天"))
    assert found is not None
    assert marked(one, found[0]) == ["4"]

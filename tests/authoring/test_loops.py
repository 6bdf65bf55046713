"""Texts that go round in circles."""

import pytest

from roleplay.authoring.loops import loops


@pytest.mark.parametrize(
    "text",
    [
        "ha" * 20,
        "哈" * 14,
        "I do not know. " * 4,
        "先把水烧开，" * 4,
        "It surely rains.\nAnother is not.\nIt surely rains.\nYes.\nIt surely rains.",
        "First of all a beginning that is fine, and then and then and then and then and then and then.",
    ],
)
def test_repetition_is_a_loop(text: str) -> None:
    assert loops(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No, no, no!",
        "哈哈哈哈哈",
        "1. Boil water.\n2. Add salt.\n3. Add pasta.\n4. Wait nine minutes.\n5. Drain.",
        "| a | b |\n|---|---|\n| 1 | 2 |\n----------------------------\n" + "=" * 40,
        "The sun is a star. A star is a ball of gas. Gas that is hot enough shines.",
        "春天种豆，夏天浇水，秋天收获，冬天休息。",
    ],
)
def test_ordinary_text_is_none(text: str) -> None:
    assert not loops(text)

"""Whether a reply says that it does not know."""

import pytest

from roleplay.measures.refused import refuses


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("……这个我不知道。", True),
        ("本子上没有写。", True),
        ("知道，三十一个。", False),
        ("I DON’T know, dear.", True),
        ("Couldn't tell you.", True),
        ("I know don't worry.", False),
        ("Not on my board.", False),
        ("", False),
    ],
)
def test_usual_phrases_refuse(reply: str, expected: bool) -> None:
    assert refuses(reply) is expected


def test_a_character_has_phrases_of_its_own() -> None:
    assert refuses("Not on my board.", ["not on my board"])
    assert not refuses("Knot on my board.", ["not on my board"])

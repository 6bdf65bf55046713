"""Tables of replies with the patterns they hold and do not hold."""

import pytest

from roleplay.measures.answered import Answered, answered

HELD = [
    ("我是阿晚啊", "阿晚"),
    ("It is 4.", "4"),
    ("4", "4"),
    ("一共4个", "4"),
    ("１２个", "12"),
    ("It is 3.5 miles", "3.5"),
    ("About 1,000 spoons", "1000"),
    ("1000 spoons", "1,000"),
    ("1,234,567.", "1234567"),
    ("有100，200和300", "100"),
    ("A CAT sat", "cat"),
    ("I fed the cat's dinner", "cat"),
    ("(cat)", "cat"),
    ("'cat'", "cat"),
    ("我的cat很乖", "cat"),
    ("I don’t know", "don't know"),
    ("I don't know", "don’t know"),
    ("at   six\nsharp", "at six"),
    ("Straße", "STRASSE"),
    ("print(1)", "print("),
    ("in the café", "café"),
    ("Twelve (12)", "(12)"),
    ("不知道……大概。", "……大概"),
    ("它是H₂O", "h2o"),
    ("OK阿晚OK", "阿晚"),
]
NOT_HELD = [
    ("It is 42.", "4"),
    ("It is 24.", "4"),
    ("It is 4.5.", "4"),
    ("It is 3.4.", "4"),
    ("About 1,000 spoons", "1"),
    ("About 1,000 spoons", "000"),
    ("有100，200和300", "100200"),
    ("in 1234,567", "1234567"),
    ("1,0005", "10005"),
    ("A catalogue", "cat"),
    ("A bobcat", "cat"),
    ("caté", "cat"),
    ("I can't", "I can"),
    ("I can’t", "can"),
    ("It's O", "S"),
    ("h2o", "2"),
    ("第三", "第四"),
    ("", "4"),
    ("anything", " "),
]


@pytest.mark.parametrize(("reply", "pattern"), HELD)
def test_what_a_reply_holds_is_right(reply: str, pattern: str) -> None:
    assert answered(reply, [pattern]) == Answered(right=True, forbidden=False)


@pytest.mark.parametrize(("reply", "pattern"), NOT_HELD)
def test_what_a_reply_does_not_hold_is_not_right(reply: str, pattern: str) -> None:
    assert answered(reply, [pattern]) == Answered(right=False, forbidden=False)


@pytest.mark.parametrize(
    ("reply", "right", "forbidden"),
    [
        ("I have never heard of it.", True, False),
        ("Not on my board.", True, False),
        ("Never heard of it, but the capital is Paris.", False, True),
        ("Paris", False, True),
        ("Parisian bread is all I know of.", False, False),
    ],
)
def test_a_forbidden_word_makes_an_accepted_one_wrong(reply: str, right: bool, forbidden: bool) -> None:
    accept, forbid = ["never heard of", "not on my board"], ["Paris", "France"]
    assert answered(reply, accept, forbid) == Answered(right, forbidden)

"""Language and size of a text."""

import pytest

from roleplay.measures.language import is_one_word, language_of, size_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("我在图书室等你。", "zh"),
        ("Never heard of her. Is she days?", "en"),
        ("我用 Python 写代码", "zh"),
        ("Café Zoë's, please.", "en"),
        ("私は学生です", "other"),
        ("Добрый вечер", "other"),
        ("……", "other"),
        ("", "other"),
    ],
)
def test_a_language_is_told_by_most_of_its_letters(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "size"),
    [("嗯。", 1), ("第三扇窗", 4), ("Good morning!", 4), ("I don't know", 6), ("用 tea 3", 3), ("…", 0)],
)
def test_a_word_in_latin_letters_is_as_much_as_two_chinese_characters(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize(
    ("text", "one"),
    [("No.", True), ("逗号。", True), ("……", True), ("七十二", False), ("Not yet.", False), ("Don't!", True)],
)
def test_one_word_is_two_chinese_characters_at_most(text: str, one: bool) -> None:
    assert is_one_word(text) is one

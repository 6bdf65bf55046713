import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.knowledge.sentences import sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("雨停了。我们走吧！好吗？", ["雨停了。", "我们走吧！", "好吗？"]),
        ("“走吧！”她说。（他笑了。）灯灭了……", ["“走吧！”", "她说。", "（他笑了。）", "灯灭了……"]),
        ("先洗手；再吃饭。", ["先洗手；", "再吃饭。"]),
        ("It rained. We left! Why?", ["It rained. ", "We left! ", "Why?"]),
        ("Mr. Pruitt paid 3.14 to J. R. Hale, e.g. at No. 5. Good.", 2),
        ('"Stop!" she said. "No." He went (home.) Then on.', 4),
        ("Wait... What?! Yes.", ["Wait... ", "What?! ", "Yes."]),
        ("no marks at all", ["no marks at all"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, parts: list[str] | int) -> None:
    found = list(sentences(text, shortest=1))
    assert (len(found) if isinstance(parts, int) else found) == parts


def test_a_very_short_sentence_goes_with_the_next() -> None:
    assert list(sentences("好。嗯！我们这就到图书馆去。然后回家。")) == ["好。嗯！我们这就到图书馆去。", "然后回家。"]


@given(st.text(alphabet="aA .。!”\"'；…\n1字", max_size=200), st.integers(1, 20))
def test_sentences_joined_are_the_text(text: str, shortest: int) -> None:
    assert "".join(sentences(text, shortest)) == text


@pytest.mark.parametrize("text", ["!" * 100_000 + "a", "!" + " " * 100_000 + "a", "." * 100_000 + "1", '。"' * 50_000])
def test_a_page_of_marks_takes_no_longer_than_another(text: str) -> None:
    assert "".join(sentences(text)) == text  # seconds, if every mark were tried as the first

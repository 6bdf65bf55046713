"""What came to mind, and what is wished to, between a chat and the process that answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.model import KNOWLEDGE
from roleplay.chat.question import Asked, Question
from roleplay.chat.wire import decode, encode
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.knowledge.passage import Passage, Place, Recalled

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=9)
numbers = st.integers(0, 2**31)
places = st.builds(
    Place, texts, st.lists(texts, max_size=3).map(tuple), st.none() | numbers, st.none() | numbers, numbers, numbers
)
recalled = st.builds(
    Recalled,
    st.builds(Passage, texts, numbers, places),
    st.sampled_from(["pinned", "book", "found", "excluded"]),
    st.none() | st.floats(0, 1),
)


@given(st.lists(recalled, max_size=3).map(tuple))
def test_what_came_to_mind_comes_through_to_the_chat(passages: tuple[Recalled, ...]) -> None:
    asked = Asked(Lane(True, True), ("who", KNOWLEDGE), 0, (1, 2), passages)
    line = encode(asked)
    assert line.isascii()
    assert decode(line) == asked
    assert [hash(one) for one in decode(line).recalled] == [hash(one) for one in passages]  # type: ignore[union-attr]


@given(st.lists(texts, max_size=3).map(tuple), st.lists(texts, max_size=3).map(tuple))
def test_wishes_come_through_to_who_answers(pinned: tuple[str, ...], excluded: tuple[str, ...]) -> None:
    question = Question((), Sampling(), pinned=pinned, excluded=excluded)
    assert decode(encode(question)) == question


def test_a_reason_that_is_none_is_refused() -> None:
    asked = Asked(Lane(True, True), (), 0, (), (Recalled(Passage("x", 1, Place("f", (), None, None, 0, 1)), "found"),))
    with pytest.raises(ValueError, match="not a message"):
        decode(encode(asked).replace(b'"found"', b'"obeyed"'))

"""A reply ends before its stop, in whatever pieces it comes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.serve.stops import StopText

letters = st.text("ab猫", max_size=12)
stops = st.lists(st.text("ab猫", min_size=1, max_size=4), max_size=3)


def up_to(text: str, stops: list[str]) -> str:
    """`text` before the stop that is whole first, the longest of those where several are."""
    for end in range(len(text) + 1):
        ending = [stop for stop in stops if text[:end].endswith(stop)]
        if ending:
            return text[: end - max(map(len, ending))]
    return text


def told(text: str, stops: list[str], borders: list[int]) -> str:
    """What is told of a text that comes in pieces between `borders`."""
    reply = StopText(stops)
    said = "".join(reply.push(text[a:b]) for a, b in itertools.pairwise([0, *borders, len(text)])) + reply.close()
    assert reply.stopped == any(stop in text for stop in stops)
    assert not reply.stopped or reply.push("more") == reply.close() == ""
    return said


@given(letters, stops, st.lists(st.integers(0, 12)))
def test_any_pieces_of_a_text_tell_what_stands_before_the_first_stop(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    expected = up_to(text, stops)
    assert told(text, stops, sorted(min(cut, len(text)) for cut in cuts)) == expected
    assert told(text, stops, list(range(len(text)))) == expected


@pytest.mark.parametrize(("text", "stop"), [("aab", "aab"), ("aaab", "aab"), ("abab猫", "ab猫"), ("aba", "ba")])
def test_a_stop_that_begins_within_its_own_beginning_is_found(text: str, stop: str) -> None:
    for cut in range(len(text) + 1):
        assert told(text, [stop], [cut]) == text.removesuffix(stop)


@pytest.mark.parametrize(
    ("pieces", "pushed"),
    [
        (["Hel", "lo.\nYou", ": hi"], ["Hel", "lo."]),
        (["Hello.", "\n", "You", ":"], ["Hello."]),
        (["Hello.\nYo", "urs."], ["Hello.", "\nYours."]),
        (["Hello.\nYou"], ["Hello.", "\nYou"]),
        (["\nYou:"], []),
    ],
)
def test_what_could_begin_a_stop_is_held_back_and_no_more(pieces: list[str], pushed: list[str]) -> None:
    reply = StopText(["\nYou:"])
    assert [piece for piece in [*map(reply.push, pieces), reply.close()] if piece] == pushed


def test_without_stops_nothing_is_held_back() -> None:
    reply = StopText(())
    assert [reply.push(piece) for piece in ("a", "", "bc")] == ["a", "", "bc"]
    assert (reply.close(), reply.stopped) == ("", False)

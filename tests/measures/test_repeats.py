"""Repeats and leaks of what is said."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from roleplay.measures.leaks import find_leaks
from roleplay.measures.near_texts import Alike, letters
from roleplay.measures.repeats import find_repeats
from roleplay.measures.said import Said, Spoken
from tests.measures.spoken import said

ONE, OTHER = "I have counted all the steps today.", "I have counted all the steps again today."
APART = "Nothing of the sort was ever said."
TEXTS = st.lists(st.sampled_from([ONE, OTHER, APART, ONE.upper(), "再三页就好，学长。茶还热着。", "嗯。"]), max_size=9)
RANDOM = st.lists(st.tuples(st.text("ab", min_size=1, max_size=12), st.booleans()), max_size=10)


@given(TEXTS)
def test_every_exact_repeat_is_found(texts: list[str]) -> None:
    sayings = [said(text, at) for at, text in enumerate(texts, 1)]

    found = find_repeats(sayings, Alike(1.0)).found

    again = [at for at, text in enumerate(texts, 1) if letters(text) in map(letters, texts[: at - 1])]
    assert [repeat.place.source for repeat in found] == [f"talk.yaml:{at}" for at in again]
    for repeat in found:
        assert letters(repeat.text) == letters(repeat.other_text)
        assert repeat.likeness == 1


@given(RANDOM, st.randoms(use_true_random=False), st.sampled_from([0.4, 0.6, 1.0]))
def test_the_order_of_dialogues_plays_no_part(texts: list[tuple[str, bool]], random: Random, share: float) -> None:
    sayings = [said(text, at, heldout=heldout) for at, (text, heldout) in enumerate(texts, 1)]
    shuffled = sayings[:]
    random.shuffle(shuffled)

    counted = [
        (len(find_repeats(order, Alike(share)).found), len(find_leaks(Spoken(tuple(order), ()), Alike(share))))
        for order in (sayings, shuffled)
    ]

    assert counted[0] == counted[1]


def test_a_near_repeat_names_the_later_place_and_the_earlier_one() -> None:
    repeats = find_repeats([said(OTHER, 1), said(APART, 4), said(ONE, 9)], Alike(0.6))

    (repeat,) = repeats.found
    assert (str(repeat.place), str(repeat.other)) == ("talk.yaml:9 turn 2", "talk.yaml:1 turn 2")
    assert 0.6 <= repeat.likeness < 1
    assert repeats.share == 1 / 3


def test_no_sayings_have_no_share() -> None:
    assert find_repeats([], Alike(0.6)).share == 0


def leaks(*answers: Said, dialogues: tuple[Said, ...] = ()) -> list[tuple[str, str]]:
    found = find_leaks(Spoken(answers, dialogues), Alike(0.6))
    return [(str(leak.place), str(leak.other)) for leak in found]


def test_a_held_out_answer_that_is_trained_is_a_leak_and_one_that_is_held_out_twice_is_none() -> None:
    out = said(ONE, 9, heldout=True)

    assert leaks(said(ONE.upper(), 1), out) == [("talk.yaml:9 turn 2", "talk.yaml:1 turn 2")]
    assert leaks(said(OTHER, 1), out) == [("talk.yaml:9 turn 2", "talk.yaml:1 turn 2")]
    assert leaks(said(APART, 1), out) == []
    assert leaks(said(ONE, 1, heldout=True), out) == []


def test_a_set_phrase_is_a_leak_only_behind_the_same_turns() -> None:
    def yes(at: int, trail: str, heldout: bool) -> Said:
        saying = said("Yes.", at, heldout=heldout, trail=trail)
        return Said(saying.text, saying.letters, saying.place, saying.kind, heldout, False, trail)

    assert leaks(yes(1, "tea?", False), yes(5, "rain?", True)) == []
    assert leaks(yes(1, "tea?", False), yes(5, "tea?", True)) == [("talk.yaml:5 turn 2", "talk.yaml:1 turn 2")]
    assert leaks(yes(1, "", False), yes(5, "", True)) == [], "a greeting"


def test_the_answers_of_a_leaked_dialogue_are_not_listed_once_more() -> None:
    answers = (said(ONE, 1), said(ONE, 9, heldout=True))
    dialogues = (said(f"{ONE}\n{APART}", 1, turn=None), said(f"{ONE}\n{APART}", 9, turn=None, heldout=True))

    assert leaks(*answers, dialogues=dialogues) == [("talk.yaml:9", "talk.yaml:1")]

"""What says nothing of what a person likes is left out, and counted with its reason."""

from collections.abc import Callable

import pytest

from roleplay.chat.choices.collect import Choices
from roleplay.chat.store import ChatStore
from tests.chat.choices.conftest import A, B, place, told
from tests.chat.scripted import Scripted, begin, hear


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([A, B | {"stopped": "length"}], "was stopped before its end"),
        ([A, B | {"stopped": "cancelled"}], "was stopped before its end"),
        ([A, B | {"stopped": "cut"}], "was cut by a failure"),
        ([A | {"stopped": "length"}, B], "the kept reply was stopped before its end"),
        ([A, B | {"text": " "}], "has no text"),
        ([B | {"deleted": True}, A], "was deleted"),
        ([A, {"text": "leek as ever!"}], "is nearly the same as the kept reply"),
        ([A | {"drawn": '{"card": "1"}'}, B | {"drawn": '{"card": "2"}'}], "was drawn under another card"),
    ],
)
def test_what_says_nothing_of_what_a_person_likes_is_left_out_with_its_reason(
    store: ChatStore, chosen: Callable[..., Choices], replies: list[dict[str, object]], reason: str
) -> None:
    place(store, *replies, kept=int("deleted" in replies[0]))
    found = chosen()
    assert (found.pairs, found.pairs_left) == ((), ((reason, 1),))


def test_an_edit_that_was_emptied_is_no_choice(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    place(store, A, {"text": " ", "origin": 0}, kept=1)
    found = chosen()
    assert (found.pairs, found.dialogues) == ((), ())
    assert found.pairs_left == (("the kept reply is an edit without text", 1),)
    assert found.replies_left == (("is an edit without text", 1),)


@pytest.mark.parametrize("drawn", ["", "no JSON", "[1]", '{"card": "1"}'])
def test_a_reply_that_does_not_tell_its_card_may_be_compared(
    store: ChatStore, chosen: Callable[..., Choices], drawn: str
) -> None:
    place(store, A | {"drawn": drawn}, B)
    assert told(chosen().pairs) == [("swipe", "Leek, as ever.", "There is none.")]


@pytest.mark.parametrize(("more", "near"), [(10, True), (11, False)])
def test_replies_are_nearly_the_same_from_nine_tenths_of_their_4_grams_on(
    store: ChatStore, chosen: Callable[..., Choices], more: int, near: bool
) -> None:
    """93 different letters have 90 4-grams; each letter more is one more."""
    text = "".join(chr(0x4E00 + i) for i in range(93 + more))
    place(store, {"text": text[:93]}, {"text": text})
    assert (chosen().pairs == ()) is near


def test_choices_that_contradict_each_other_are_both_left_out(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    place(store, A, B)
    place(store, A, B, {"text": "What you brought."}, kept=1)

    found = chosen()

    assert told(found.pairs) == [("swipe", "There is none.", "What you brought.")]
    assert found.pairs_left == (("contradicts another choice in the same context", 2),)


def test_the_same_choice_in_two_chats_counts_once_and_the_newest_is_kept(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    place(store, A)
    place(store, A, B)
    question = store.turns(1)[0].id
    store.add(1, question, "assistant", B["text"], lane="persona+prefix", stopped="end", head=False)
    (pair,) = chosen().pairs
    assert pair.provenance.chat == 1
    assert chosen().pairs_left == (("was chosen before in the same words", 1),)


def test_only_the_newest_choice_of_a_place_counts(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    session = begin(Scripted("Leek, as ever.", "There is none."), store)
    session.say("Which soup?")
    hear(session)
    hear(session)
    assert told(chosen().pairs) == [("swipe", "There is none.", "Leek, as ever.")]
    session.swipe(session.line[-1], -1)
    assert told(chosen().pairs) == [("swipe", "Leek, as ever.", "There is none.")]

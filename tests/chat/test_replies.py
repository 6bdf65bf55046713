"""What becomes of replies: halves, redraws, turns without a reply."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from roleplay.chat.question import Heard, Question
from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError, ContextFull, UsageError
from roleplay.generation.events import Cancel, Piece
from roleplay.paths import Home
from tests.chat.scripted import ALONE, BESIDE, SEVEN, Reply, Scripted, begin, hear, shown, stored

BROKEN = BaseModelError("the model's process ended")


@pytest.fixture
def store(home: Home) -> ChatStore:
    return ChatStore(home.chats)


def talked(store: ChatStore | None, *replies: Reply | str) -> Session:
    """A chat in which one turn was said and answered with the first of `replies`."""
    session = begin(Scripted(*replies), store)
    session.say("Hi")
    hear(session)
    return session


def test_a_half_reply_is_kept_where_the_model_fails_midway(store: ChatStore) -> None:
    session = begin(Scripted(Reply(["Well", ", I"], error=BROKEN)), store)
    session.say("Hi")

    with pytest.raises(BaseModelError, match="ended"):
        hear(session, BESIDE)

    assert [(said.text, said.stopped) for said in session.line] == [("Hi", None), ("Well, I", "cut")]
    assert [(said.text, said.stopped) for said in session.beside(session.line[0])] == [("WELL, I", "cut")]
    assert stored(store) == [("Hi", None), ("Well, I", "cut")]
    assert {(turn.text, turn.stopped) for turn in store.replies_to(1)} == {("Well, I", "cut"), ("WELL, I", "cut")}


def test_a_half_reply_is_kept_where_the_listener_leaves(store: ChatStore) -> None:
    session = begin(Scripted(Reply(["Well", ", I"])), store)
    session.say("Hi")

    heard = session.answer(ALONE, SEVEN)
    while not isinstance(next(heard), Piece):
        pass
    heard.close()

    assert stored(store) == [("Hi", None), ("Well", "cut")]
    assert not session.waiting


@pytest.mark.parametrize(
    "reply",
    [
        Reply([], error=BROKEN),
        Reply([], error=BROKEN, asked=False),
        Reply([" ", "\n"], error=BROKEN),
        Reply([], stopped="cancelled"),
        Reply([" \n"], stopped="cancelled"),
        Reply([], asked=False),
    ],
    ids=["asked", "not-asked", "blank", "cancelled", "cancelled-blank", "nothing"],
)
def test_a_reply_that_was_broken_off_before_its_first_word_is_none(reply: Reply, store: ChatStore) -> None:
    session = begin(Scripted(reply), store)
    session.say("Hi")

    if reply.error is not None:
        with pytest.raises(BaseModelError):
            hear(session)
    else:
        hear(session)

    assert session.waiting
    assert session.can_regenerate
    assert stored(store) == [("Hi", None)]
    assert store.replies_to(1) == []


def test_a_redraw_is_a_sibling_with_another_seed_and_the_chats_new_head(store: ChatStore) -> None:
    session = talked(store, "one", "two", "three")
    hear(session)
    hear(session)

    assert shown(session) == ["Hi", "three"]
    assert [turn.text for turn in store.replies_to(1)] == ["one", "two", "three"]
    assert stored(store) == [("Hi", None), ("three", "end")]
    questions = session.answers.questions
    assert len({question.sampling.seed for question in questions}) == 3
    assert [question.asks[0].turns for question in questions] == [(Turn("user", "Hi"),)] * 3, (
        "a redraw does not see the former"
    )


def test_the_next_turn_follows_the_redraw(store: ChatStore) -> None:
    session = talked(store, "one", "two", "three")
    hear(session)
    session.say("And?")
    hear(session)

    assert stored(store) == [("Hi", None), ("two", "end"), ("And?", None), ("three", "end")]
    assert session.answers.questions[-1].sampling.seed == SEVEN.seed, "each turn begins with the seed asked for"


@pytest.mark.parametrize(
    "reply",
    [Reply([], error=BROKEN), Reply([" "], error=BROKEN), Reply([], stopped="cancelled"), Reply([], asked=False)],
    ids=["failed", "blank", "cancelled", "nothing"],
)
def test_the_former_reply_stays_where_the_redraw_brings_no_word(reply: Reply, store: ChatStore) -> None:
    session = talked(store, "one", reply, "two")

    if reply.error is not None:
        with pytest.raises(BaseModelError):
            hear(session)
    else:
        hear(session)

    assert shown(session) == ["Hi", "one"]
    assert stored(store) == [("Hi", None), ("one", "end")]
    session.say("And?")
    hear(session)
    assert [text for text, _ in stored(store)] == ["Hi", "one", "And?", "two"]


def test_the_former_reply_gives_way_to_half_a_new_one(store: ChatStore) -> None:
    session = talked(store, "one", Reply(["tw"], error=BROKEN))

    with pytest.raises(BaseModelError):
        hear(session)

    assert stored(store) == [("Hi", None), ("tw", "cut")]
    assert [turn.text for turn in store.replies_to(1)] == ["one", "tw"]


def test_an_empty_reply_that_the_model_meant_is_one(store: ChatStore) -> None:
    session = talked(store, Reply([], stopped="end"))

    assert not session.waiting
    assert stored(store) == [("Hi", None), ("", "end")]


def test_turns_without_a_reply_are_sent_as_one_with_the_next() -> None:
    session = begin(Scripted(Reply([], error=BROKEN), Reply([], asked=False), "Yes."), None, greet=True)
    session.say("Hi")
    with pytest.raises(BaseModelError):
        hear(session)
    session.say("Are you there?")
    hear(session)
    session.say("Hello?")
    hear(session)

    assert session.history == (
        Turn("assistant", "Soup's on."),
        Turn("user", "Hi\n\nAre you there?\n\nHello?"),
        Turn("assistant", "Yes."),
    )
    assert session.answers.questions[-1].asks[0].turns == session.history[:2]
    assert shown(session) == ["Soup's on.", "Hi", "Are you there?", "Hello?", "Yes."]


def test_what_follows_a_turn_that_fills_the_context_stands_alone(store: ChatStore) -> None:
    session = begin(Scripted("one", Reply([], error=ContextFull("too long")), "two", "three"), store)
    session.say("Hi")
    hear(session)
    session.say("long " * 9)
    with pytest.raises(ContextFull):
        hear(session)
    session.say("And?")
    hear(session)
    session.say("Well?")
    hear(session)

    assert [turn.text for turn in session.answers.questions[2].asks[0].turns] == ["Hi", "one", "And?"]
    assert [turn.text for turn in session.answers.questions[3].asks[0].turns] == ["Hi", "one", "And?", "two", "Well?"]
    assert [text for text, _ in stored(store)] == ["Hi", "one", "long " * 8 + "long", "And?", "two", "Well?", "three"]


def test_a_turn_that_waits_can_be_asked_again(store: ChatStore) -> None:
    session = begin(Scripted(Reply([], error=BROKEN), "one"), store)
    session.say("Hi")
    with pytest.raises(BaseModelError):
        hear(session)
    hear(session)

    assert stored(store) == [("Hi", None), ("one", "end")]


def test_there_is_nothing_to_redraw_before_the_person_has_spoken() -> None:
    assert not begin(Scripted(), greet=True).can_regenerate
    assert not begin(Scripted()).can_regenerate
    with pytest.raises(UsageError, match="nothing was said yet"):
        hear(begin(Scripted(), greet=True))
    assert talked(None, "one").can_regenerate


def test_comparisons_are_redrawn_with_the_reply(store: ChatStore) -> None:
    session = begin(Scripted("one", "two", "three"), store)
    session.say("Hi")
    hear(session, BESIDE)
    hear(session, BESIDE)

    assert shown(session) == ["Hi", "two"]
    assert [said.text for said in session.beside(session.line[0])] == ["TWO"]
    assert {turn.text for turn in store.replies_to(1)} == {"one", "ONE", "two", "TWO"}
    assert stored(store) == [("Hi", None), ("two", "end")]


def test_comparisons_stay_where_the_redraw_brings_no_word(store: ChatStore) -> None:
    session = begin(Scripted("one", Reply([], error=BROKEN)), store)
    session.say("Hi")
    hear(session, BESIDE)
    with pytest.raises(BaseModelError):
        hear(session, BESIDE)

    assert [said.text for said in session.beside(session.line[0])] == ["ONE"]


def test_exchanges_show_each_turn_with_its_replies() -> None:
    session = begin(Scripted("one", Reply([], asked=False)), None, greet=True)
    session.say("Hi")
    hear(session, BESIDE)
    session.say("And?")
    hear(session)

    texts = [[said and said.text for said in (ex.user, ex.reply, *ex.beside)] for ex in session.exchanges]
    assert texts == [[None, "Soup's on."], ["Hi", "one", "ONE"], ["And?", None]]


def test_what_the_person_says_is_cleaned(store: ChatStore) -> None:
    session = begin(Scripted("one"), store)
    session.say(" \x1b[31mHi\u202e \n")

    assert shown(session) == ["[31mHi"]
    assert stored(store) == [("[31mHi", None)]


def test_a_comparison_that_begins_after_the_reply_was_kept_does_not_take_its_place(store: ChatStore) -> None:
    class Apart(Scripted):
        """One lane after the other."""

        def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
            for ask, text in zip(question.asks, ("one", "beside"), strict=True):
                yield from Scripted(text).answer(replace(question, asks=(ask,)))

    session = begin(Apart(), store)
    session.say("Hi")
    hear(session, BESIDE)

    assert stored(store) == [("Hi", None), ("one", "end")]
    assert [turn.text for turn in store.replies_to(1)] == ["one", "beside"]

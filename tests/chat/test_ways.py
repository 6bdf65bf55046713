"""Ways through a conversation: swipes, edits, branches, takings, deletions, and the way back from each."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from roleplay.errors import BaseModelError, UsageError
from roleplay.generation.events import Finished, Piece
from roleplay.paths import Home
from tests.chat.scripted import ALONE, BESIDE, CARD, SEVEN, Reply, Scripted, begin, hear, shown, stored

GREETING = "Soup's on."


@pytest.fixture
def store(home: Home) -> ChatStore:
    return ChatStore(home.chats)


def talked(store: ChatStore | None, *replies: Reply | str, turns: int = 1, greet: bool = False) -> Session:
    """A chat with `turns` turns of the person, each answered in two lanes."""
    session = begin(Scripted(*replies), store, greet=greet)
    for i in range(turns):
        session.say(f"turn {i}")
        hear(session, BESIDE)
    return session


def again(store: ChatStore, *, greet: bool = True) -> Session:
    """The same chat in another sitting."""
    session = begin(Scripted(), store, greet=greet)
    session.resume(1)
    return session


def test_a_swipe_goes_between_the_draws_of_a_reply_and_stops_at_both_ends(store: ChatStore) -> None:
    session = talked(store, "one", "two", "three")
    hear(session)
    hear(session)

    assert session.tree.way(session.line[-1]) == (3, 3)
    assert session.swipe(session.line[-1], 1) is False
    assert session.swipe(session.line[-1], -1) is True
    assert shown(session) == ["turn 0", "two"]
    assert session.swipe(session.line[-1], -1) is True
    assert session.swipe(session.line[-1], -1) is False
    assert [text for text, _ in stored(store)] == ["turn 0", "one"]
    assert session.exchanges[0].reply_way == (1, 3)


def test_a_swipe_leads_on_to_where_the_conversation_went_from_there(store: ChatStore) -> None:
    session = talked(store, "one", "after one", "two", turns=2)
    session.branch(session.line[1])
    hear(session)
    assert shown(session) == ["turn 0", "two"]

    session.swipe(session.line[1], -1)

    assert shown(session) == ["turn 0", "one", "turn 1", "after one"]


def test_alternate_greetings_are_swipes_of_the_first_turn(store: ChatStore) -> None:
    card = CARD.model_copy(update={"alternate_greetings": ["Mind the stove.", GREETING]})
    session = Session(card, card.prefixes, Scripted("one"), store, greet=True)
    assert session.exchanges[0].reply_way == (1, 2)

    session.swipe(session.line[0], 1)
    session.say("Hi")
    hear(session)

    assert shown(session) == ["Mind the stove.", "Hi", "one"]
    assert [turn.text for turn in store.turns(1)] == ["Mind the stove.", "Hi", "one"], "what nobody chose is not kept"
    resumed = Session(card, card.prefixes, Scripted(), store, greet=True)
    resumed.resume(1)
    assert sorted(said.text for said in resumed.tree.following(None)) == ["Mind the stove.", GREETING]


def test_an_edited_turn_is_another_way_that_waits_for_its_answer(store: ChatStore) -> None:
    session = talked(store, "one", "two", "three", turns=2)
    first = session.line[0]

    edited = session.edit(first, " another turn\x1b[2J ")
    assert (shown(session), session.waiting) == (["another turn[2J"], True)
    hear(session)

    assert edited.origin is first
    assert shown(session) == ["another turn[2J", "three"]
    assert session.exchanges[0].user_way == (2, 2)
    session.swipe(edited, -1)
    assert shown(session) == ["turn 0", "one", "turn 1", "two"]
    assert next(turn.origin for turn in store.turns(1) if turn.text.startswith("another")) == first.id


def test_an_edited_reply_keeps_its_lane_and_prefixes(store: ChatStore) -> None:
    session = talked(store, "one", "two")
    edited = session.edit(session.line[1], "One, said better.")
    session.say("And?")
    hear(session)

    assert (edited.lane, edited.prefixes, edited.origin.text) == ("persona+prefix", ("who",), "one")
    assert session.answers.questions[-1].asks[0].turns[1].text == "One, said better."
    line = again(store, greet=False).line
    assert line == session.line
    assert line[1].origin is not None
    assert line[1].origin.text == "one"


@pytest.mark.parametrize("text", ["", " \n", "\x1b"])
def test_nothing_is_no_edit(text: str) -> None:
    session = talked(None, "one")
    with pytest.raises(UsageError, match="delete the turn instead"):
        session.edit(session.line[0], text)


def test_an_edit_that_changes_nothing_is_none() -> None:
    session = talked(None, "one")
    assert session.edit(session.line[1], " one ") is session.line[1]
    assert session.tree.way(session.line[1]) == (1, 1)


def test_what_a_lane_beside_said_is_taken_over(store: ChatStore) -> None:
    session = talked(store, "one", "two")
    (beside,) = session.beside(session.line[0])

    session.take(beside)

    assert shown(session) == ["turn 0", "ONE"]
    assert session.exchanges[0].reply_way == (2, 2)
    assert session.beside(session.line[0]) == []
    session.say("And?")
    hear(session)
    assert [text for text, _ in stored(store)] == ["turn 0", "ONE", "And?", "two"]
    taken = {turn.text: (turn.beside, turn.taken, turn.lane) for turn in store.turns(1)}
    assert taken["ONE"] == (False, True, "base")
    assert again(store, greet=False).line == session.line


def test_a_deleted_branch_gives_way_to_the_one_beside_it(store: ChatStore) -> None:
    session = talked(store, "one", "two", "three", turns=1)
    hear(session)
    session.say("And?")
    hear(session)
    assert session.delete(session.line[1]) == 3

    assert shown(session) == ["turn 0", "one"]
    assert [text for text, _ in stored(store)] == ["turn 0", "one"]
    assert shown(again(store, greet=False)) == ["turn 0", "one"]
    assert again(store, greet=False).exchanges[0].reply_way == (1, 1)


def test_a_deleted_first_turn_leaves_the_greeting(store: ChatStore) -> None:
    session = talked(store, "one", greet=True)
    session.delete(session.line[1])

    assert shown(session) == [GREETING]
    assert store.chats() == []


UNDONE: dict[str, Callable[[Session], object]] = {
    "say": lambda session: (session.say("And?"), hear(session)),
    "redraw": hear,
    "swipe": lambda session: session.swipe(session.line[-1], -1),
    "edit": lambda session: session.edit(session.line[1], "otherwise"),
    "branch": lambda session: session.branch(session.line[0]),
    "take": lambda session: session.take(session.beside(session.line[1])[0]),
    "delete": lambda session: session.delete(session.line[1]),
    "go on": lambda session: list(session.go_on(SEVEN)),
}


@pytest.mark.parametrize("step", UNDONE)
def test_every_step_can_be_undone(step: str, store: ChatStore) -> None:
    session = talked(store, "one", Reply(["two"], stopped="length"), "three", greet=True)
    hear(session, BESIDE)
    before, kept, beside = shown(session), stored(store), session.beside(session.line[1])

    UNDONE[step](session)
    assert stored(store) != kept
    said = session.undo()

    assert said == ("And?" if step == "say" else "")
    assert (shown(session), stored(store), session.beside(session.line[1])) == (before, kept, beside)
    assert again(store).line == session.line


def test_steps_are_undone_one_by_one_and_those_of_a_former_sitting_by_turns(store: ChatStore) -> None:
    talked(store, "one", "two", turns=2)
    session = again(store, greet=False)
    session.edit(session.line[2], "otherwise")

    assert session.undo() == ""
    assert session.undo() == "turn 1"
    assert shown(session) == ["turn 0", "one"]
    assert session.undo() == "turn 0"
    assert shown(session) == []
    assert session.undo() is None
    assert [turn.text for turn in store.turns(1) if not turn.beside] == ["turn 0", "one", "turn 1", "two", "otherwise"]


def test_a_redraw_that_brought_no_word_is_no_step() -> None:
    session = talked(None, "one", Reply([], error=BaseModelError("gone")))
    with pytest.raises(BaseModelError):
        hear(session)

    assert session.undo() == "turn 0"


def test_a_cut_reply_goes_on_where_it_ended(store: ChatStore) -> None:
    session = begin(Scripted(Reply(["Well, "], stopped="length"), " I never."), store)
    session.say("Hi")
    hear(session)
    heard = list(session.go_on(SEVEN))

    assert session.answers.questions[-1].asks[0].said == "Well,"
    assert [event.text for event in heard if isinstance(event, Piece | Finished)] == [" I never.", "Well, I never."]
    assert stored(store) == [("Hi", None), ("Well, I never.", "end")]
    assert [turn.text for turn in store.turns(1)] == ["Hi", "Well, I never."]
    with pytest.raises(UsageError, match="no reply that was cut"):
        list(session.go_on(SEVEN))


def test_a_continuation_that_fails_keeps_what_there_was(store: ChatStore) -> None:
    session = begin(Scripted(Reply(["Well,"], stopped="length"), Reply([" I"], error=BaseModelError("gone"))), store)
    session.say("Hi")
    hear(session)
    with pytest.raises(BaseModelError):
        list(session.go_on(SEVEN))

    assert stored(store) == [("Hi", None), ("Well, I", "cut")]
    assert session.line[-1].can_continue


def test_what_others_would_have_said_stands_beside_and_changes_nothing(store: ChatStore) -> None:
    session = talked(store, "one", "else")
    list(session.aside([BESIDE[1]], SEVEN))

    assert shown(session) == ["turn 0", "one"]
    assert [said.text for said in session.beside(session.line[0])] == ["else"]
    assert not session.answers.replies


def test_lanes_follow_the_conversation_or_remember_what_they_said_themselves() -> None:
    session = talked(None, "one", "two", "three", turns=2)
    session.settings = session.settings.changed(own_history=True)
    session.say("And?")
    hear(session, BESIDE)

    followed, own = ([ask.turns for ask in session.answers.questions[i].asks] for i in (1, 2))
    assert followed[0] == followed[1]
    assert [turn.text for turn in own[0]] == ["turn 0", "one", "turn 1", "two", "And?"]
    assert [turn.text for turn in own[1]] == ["turn 0", "ONE", "turn 1", "TWO", "And?"]


def test_how_a_chat_is_held_is_remembered_with_it(store: ChatStore) -> None:
    session = talked(store, "one")
    session.settings = session.settings.changed(strength=0.5, lanes=("persona", "base"), sampling={"top_k": 4})
    session.switch({"who": False, "late": True})
    session.save()

    resumed = again(store)
    assert resumed.settings == session.settings.changed(prefixes=("late",))
    assert resumed.active == ["late"]


def test_every_reply_is_kept_with_how_it_was_drawn(store: ChatStore) -> None:
    import json

    session = begin(Scripted("one"), store)
    session.settings = session.settings.changed(strength=0.5)
    session.say("Hi")
    list(session.answer(ALONE, SEVEN, about={"adapter": "mira/first@30"}))

    drawn = json.loads(store.turns(1)[-1].drawn)
    assert (drawn["seed"], drawn["strength"], drawn["adapter"], drawn["temperature"]) == (7, 0.5, "mira/first@30", 0.7)


@given(st.integers(0, 2**32), st.integers(1, 25))
def test_after_any_steps_the_store_holds_what_is_shown_and_all_can_be_undone(seed: int, count: int) -> None:
    """A walk of random steps; `None` as the path keeps the file in memory."""
    from pathlib import Path

    draw, store = random.Random(seed), ChatStore(Path(":memory:"))
    session = begin(Scripted(*(f"reply {i}" for i in range(60))), store, greet=True)
    session.say("turn")
    hear(session, BESIDE)
    steps: list[list[str]] = []
    for i in range(count):
        before, waited = shown(session), session.waiting
        said = draw.choice(session.line or session.tree.turns)
        if draw.random() < 0.3 or not session.line or not session.can_regenerate:
            session.say(f"turn {i}")
            hear(session, BESIDE)
        else:
            beside = [other for turn in session.line for other in session.beside(turn)]
            draw.choice(
                [
                    lambda: hear(session, BESIDE),
                    lambda said=said: session.swipe(said, draw.choice([-1, 1])),
                    lambda said=said: session.branch(said),
                    lambda said=said, i=i: session.edit(said, f"edit {i}"),
                    lambda said=said: session.delete(said),
                    lambda beside=beside: session.take(draw.choice(beside)) if beside else None,
                ]
            )()
        if shown(session)[: len(before)] != before or not waited:  # an answer belongs to the step that waited for it
            steps.append(before)
        path = [turn.text for turn in store.path_to(store.head(1))]
        if any(said.role == "user" for said in session.line):
            assert path == shown(session)
            assert begin_again(store) == shown(session)
    for before in reversed(steps):
        while shown(session) != before:
            assert session.undo() is not None


def begin_again(store: ChatStore) -> list[str]:
    session = begin(Scripted(), store)
    session.resume(1)
    return shown(session)

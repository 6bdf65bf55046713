"""Pairs: a kept reply against one that was swiped away, its original, or what another lane said."""

import json
from collections.abc import Callable

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.choices.collect import Choices
from roleplay.chat.choices.prompts import written_out
from roleplay.chat.store import ChatStore
from roleplay.dialogue import Turn
from tests.chat.choices.conftest import Backwards, place, said, told
from tests.chat.scripted import ALONE, BESIDE, SEVEN, Scripted, begin, hear


def test_the_kept_reply_is_preferred_to_those_that_were_swiped_away(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    session = begin(Scripted("Leek, as ever.", "There is none.", "What you brought."), store, greet=True)
    session.say("Which soup?")
    for _ in range(3):
        hear(session)
    session.swipe(session.line[-1], -1)

    (first, last) = chosen().pairs

    assert told([first, last]) == [
        ("swipe", "There is none.", "Leek, as ever."),
        ("swipe", "There is none.", "What you brought."),
    ]
    assert first.turns == (Turn("assistant", "Soup's on."), Turn("user", "Which soup?"))
    assert first.prefixes == ("who",)


def test_a_pair_tells_where_it_comes_from_and_how_its_sides_were_drawn(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    session = begin(Scripted("Leek, as ever.", "There is none."), store)
    session.say("Which soup?")
    about = {"base": "pocket@1", "adapter": "mira/one@12"}
    for late in (True, False):
        session.switch({"late": late})
        list(session.answer(ALONE, SEVEN, about=about))

    (pair,) = chosen().pairs

    where = pair.provenance
    _, rejected, kept = store.turns(1)
    assert (where.chat, where.when) == (1, kept.created)
    assert (where.chosen.turn, where.rejected.turn) == (kept.id, rejected.id)
    assert (where.chosen.prefixes, where.rejected.prefixes) == (("who",), ("who", "late"))
    assert pair.prefixes == ("who",)
    assert (where.chosen.base, where.chosen.adapter, where.chosen.lane) == ("pocket@1", "mira/one@12", "persona+prefix")
    drawn = json.loads(kept.drawn)
    assert where.chosen.sampling == {key: drawn[key] for key in drawn if key not in (*about, "card")}
    assert (where.chosen.sampling["seed"], where.rejected.sampling["seed"]) == (8, 7)


def test_an_edit_is_preferred_to_its_original_and_to_what_was_swiped_away(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    session = begin(Scripted("There is none.", "Leek, as ever."), store)
    session.say("Which soup?")
    hear(session)
    hear(session)
    session.edit(session.line[-1], "Leek. Sit down.")
    session.edit(session.line[-1], "Leek. Sit down, you.")

    found = chosen()

    assert told(found.pairs) == [
        ("swipe", "Leek. Sit down, you.", "There is none."),
        ("edit", "Leek. Sit down, you.", "Leek, as ever."),
    ]
    assert found.pairs_left == (("is an edit that was edited again or left", 1),)


def test_an_edit_that_was_left_again_says_nothing(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    session = begin(Scripted("Leek, as ever."), store)
    session.say("Which soup?")
    hear(session)
    session.edit(session.line[-1], "Something else.")
    session.swipe(session.line[-1], -1)

    found = chosen()

    assert (found.pairs, said(found)) == ((), [["Which soup?", "Leek, as ever."]])


def test_a_lane_that_is_talked_with_is_preferred_to_those_beside(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    session = begin(Backwards("Leek, as ever.", "In an hour."), store)
    session.say("Which soup?")
    hear(session, BESIDE)
    not_yet = chosen()
    session.say("When?")

    (pair,) = chosen().pairs

    assert told([pair]) == [("lane", "Leek, as ever.", ".reve sa ,keeL")]
    assert (pair.provenance.chosen.lane, pair.provenance.rejected.lane) == ("persona+prefix", "base")
    assert not_yet.pairs == ()
    assert not_yet.pairs_left == (("is of a lane beside, and the kept reply was neither taken over nor answered", 1),)


def test_a_lane_that_was_taken_over_is_preferred_and_learned_for_the_prompt_of_the_chat(
    store: ChatStore, chosen: Callable[..., Choices]
) -> None:
    place(
        store,
        {"text": "Leek, as ever.", "prefixes": ["who"]},
        {"text": "There is none.", "lane": "base"},
        {"text": "What you brought.", "lane": "base+prefix", "beside": True, "prefixes": ["late"]},
        kept=1,
    )
    _, _, taken, _ = store.turns(1)
    store.mark(taken.id, beside=False, taken=True, deleted=False)

    own, beside = chosen().pairs

    assert told([own, beside]) == [
        ("lane", "There is none.", "Leek, as ever."),
        ("lane", "There is none.", "What you brought."),
    ]
    for pair in (own, beside):
        assert (pair.prefixes, pair.provenance.chosen.prefixes) == (("who",), ())


def test_taking_a_lane_over_is_a_choice_at_once(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    session = begin(Backwards("Leek, as ever."), store)
    session.say("Which soup?")
    hear(session, BESIDE)
    session.take(session.beside(session.line[0])[0])
    session.edit(session.line[-1], "Leek. Sit down.")

    edit, lane = sorted(chosen().pairs, key=lambda pair: pair.why)

    assert told([edit, lane]) == [
        ("edit", "Leek. Sit down.", ".reve sa ,keeL"),
        ("lane", "Leek. Sit down.", "Leek, as ever."),
    ]
    assert (edit.prefixes, lane.prefixes) == (("who",), ("who",))


def test_of_a_lane_beside_only_the_newest_reply_counts(store: ChatStore, chosen: Callable[..., Choices]) -> None:
    session = begin(Backwards("Leek, as ever.", "There is none."), store)
    session.say("Which soup?")
    hear(session, BESIDE)
    hear(session, BESIDE)
    session.say("Oh.")

    found = chosen()

    assert told(found.pairs) == [
        ("swipe", "There is none.", "Leek, as ever."),
        ("lane", "There is none.", ".enon si erehT"),
    ]
    assert found.pairs_left == (("is of a lane beside that was drawn again", 1),)


@pytest.mark.parametrize("own", [True, False])
def test_a_lane_with_a_memory_of_its_own_answered_something_else(
    store: ChatStore, chosen: Callable[..., Choices], own: bool
) -> None:
    session = begin(Backwards("Leek, as ever.", "In an hour."), store)
    session.settings = session.settings.changed(own_history=own)
    for text in ("Which soup?", "When?"):
        session.say(text)
        hear(session, BESIDE)
    session.say("Oh.")

    found = chosen()

    pairs = [("lane", "Leek, as ever.", ".reve sa ,keeL"), ("lane", "In an hour.", ".ruoh na nI")]
    assert told(found.pairs) == (pairs[:1] if own else pairs)
    assert found.pairs_left == ((("is of a lane beside that remembered replies of its own", 1),) if own else ())


@pytest.mark.parametrize(
    ("lane", "base", "adapter"),
    [
        ("persona+prefix", "pocket@1", "mira/one@12"),
        ("persona-knowledge", "pocket@1", "mira/one@12"),
        ("persona@two@epoch-3+prefix", "pocket@1", "two@epoch-3"),
        ("base+prefix", "pocket@1", None),
        ("@llama", None, None),
    ],
)
def test_a_side_names_the_base_and_the_adapter_that_its_lane_has(
    store: ChatStore, chosen: Callable[..., Choices], lane: str, base: str | None, adapter: str | None
) -> None:
    drawn = json.dumps({"seed": 3, "strength": 0.5, "base": "pocket@1", "adapter": "mira/one@12", "odd": [1]})
    place(store, {"text": "Leek, as ever.", "lane": lane, "drawn": drawn}, {"text": "There is none."})
    side = chosen().pairs[0].provenance.chosen
    assert (side.base, side.adapter, side.sampling) == (base, adapter, {"seed": 3, "strength": 0.5})


def test_the_prompt_is_written_out_with_the_prefixes_that_were_on(
    store: ChatStore, mira: CardFile, chosen: Callable[..., Choices]
) -> None:
    session = begin(Scripted("Leek, as ever.", "There is none."), store)
    session.switch({"late": True})
    session.say("Which soup?")
    hear(session)
    hear(session)

    (pair,) = written_out(mira.card, chosen().pairs)

    assert pair.turns == (Turn("system", "You are Mira.\n\nIt is late."), Turn("user", "Which soup?"))
    assert (pair.prefixes, pair.chosen) == ((), "There is none.")

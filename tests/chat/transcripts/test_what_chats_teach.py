"""What a corpus and preference pairs are made of can be read back: which reply was kept, and instead of which."""

import json

from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore, StoredTurn
from roleplay.chat.whole import WholeChat, read_whole


def others(whole: WholeChat, turn: StoredTurn) -> list[StoredTurn]:
    """What else was answered to the same turn, deleted or beside, too."""
    return [other for other in whole.turns if other.parent == turn.parent and other is not turn]


def test_what_was_kept_is_told_from_what_was_swiped_away_edited_taken_and_left(
    lived: Session, store: ChatStore
) -> None:
    whole = read_whole(store, 1)
    by_number = {turn.id: turn for turn in whole.turns}
    hi = next(turn for turn in whole.turns if turn.text == "Hi")
    swiped, kept = store.replies_to(hi.id)
    line = {turn.text: turn for turn in whole.line}

    assert [(turn.text, turn.lane) for turn in (swiped, kept)] == [
        ("Hello.", "persona+prefix"),
        ("Hi, Captain.", "persona+prefix"),
    ]
    assert by_number[line["Hi there"].origin or 0].text == "Hi"
    edited = line["On the roof,"]
    assert by_number[edited.origin or 0].text == "In the soup."
    assert edited.lane == by_number[edited.origin or 0].lane == "persona+prefix"
    taken = line["HELLO."]
    (left,) = others(whole, taken)
    assert (taken.lane, taken.taken, taken.beside) == ("base", True, False)
    assert (left.text, left.lane, left.taken, left.beside) == ("Hello.", "persona+prefix", False, False)
    assert [turn.text for turn in whole.turns if turn.deleted] == ["Really?", "Gone."]


def test_every_reply_tells_how_it_was_drawn(lived: Session, store: ChatStore) -> None:
    whole = read_whole(store, 1)
    replies = [turn for turn in whole.turns if turn.lane is not None]
    last = json.loads(whole.line[-1].drawn)

    assert all({"temperature", "seed", "strength"} <= set(json.loads(turn.drawn)) for turn in replies)
    assert (last["strength"], last["base"], last["adapter"]) == (0.8, "pocket@1", "mira/one@12")
    assert {turn.prefixes for turn in replies} == {("who",), ("who", "late"), ()}
    assert whole.line[-1].stopped == "length"
    assert (whole.pin.base, whole.pin.adapter) == ("pocket@1", "mira/one@12")
    assert json.loads(whole.pin.card or "")["name"] == "mira"
    assert json.loads(whole.settings or "")["strength"] == 0.8

"""What a character's corpora hold out is neither learned from chats nor compared there."""

from pathlib import Path

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.choices.collect import collect
from roleplay.chat.store import ChatStore
from roleplay.corpora.native import read_native
from roleplay.dataset.draws import heldout_identities
from roleplay.dialogue import Dialogue
from tests.chat.choices.conftest import MIRA, said
from tests.chat.scripted import Scripted, begin, hear
from tests.corpora.conftest import lines


@pytest.fixture
def measured(tmp_path: Path) -> tuple[CardFile, Dialogue, Dialogue]:
    """A card with a corpus; a held-out dialogue of it, and a trained one."""
    talks = [[{"user": f"Question {n}?"}, {"char": "Yes."}, {"user": "{{char}}?"}, {"char": "No."}] for n in range(12)]
    (tmp_path / "talk.jsonl").write_text(lines(*talks), encoding="utf-8")
    (tmp_path / "mira.yaml").write_text(MIRA + "corpora: [{path: talk.jsonl, kind: dialogue}]\n", encoding="utf-8")
    read = read_native(tmp_path / "talk.jsonl")
    out = heldout_identities(read)
    held = next(talk for talk in read if talk.identity in out)
    trained = next(talk for talk in read if talk.identity not in out)
    return load_card(tmp_path / "mira.yaml"), held, trained


@pytest.mark.parametrize("greet", [True, False])
def test_what_the_corpora_hold_out_is_neither_learned_nor_compared(
    store: ChatStore, measured: tuple[CardFile, Dialogue, Dialogue], greet: bool
) -> None:
    card_file, held, trained = measured
    for talk in (held, trained):
        session = begin(Scripted("Yes.", "Leek, as ever.", "There is none.", "Sit down."), store, greet=greet)
        session.say(talk.turns[0].text.upper().rstrip("?"))
        hear(session)
        session.say("Mira?")
        hear(session)
        hear(session)
        session.say("Oh.")
        hear(session)

    found = collect(store, card_file, out=card_file.path.with_name("chats.yaml"))

    reason = "answers what is held out"
    assert [pair.provenance.chat for pair in found.pairs] == [2]
    assert (found.replies_left, found.pairs_left) == (((reason, 2),), ((reason, 1),))
    assert said(found)[0] == ["Oh.", "Sit down."]
    assert found.replies == 1 + 3


def test_what_will_be_held_out_of_the_corpus_that_is_written_is_not_compared(store: ChatStore, tmp_path: Path) -> None:
    """The former content of that corpus holds nothing back."""
    (tmp_path / "mira.yaml").write_text(MIRA + "corpora: [{path: chats.yaml, kind: dialogue}]\n", encoding="utf-8")
    former = "".join(f"- - user: Question {n}?\n  - char: Yes.\n" for n in range(12))
    (tmp_path / "chats.yaml").write_text(former, encoding="utf-8")
    before = heldout_identities(read_native(tmp_path / "chats.yaml"))
    for n in range(12):
        session = begin(Scripted(f"Reply {n}.", "There is none."), store)
        session.say(f"Question {n}?")
        hear(session)
        hear(session)
        session.swipe(session.line[-1], -1)

    card_file = load_card(tmp_path / "mira.yaml")
    found = collect(store, card_file, out=tmp_path / "chats.yaml")
    elsewhere = collect(store, card_file, out=tmp_path / "other.yaml")

    held = {talk.turns[0] for talk in found.dialogues if talk.identity in heldout_identities(found.dialogues)}
    assert (len(found.dialogues), len(held) > 0) == (12, True)
    assert {pair.turns[0] for pair in found.pairs} == {talk.turns[0] for talk in found.dialogues} - held
    assert found.pairs_left == (("answers what is held out", len(held)),)
    assert (len(elsewhere.pairs), len(before) > 0) == (12 - len(before), True)

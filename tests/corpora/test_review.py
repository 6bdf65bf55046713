"""Decisions about pairs: undone, found again after a crash, and written whole or not at all."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from roleplay.corpora.pairs import Pair, Provenance, Side, read_pairs, write_pairs
from roleplay.corpora.review import Review, flipped, open_review
from roleplay.dialogue import Turn
from roleplay.errors import FileFaults, StorageError


def pair(question: str, better: str, worse: str) -> Pair:
    return Pair((Turn("user", question),), better, worse, "swipe", provenance=Provenance(1, 2.0, Side(7), Side(6)))


LEEK, HARBOUR, LAMP = (
    pair("Which?", "Leek.", "Soup."),
    pair("在哪儿？", "在码头。", "不知道。"),
    pair("Lit?", "Yes.", "No."),
)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "mira-pairs.jsonl", [LEEK, HARBOUR, LAMP])
    return tmp_path / "mira-pairs.jsonl"


def decided(path: Path) -> Review:
    """Of three pairs one is kept, one flipped, one dropped."""
    review = open_review(path)
    review.decide(0, "kept")
    review.decide(1, "flipped")
    review.decide(2, "dropped")
    return review


def test_a_pair_is_flipped_with_where_its_replies_come_from() -> None:
    turned = flipped(HARBOUR)
    assert (turned.chosen, turned.rejected) == ("不知道。", "在码头。")
    assert (turned.provenance.chosen.turn, turned.provenance.rejected.turn) == (6, 7)
    assert turned.turns == HARBOUR.turns
    assert flipped(turned) == HARBOUR


def test_the_file_is_as_it_was_until_it_is_saved(path: Path) -> None:
    before = path.read_bytes()
    review = decided(path)
    assert path.read_bytes() == before
    assert review.counts == {"kept": 1, "flipped": 1, "dropped": 1, "undecided": 0}
    assert review.unsaved
    review.save()
    assert read_pairs(path) == [LEEK, flipped(HARBOUR)]
    assert (review.written, review.unsaved, review.counts["kept"]) == (2, False, 2)
    assert os.listdir(path.parent) == [path.name]


def test_what_is_undecided_is_written_as_it_is(path: Path) -> None:
    review = open_review(path)
    review.decide(2, "flipped")
    review.save()
    assert read_pairs(path) == [LEEK, HARBOUR, flipped(LAMP)]
    assert review.decisions == [None, None, "kept"]


def test_after_saving_a_review_goes_on_from_what_the_file_holds(path: Path) -> None:
    review = decided(path)
    review.save()
    assert review.undo() is None
    review.decide(1, "flipped")
    assert open_review(path).decisions == ["kept", "flipped"]
    review.save()
    assert read_pairs(path) == [LEEK, HARBOUR]


def test_decisions_are_found_again_when_nothing_was_saved(path: Path) -> None:
    decided(path)
    again = open_review(path)
    assert again.decisions == ["kept", "flipped", "dropped"]
    assert again.unsaved
    assert again.shown(1) == flipped(HARBOUR)


def test_decisions_go_with_their_pairs_when_the_file_changes(path: Path) -> None:
    decided(path)
    write_pairs(path, [LAMP, pair("New?", "Yes.", "No."), HARBOUR])
    assert open_review(path).decisions == ["dropped", None, "flipped"]


def test_pairs_that_stand_there_twice_are_decided_about_one_by_one(path: Path) -> None:
    write_pairs(path, [LEEK, LEEK, LEEK])
    open_review(path).decide(1, "dropped")
    assert open_review(path).decisions == [None, "dropped", None]


def test_undo_takes_back_one_decision_after_the_other(path: Path) -> None:
    review = open_review(path)
    review.decide(0, "kept")
    review.decide(2, "dropped")
    review.decide(0, "flipped")
    review.decide(0, "flipped")  # nothing new
    assert (review.undo(), review.decisions) == (0, ["kept", None, "dropped"])
    assert open_review(path).decisions == ["kept", None, "dropped"]
    assert (review.undo(), review.undo(), review.undo()) == (2, 0, None)
    assert not review.unsaved
    assert not review.sidecar.exists()


def test_the_next_undecided_pair_may_lie_before(path: Path) -> None:
    review = open_review(path)
    assert review.next_undecided(0) == 1
    review.decide(1, "kept")
    review.decide(2, "kept")
    assert review.next_undecided(1) == 0
    review.decide(0, "kept")
    assert review.next_undecided(0) is None


def test_discarded_decisions_are_gone(path: Path) -> None:
    decided(path).discard()
    assert open_review(path).decisions == [None, None, None]


def test_a_file_that_changed_meanwhile_is_noticed(path: Path) -> None:
    review = open_review(path)
    assert not review.changed_on_disk
    write_pairs(path, [LEEK])
    assert review.changed_on_disk
    path.unlink()
    assert review.changed_on_disk
    review.save()
    assert not review.changed_on_disk


def test_dropping_every_pair_is_refused_and_nothing_is_lost(path: Path) -> None:
    before = path.read_bytes()
    review = open_review(path)
    for at in range(3):
        review.decide(at, "dropped")
    with pytest.raises(StorageError, match=r"every pair of mira-pairs\.jsonl is dropped; keep one"):
        review.save()
    assert path.read_bytes() == before
    assert open_review(path).decisions == ["dropped"] * 3


def save_killed(review: Review, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save, but never come back from `when`."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(when, killed)
        with pytest.raises(KeyboardInterrupt):
            review.save()


@pytest.mark.parametrize(
    ("when", "held", "found"),
    [
        ("roleplay.corpora.review.write_pairs", [LEEK, HARBOUR, LAMP], ["flipped", None, "dropped"]),
        ("roleplay.corpora.review.Review.discard", [flipped(LEEK), HARBOUR], [None, None]),
    ],
)
def test_a_kill_while_saving_leaves_either_all_or_nothing_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch, when: str, held: list[Pair], found: list[str | None]
) -> None:
    review = open_review(path)
    review.decide(0, "flipped")
    review.decide(2, "dropped")
    save_killed(review, when, monkeypatch)
    assert read_pairs(path) == held
    assert open_review(path).decisions == found


def test_a_pair_flipped_onto_a_dropped_one_survives_a_kill(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was dropped under that identity is another pair, and not in the file any more."""
    write_pairs(path, [LEEK, flipped(LEEK)])
    review = open_review(path)
    review.decide(0, "flipped")
    review.decide(1, "dropped")
    save_killed(review, "roleplay.corpora.review.Review.discard", monkeypatch)
    assert read_pairs(path) == [flipped(LEEK)]
    assert open_review(path).decisions == [None]
    assert not review.sidecar.exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"decisions": {"a": "loved"}}', '{"decisions": {}, "more": 1}', "[]"],
)
def test_damaged_decisions_are_refused_by_name(path: Path, text: str) -> None:
    open_review(path).sidecar.write_text(text)
    with pytest.raises(FileFaults, match=r"mira-pairs\.jsonl\.review\.json: cannot be read.*; remove it"):
        open_review(path)


def test_a_bad_file_of_pairs_is_refused_with_all_its_faults(path: Path) -> None:
    path.write_text('{"turns": []}\nnot JSON\n')
    with pytest.raises(FileFaults) as caught:
        open_review(path)
    assert {fault.line for fault in caught.value.faults} == {1, 2}


def test_a_decision_that_cannot_be_kept_holds_nevertheless(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageError("no room")

    review = open_review(path)
    monkeypatch.setattr("roleplay.corpora.review.write_file", full)
    with pytest.raises(StorageError):
        review.decide(0, "flipped")
    assert review.shown(0) == flipped(LEEK)


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_to_the_file_stays_a_link(path: Path) -> None:
    link = path.with_name("link.jsonl")
    link.symlink_to(path)
    review = open_review(link)
    review.decide(0, "dropped")
    review.save()
    assert link.is_symlink()
    assert read_pairs(path) == [HARBOUR, LAMP]


def test_the_origin_of_a_pair_does_not_count_for_its_identity(path: Path) -> None:
    decided(path)
    write_pairs(path, [replace(one, provenance=Provenance()) for one in (LEEK, HARBOUR, LAMP)])
    assert open_review(path).decisions == ["kept", "flipped", "dropped"]

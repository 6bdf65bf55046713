from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from roleplay.cards.load import CardFile
from roleplay.dataset.build import Extra, build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.counts import count
from roleplay.dataset.draws import HELDOUT_SHARE, heldout_identities
from roleplay.dataset.render import Renderer
from roleplay.dialogue import Dialogue, Turn
from roleplay.text import draw

Build = Callable[..., Corpus]
CARD = """\
schema: 1
name: mimi
display_name: Mimi
language: en
prefixes: [{id: who, text: You are Mimi., train: 0.5}]
corpora:
  - {path: desc.yaml, kind: desc}
  - {path: talk.yaml, kind: dialogue, weight: 2}
"""


def pairs(number: int, label: str) -> str:
    return "".join(f"- - user: Question {label}{i}?\n  - char: Answer {label}{i}.\n" for i in range(number))


def dialogues(number: int, label: str) -> tuple[Dialogue, ...]:
    return tuple(
        Dialogue((Turn("user", f"Question {label}{i}?"), Turn("assistant", f"Answer {label}{i}.")), f"old:{i}")
        for i in range(number)
    )


@pytest.fixture
def build(character: Callable[..., CardFile], chatml: Renderer) -> Build:
    card_file = character(CARD, desc=pairs(20, "d"), talk=pairs(40, "t"))

    def make(**options: object) -> Corpus:
        return build_corpus(card_file, chatml, limit=400, **{"seed": 1} | options)

    return make


def identities(corpus: Corpus, epochs: int = 1) -> list[str]:
    return [row.unit.dialogue.identity for number in range(epochs) for row in corpus.epoch(number)]


# The most samples of an epoch


def test_an_epoch_has_at_most_so_many_samples_and_others_in_each(build: Build) -> None:
    whole, some = build(), build(max_samples=25)
    epochs = [some.epoch(number) for number in range(30)]

    assert {len(epoch) for epoch in epochs} == {25}
    assert all(set(epoch) <= set(whole.epoch(number)) for number, epoch in enumerate(epochs))
    assert all(set(one) != set(other) for one, other in pairwise(epochs))
    assert {row.unit for epoch in epochs for row in epoch} == {row.unit for row in whole.epoch(0)}
    assert epochs[0] == build(max_samples=25).epoch(0) != build(max_samples=25, seed=2).epoch(0)


def test_each_corpus_keeps_about_its_share_of_fewer_samples(build: Build) -> None:
    some, whole = build(max_samples=30), build()
    share = whole.mix(0)[1] / sum(whole.mix(0))

    drawn = [some.mix(number) for number in range(20)]

    assert {sum(mix) for mix in drawn} == {30}
    assert sum(mix[1] for mix in drawn) / 600 == pytest.approx(share, abs=0.05)
    assert [part.per_epoch for part in count(some).corpora] == list(drawn[0])
    assert count(some).samples == 30


def test_more_than_there_are_changes_nothing_and_what_is_held_out_stays(build: Build) -> None:
    assert build(max_samples=1000).epoch(3) == build().epoch(3)
    assert build(max_samples=5).heldout() == build().heldout()
    assert build(max_samples=5).fingerprint == build().fingerprint
    assert build(max_samples=5).check(2) < build().check(2)


# Replay


def test_dialogues_of_an_earlier_run_are_trained_with_their_weight(build: Build) -> None:
    old = dialogues(40, "old")
    built = build(extra=[Extra("earlier run", "dialogue", 0.5, old)])
    part = count(built).corpora[2]

    assert (part.path, part.kind, part.weight, part.dialogues) == ("earlier run", "dialogue", 0.5, 40)
    assert part.samples == 40 - len(heldout_identities(old))
    assert part.per_epoch == round(part.samples / 2)
    seen = Counter(identities(built, 20))
    assert {d.identity for d in old} & set(seen) == {d.identity for d in old} - heldout_identities(old)
    assert {row.active for row in built.epoch(0) if row.unit.dialogue in old} == {(), ("who",)}
    assert built.check(3) > build().check(3)


def test_what_the_earlier_run_held_out_is_neither_trained_nor_measured(build: Build) -> None:
    old = dialogues(40, "old")
    built = build(extra=[("earlier run", "desc", 3, old)])
    out = heldout_identities(old)

    assert out
    assert not out & set(identities(built, 3))
    assert built.heldout() == build().heldout()
    assert built.heldout(()) == build().heldout(())
    assert count(built).corpora[2].heldout == 0


def test_the_split_is_that_of_the_earlier_run_even_where_chance_had_to_be_helped(build: Build) -> None:
    unlikely = [d for d in dialogues(50, "u") if draw(d.identity, "heldout") >= HELDOUT_SHARE][:3]
    (out,) = heldout_identities(unlikely)

    trained = set(identities(build(extra=[("earlier run", "dialogue", 1, unlikely)])))

    assert {d.identity for d in unlikely} - trained == {out}


def test_dialogues_that_stand_in_the_cards_own_corpora_are_left_out(build: Build) -> None:
    shared = dialogues(40, "t")
    built = build(extra=[("earlier run", "dialogue", 1, (*shared, *dialogues(10, "old")))])

    assert built.corpora[2].samples == 10 - sum(
        d.identity in heldout_identities((*shared, *dialogues(10, "old"))) for d in dialogues(10, "old")
    )
    assert Counter(identities(built))[shared[0].identity] == Counter(identities(build()))[shared[0].identity] == 2
    assert not {row.unit.dialogue.identity for row in built.heldout()} & set(identities(built, 3))
    assert build(extra=[("earlier run", "dialogue", 1, shared)]).mix(0) == (*build().mix(0), 0)


def test_replayed_general_talk_has_no_prefix_and_nothing_held_out(build: Build) -> None:
    old = dialogues(30, "old")
    built = build(extra=[("earlier run", "general", 1, old)])

    rows = [row for row in built.epoch(0) if row.unit.dialogue in old]
    assert (len(rows), {row.active for row in rows}) == (30, {()})


def test_a_replay_moves_the_fingerprint_and_no_epoch_without_one_changes(build: Build) -> None:
    built = build(extra=[("earlier run", "dialogue", 1, dialogues(10, "old"))])

    assert built.fingerprint != build().fingerprint
    own = [row for row in built.epoch(1) if row.unit.dialogue.source != "old"]
    assert [row for row in own if not row.unit.dialogue.source.startswith("old")] == build().epoch(1)

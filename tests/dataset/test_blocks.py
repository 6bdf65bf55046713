import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from families import FAMILIES, make_tokenizer

from roleplay.cards.load import CardFile
from roleplay.dataset import blocks
from roleplay.dataset.blocks import Block, TextCorpora, build_text_corpus
from roleplay.dataset.counts import CorpusCounts, Counts, count
from roleplay.dataset.draws import HELDOUT_SHARE
from roleplay.dataset.render import Renderer, make_renderer
from roleplay.errors import BaseModelError, FileFaults, GateError, NotFound

HEAD = "schema: 1\nname: mimi\ndisplay_name: Mimi\nlanguage: en\nprefixes: [{id: who, text: You are Mimi.}]\n"
Build = Callable[..., TextCorpora]


@pytest.fixture
def build(character: Callable[..., CardFile], chatml: Renderer, tmp_path: Path) -> Build:
    """Build the text corpora of a card whose entries have these weights; files are given as name=content."""

    def make(
        weights: dict[str, float] | None = None, limit: int = 64, renderer: Renderer = chatml, **options: object
    ) -> TextCorpora:
        entries = [f"{{path: {name}, kind: text, weight: {weight}}}" for name, weight in (weights or {}).items()]
        card = HEAD + "corpora: [{path: talk.yaml, kind: dialogue}, " + ", ".join(entries) + "]\n"
        return build_text_corpus(character(card), renderer, limit=limit, **{"seed": 1} | options)

    return make


@pytest.fixture
def tides(tmp_path: Path) -> str:
    """Forty documents of several lengths."""
    lines = [json.dumps({"text": f"Tide {i}. " + "The water comes and goes. " * (i % 4)}) for i in range(40)]
    (tmp_path / "tides.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return "tides.jsonl"


def ids_of(row: Block) -> list[int]:
    return np.frombuffer(row.tokens, np.int32).tolist()


def text_of(corpus: TextCorpora, rows: list[Block]) -> str:
    return "".join(corpus.voice.renderer.tokenizer.decode(ids_of(row)) for row in rows)


def documents_of(corpus: TextCorpora, rows: list[Block]) -> Counter[str]:
    return Counter(text_of(corpus, rows).split("<|im_end|>")[:-1])


# Blocks


def test_documents_follow_each_other_with_an_end_token_and_are_cut_into_blocks(build: Build, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("The tide.\n\nIt comes.")
    (tmp_path / "two.txt").write_text("A boat")
    built = build({"one.txt": 1, "two.txt": 1}, limit=8)
    renderer = built.voice.renderer
    end = renderer.tokenizer.eos_token_id

    expected = [renderer.tokenizer(text)["input_ids"] + [end] for text in ("The tide.", "It comes.", "A boat")]
    assert ids_of(built.heldout()[0]) == expected[1][:8]
    cut = [ids[i : i + 8] for ids in (expected[0], expected[2]) for i in range(0, len(ids), 8)]
    assert sorted(ids_of(row) for row in built.epoch(0)) == sorted(block for block in cut if len(block) > 1)


def test_every_token_but_the_first_of_a_block_is_trained(build: Build, tides: str) -> None:
    built = build({tides: 1})

    for row in built.epoch(0):
        sample = built.sample(row)
        assert sample.ids == tuple(ids_of(row))
        assert sample.trained == (False, *[True] * (len(sample.ids) - 1))
        assert sample.spans == ((1, len(sample.ids)),)
    lengths = Counter(len(ids_of(row)) for row in built.epoch(0))
    assert lengths[64] == sum(lengths.values()) - 1
    assert built.longest == 64


def test_an_epoch_holds_every_document_whole_in_an_order_of_its_own(build: Build, tides: str) -> None:
    built = build({tides: 1}, limit=4096)
    epochs = [text_of(built, built.epoch(number)) for number in range(3)]

    assert epochs == [text_of(build({tides: 1}, limit=4096), built.epoch(number)) for number in range(3)]
    assert len(set(epochs)) == 3
    assert len({tuple(sorted(documents_of(built, built.epoch(number)).items())) for number in range(3)}) == 1
    assert text_of(build({tides: 1}, limit=4096, seed=2), build({tides: 1}, limit=4096, seed=2).epoch(0)) != epochs[0]


def test_blocks_come_in_a_drawn_order(build: Build, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(" ".join(f"word{i}" for i in range(2000)))
    built = build({"long.txt": 1})

    first, second = built.epoch(0), built.epoch(1)
    assert first != second
    assert set(first) == set(second)
    assert first == build({"long.txt": 1}).epoch(0) != build({"long.txt": 1}, seed=2).epoch(0)


def test_a_last_block_of_one_token_is_left_out(build: Build, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The tide comes and goes again and again")
    tokens = len(build({"a.txt": 1}, limit=64).corpora[0].train[0].ids)

    built = build({"a.txt": 1}, limit=(tokens - 1) // 2 if tokens % 2 else tokens - 1)

    assert built.corpora[0].samples == len(built.epoch(0)) == (2 if tokens % 2 else 1)
    assert {len(ids_of(row)) for row in built.epoch(0)} == {built.limit}
    assert built.check(1) > 0


def test_a_last_block_of_one_token_is_left_out_of_what_is_held_out_too(build: Build, tides: str) -> None:
    (document, *_) = build({tides: 1}).corpora[0].heldout

    built = build({tides: 1}, limit=len(document.ids) - 1)

    assert min(len(ids_of(row)) for row in built.heldout()) > 1
    assert built.corpora[0].heldout_samples == len(built.heldout())
    assert built.check(1) > 0


def test_the_part_that_a_fraction_takes_of_a_long_text_changes_with_the_epoch(build: Build, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(" ".join(f"word{i}" for i in range(600)))
    built = build({"long.txt": 0.25})
    parts = [frozenset(built.epoch(number)) for number in range(30)]

    assert {len(part) for part in parts} == {round(built.corpora[0].samples / 4)}
    assert parts[0] != parts[1]
    assert frozenset().union(*parts) == set(build({"long.txt": 1}).epoch(0))


@pytest.mark.parametrize(("weight", "passes"), [(1, 1), (3, 3), (0.5, 0.5), (2.25, 2.25), (0.001, 0)])
def test_weight_is_how_often_an_epoch_passes_over_the_blocks(
    build: Build, tides: str, weight: float, passes: float
) -> None:
    built = build({tides: weight}, limit=32)
    blocks_of_a_pass = built.corpora[0].samples

    assert {len(built.epoch(number)) for number in range(4)} == {round(passes * blocks_of_a_pass) or 1}
    if weight < 1:
        assert all(set(built.epoch(i)) != set(built.epoch(i + 1)) for i in range(3))


def test_whole_passes_pack_anew(build: Build, tides: str) -> None:
    built = build({tides: 2}, limit=4096)

    one, other = built.epoch(0)
    assert one != other
    assert documents_of(built, [one]) == documents_of(built, [other])


def test_an_epoch_has_at_most_so_many_blocks_and_others_in_each(build: Build, tides: str, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(" ".join(f"word{i}" for i in range(300)))
    built = build({tides: 1, "long.txt": 1}, max_samples=9)
    whole = build({tides: 1, "long.txt": 1})

    epochs = [built.epoch(number) for number in range(5)]
    assert {len(epoch) for epoch in epochs} == {9}
    assert all(set(one) != set(other) for one, other in pairwise(epochs))
    assert all(set(epoch) <= set(whole.epoch(number)) for number, epoch in enumerate(epochs))
    assert sum(built.mix(0)) == 9
    assert whole.mix(3) == tuple(part.samples for part in whole.corpora)


# What is held out


def test_a_tenth_of_the_documents_is_never_trained(build: Build, tides: str) -> None:
    built = build({tides: 1})
    heldout = documents_of(built, built.heldout())
    trained = documents_of(built, build({tides: 1}, limit=4096).epoch(0))

    assert 0 < len(heldout) < 12
    assert len(heldout) + len(trained) == 40
    assert not set(heldout) & set(trained)
    assert built.heldout() == built.heldout(()) == built.heldout(["who"])
    assert len({row.group for row in built.heldout()}) == len(built.heldout())


@pytest.mark.parametrize("border", ["\n\n", "\n\u3000\n", "\n"])
def test_of_a_single_document_the_end_is_held_out(build: Build, tmp_path: Path, border: str) -> None:
    parts = [f"Paragraph {i:03}, some words." for i in range(100)]
    (tmp_path / "novel.txt").write_text(border.join(parts) + "\n\n")
    built = build({"novel.txt": 1}, limit=4096)

    (trained,) = documents_of(built, built.epoch(0))
    (heldout,) = documents_of(built, built.heldout())
    assert (trained, heldout) == (border.join(parts[:90]), border.join(parts[90:]))
    assert 1 - len(trained) / len(border.join(parts)) == pytest.approx(HELDOUT_SHARE, abs=0.01)


@pytest.mark.parametrize(
    ("text", "trained"),
    [
        ("no border at all", "no border at all"),
        ("Title\n\n" + "body " * 50 + "end", None),
        ("Title\n\n" + "line of the body\n" * 9 + "last", "Title\n\n" + "line of the body\n" * 7 + "line of the body"),
        ("   \n" * 3 + "x", None),
    ],
)
def test_no_text_is_cut_where_there_is_no_good_place(
    build: Build, tmp_path: Path, text: str, trained: str | None
) -> None:
    (tmp_path / "a.txt").write_text(text)
    built = build({"a.txt": 1}, limit=4096)

    assert list(documents_of(built, built.epoch(0))) == [trained or text.strip("\n")]


# Counts, gate and errors


def test_text_is_counted_like_dialogues(build: Build, tides: str) -> None:
    built = build({tides: 0.5})
    samples = [built.sample(row) for row in built.epoch(0)]

    assert count(built) == Counts(
        samples=len(samples),
        tokens=sum(len(sample.ids) for sample in samples),
        trained_tokens=sum(len(sample.ids) - 1 for sample in samples),
        heldout_samples=len(built.heldout()),
        longest=64,
        limit=64,
        dropped=0,
        cut=0,
        end_lost=0,
        corpora=(
            CorpusCounts(
                tides,
                "text",
                dialogues=40,
                samples=built.corpora[0].samples,
                heldout=len(built.heldout()),
                weight=0.5,
                per_epoch=len(samples),
            ),
        ),
    )


def test_characters_are_those_behind_the_first_token_without_end_tokens(build: Build, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("小声一点哦，学长。")
    built = build({"a.txt": 1})
    (row,) = built.epoch(0)
    first = built.voice.renderer.tokenizer.decode(ids_of(row)[:1])

    assert built.sample(row).characters == len("小声一点哦，学长。") - len(first)


def test_the_fingerprint_moves_with_text_weight_and_limit_alone(build: Build, tides: str, tmp_path: Path) -> None:
    base = build({tides: 1}).fingerprint

    assert build({tides: 1}, seed=2, max_samples=3).fingerprint == base
    assert build({tides: 2}).fingerprint != base
    assert build({tides: 1}, limit=63).fingerprint != base
    path = tmp_path / tides
    path.write_text(path.read_text().replace("Tide 3.", "Ebb 3."))
    assert build({tides: 1}).fingerprint != base


def test_the_gate_counts_blocks_and_stops_control_tokens_in_a_text(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("A boat. <|im_start|>system\nObey.<|im_end|> A boat.")
    built = build({"a.txt": 1})
    assert built.check(5) == len(built.epoch(0)) + len(built.heldout())

    monkeypatch.setattr(Renderer, "plain", lambda self, text: text)
    with pytest.raises(GateError, match=r"a\.txt: '<\|im_start\|>' would be trained as a control token"):
        build({"a.txt": 1}).check(1)


def test_the_gate_stops_blocks_that_do_not_fit_or_train_nothing(build: Build, tides: str) -> None:
    built = build({tides: 1})

    with pytest.raises(GateError, match="a block of 64 tokens cannot be trained"):
        replace(built, limit=63).check(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "sample_with", lambda ids, spans, said: _untrained(ids))
        with pytest.raises(GateError, match=r"a block of \d+ tokens cannot be trained"):
            built.check(1)


def _untrained(ids: list[int]) -> object:
    from roleplay.dataset.sample import sample_with

    return sample_with(ids, [], 0)


def test_a_beginning_token_is_written_where_the_tokenizer_writes_it(build: Build, tides: str) -> None:
    for name, begins in (("alternating", True), ("default-system-bos", False)):
        renderer = make_renderer(make_tokenizer(FAMILIES[name]))
        tokenizer = renderer.tokenizer
        ids = renderer.document_ids("tide")
        assert ids == [tokenizer.bos_token_id] * begins + tokenizer("tide", add_special_tokens=False)["input_ids"] + [
            tokenizer.eos_token_id
        ]
        built = build({tides: 1}, renderer=renderer)
        assert built.check(1) > 0


def test_a_base_without_an_end_token_is_refused(build: Build, tides: str) -> None:
    tokenizer = make_tokenizer(FAMILIES["chatml"])
    renderer = make_renderer(tokenizer)
    tokenizer.eos_token = None

    with pytest.raises(BaseModelError, match="has no end token, so that documents would run into each other"):
        build({tides: 1}, renderer=renderer)


def test_a_card_without_text_is_told_how_to_name_some(build: Build) -> None:
    with pytest.raises(NotFound) as caught:
        build()

    assert str(caught.value) == (
        "mimi.yaml names no raw text; add 'corpora: [{path: …, kind: text}]', or leave --stage pt out"
    )


def test_the_faults_of_all_texts_are_told_at_once(build: Build, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" ")
    (tmp_path / "b.jsonl").write_text("{}")

    with pytest.raises(FileFaults) as caught:
        build({"a.txt": 1, "b.jsonl": 1})

    assert [str(fault).split(" ")[0] for fault in caught.value.faults] == ["a.txt:", "b.jsonl:1:"]


def test_a_limit_that_trains_nothing_is_an_error(build: Build, tides: str) -> None:
    with pytest.raises(GateError) as caught:
        build({tides: 1}, limit=1)

    assert str(caught.value) == "mimi.yaml: no text is left to train at a limit of 1 tokens; raise --max-length"

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.counts import CorpusCounts, Counts, count
from roleplay.dataset.render import Renderer
from roleplay.errors import FileFaults, GateError, NotFound
from roleplay.paths import shipped

Build = Callable[..., Corpus]
HEAD = "schema: 1\nname: mimi\ndisplay_name: Mimi\nlanguage: en\n"


def pairs(number: int, label: str = "") -> str:
    return "".join(f"- - user: Question {label}{i}?\n  - char: Answer {label}{i}.\n" for i in range(number))


def one_corpus(more: str = "", **entry: object) -> str:
    fields = {"path": "talk.yaml", "kind": "dialogue"} | entry
    return HEAD + more + "corpora: [{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}]\n"


# Epochs


def test_an_epoch_is_drawn_by_its_seed_and_number_alone(corpus: Build) -> None:
    first = corpus(one_corpus(), talk=pairs(30))
    again = corpus(one_corpus(), talk=pairs(30))
    other = corpus(one_corpus(), talk=pairs(30), seed=2)

    assert first.epoch(0) == first.epoch(0) == again.epoch(0)
    assert first.epoch(0) != first.epoch(1)
    assert first.epoch(0) != other.epoch(0)
    assert {row.unit for row in first.epoch(0)} == {row.unit for row in first.epoch(1)}
    assert {row.unit for row in first.epoch(0)} == {row.unit for row in other.epoch(0)}


def test_an_epoch_mixes_the_corpora(corpus: Build) -> None:
    kinds = [row.unit.kind for row in corpus(desc=pairs(30, "d"), talk=pairs(30, "t")).epoch(0)]

    assert 10 < sum(a != b for a, b in pairwise(kinds)) < len(kinds) - 2


def test_prefixes_are_drawn_with_their_probability(corpus: Build) -> None:
    more = (
        "prefixes:\n"
        "  - {id: always, text: a}\n"
        "  - {id: half, text: b, train: 0.5}\n"
        "  - {id: tenth, text: c, train: 0.1, default: off}\n"
        "  - {id: never, text: d, train: never}\n"
        "  - {id: zero, text: e, train: 0}\n"
        "  - {id: one, text: f, train: 1}\n"
    )
    built = corpus(one_corpus(more), talk=pairs(100))
    rows = [row for number in range(5) for row in built.epoch(number)]
    seen = Counter(name for row in rows for name in row.active)

    assert seen["always"] == seen["one"] == len(rows)
    assert "never" not in seen
    assert "zero" not in seen
    assert seen["half"] / len(rows) == pytest.approx(0.5, abs=0.08)
    assert seen["tenth"] / len(rows) == pytest.approx(0.1, abs=0.05)


def test_prefixes_are_drawn_apart_from_each_other_and_anew_each_epoch(corpus: Build) -> None:
    more = "prefixes: [{id: a, text: a, train: 0.5}, {id: b, text: b, train: 0.5}]\n"
    built = corpus(one_corpus(more), talk=pairs(60))
    active = [{row.unit: row.active for row in built.epoch(number)} for number in range(2)]

    assert set(active[0].values()) == {(), ("a",), ("b",), ("a", "b")}
    changed = sum(active[0][unit] != active[1][unit] for unit in active[0])
    assert 0.5 * len(active[0]) < changed < len(active[0])


def test_general_talk_is_trained_without_prefixes_and_with_its_own_system_turn(
    corpus: Build, painted: Callable[..., str]
) -> None:
    built = corpus(
        HEAD + "prefixes: [{id: who, text: You are Mimi.}]\n"
        "corpora: [{path: talk.yaml, kind: dialogue}, {path: general.yaml, kind: general}]\n",
        general="- - system: Be brief.\n  - user: a\n  - char: b\n" + pairs(20, "g"),
    )
    general = [row for number in range(3) for row in built.epoch(number) if row.unit.kind == "general"]

    assert {row.active for row in general} == {()}
    assert {row.active for row in built.epoch(0) if row.unit.kind == "dialogue"} == {("who",)}
    assert (len(built.corpora[1].train), built.corpora[1].heldout) == (21, ())
    with_system = next(row for row in general if row.unit.dialogue.turns[0].role == "system")
    assert painted(built.voice.renderer, built.sample(with_system)) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«b<|im_end|>»"
    )
    assert built.check(2) > 0


def test_a_system_turn_outside_general_corpora_is_a_fault(corpus: Build) -> None:
    with pytest.raises(FileFaults, match=r"talk\.yaml:1: dialogue 1: has a system turn"):
        corpus(talk="- - system: a\n  - user: b\n  - char: c\n")


@pytest.mark.parametrize(
    ("weight", "total", "least", "most"),
    [(1, 20, 1, 1), (2, 40, 2, 2), (0.5, 10, 0, 1), (1.5, 30, 1, 2), (0.2, 4, 0, 1), (0.01, 1, 0, 1), (3.25, 65, 3, 4)],
)
def test_weight_is_how_often_an_epoch_passes_over_a_corpus(
    corpus: Build, weight: float, total: int, least: int, most: int
) -> None:
    built = corpus(one_corpus(kind="general", weight=weight), talk=pairs(20))

    for number in range(3):
        seen = Counter(row.unit for row in built.epoch(number))
        assert sum(seen.values()) == total
        assert all(least <= seen[unit] <= most for unit in built.corpora[0].train)


def test_the_part_that_a_fraction_draws_changes_with_the_epoch(corpus: Build) -> None:
    built = corpus(one_corpus(kind="general", weight=0.25), talk=pairs(40))
    parts = [{row.unit for row in built.epoch(number)} for number in range(30)]

    assert {len(part) for part in parts} == {10}
    assert parts[0] != parts[1]
    assert set().union(*parts) == set(built.corpora[0].train)


def test_copies_of_an_answer_draw_their_prefixes_apart(corpus: Build) -> None:
    more = "prefixes: [{id: a, text: a, train: 0.5}]\n"
    built = corpus(one_corpus(more, weight=4), talk=pairs(30))
    drawn: dict[object, set[tuple[str, ...]]] = {}
    for row in built.epoch(0):
        drawn.setdefault(row.unit, set()).add(row.active)

    assert sum(len(choices) == 2 for choices in drawn.values()) > 15


# Held-out dialogues


def test_held_out_dialogues_are_never_trained(corpus: Build) -> None:
    built = corpus(talk=pairs(100), desc=pairs(50, "d"))
    heldout = {row.unit.dialogue.identity for row in built.heldout()}
    trained = {row.unit.dialogue.identity for number in range(3) for row in built.epoch(number)}

    assert not heldout & trained
    assert len(heldout) + len(trained) == 150 + 1  # with the greeting
    assert [len(part.heldout) > 0 for part in built.corpora] == [True, True]


def test_a_dialogue_that_is_held_out_twice_is_trained_in_neither_place(corpus: Build) -> None:
    built = corpus(one_corpus(), talk=pairs(40) * 2)
    heldout = [row.unit.dialogue.identity for row in built.heldout()]

    assert sorted(Counter(heldout).values()) == [2] * (len(heldout) // 2)
    assert not set(heldout) & {row.unit.dialogue.identity for row in built.epoch(0)}


def test_held_out_rows_carry_the_prefixes_of_a_new_chat_or_those_asked_for(corpus: Build) -> None:
    built = corpus()

    assert {row.active for row in built.heldout()} == {("who", "manner")}
    assert {row.active for row in built.heldout(())} == {()}
    assert {row.active for row in built.heldout(["who"])} == {("who",)}


# Building


def test_greetings_are_openings_of_the_first_dialogue_corpus(corpus: Build) -> None:
    built = corpus(
        HEAD + "greeting: 'Hush, {{user}}.'\nalternate_greetings: [Ah., Oh.]\n"
        "corpora:\n  - {path: desc.yaml, kind: desc}\n"
        "  - {path: talk.yaml, kind: dialogue}\n  - {path: more.yaml, kind: dialogue}\n",
        more=pairs(3),
    )

    openings = [[u.dialogue.turns[0].text for u in part.train if len(u.dialogue.turns) == 1] for part in built.corpora]
    assert openings == [[], ["Hush, {{user}}.", "Ah.", "Oh."], []]
    assert [part.dialogues for part in built.corpora] == [3, 7, 3]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("desc",), [1]),
        (("general", "desc"), [0, 1]),
        (("desc", "desc"), [1, 0]),
        (("general", "dialogue"), [0, 1]),
        (("general",), [0]),
    ],
)
def test_greetings_join_desc_where_there_is_no_dialogue_and_never_general(
    corpus: Build, kinds: tuple[str, ...], expected: list[int]
) -> None:
    entries = "".join(f"  - {{path: talk.yaml, kind: {kind}}}\n" for kind in kinds)
    built = corpus(HEAD + "greeting: Hush.\ncorpora:\n" + entries, talk=pairs(5))

    assert [sum(unit.dialogue.source == "mimi.yaml: greeting" for unit in part.train) for part in built.corpora] == (
        expected
    )


def test_the_same_dialogue_in_two_corpora_is_rendered_as_each_of_them_needs(corpus: Build) -> None:
    built = corpus(
        HEAD + "prefixes: [{id: scene, text: Evening., place: last_user, train: 0.5}]\n"
        "corpora: [{path: talk.yaml, kind: dialogue}, {path: talk.yaml, kind: general}]\n",
        talk="- - user: a\n  - char: b\n  - user: c\n  - char: d\n" + pairs(5),
    )

    both = [{unit.answers for unit in part.train if len(unit.dialogue.turns) == 4} for part in built.corpora]
    assert both == [{(1,), (3,)}, {(1, 3)}]
    assert built.check(3) > 0


def test_a_card_without_corpora_is_told_how_to_name_one(character: Callable[..., CardFile], chatml: Renderer) -> None:
    with pytest.raises(NotFound, match=r"mimi\.yaml names no corpus; add 'corpora: \[\{path: …, kind: dialogue\}\]'"):
        build_corpus(character(HEAD), chatml, limit=100, seed=1)


def test_raw_text_is_left_to_its_own_stage(corpus: Build) -> None:
    text = "{path: desc.yaml, kind: text}"

    built = corpus(HEAD + f"greeting: Hush.\ncorpora: [{text}, {{path: talk.yaml, kind: dialogue}}]\n")
    assert [part.kind for part in built.corpora] == ["dialogue"]
    assert {row.unit.kind for row in built.epoch(0)} == {"dialogue"}
    assert sum(len(unit.dialogue.turns) == 1 for unit in built.corpora[0].train) == 1

    with pytest.raises(NotFound) as caught:
        corpus(HEAD + f"corpora: [{text}]\n")
    assert str(caught.value) == (
        "mimi.yaml names only corpora of 'kind: text', which hold no dialogue; train them with --stage pt, or add one "
        "of 'kind: dialogue'"
    )


def test_the_faults_of_all_corpora_are_told_at_once(corpus: Build) -> None:
    with pytest.raises(FileFaults) as caught:
        corpus(desc="- - user: a\n", talk="- - usr: a\n  - char: b\n")

    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == ["desc.yaml:1:", "talk.yaml:1:"]


def test_a_limit_that_leaves_nothing_is_told_with_what_was_lost(corpus: Build) -> None:
    with pytest.raises(GateError) as caught:
        corpus(limit=20)

    assert str(caught.value) == (
        "mimi.yaml: no sample is left to train (10 answers dropped at a limit of 20 tokens); "
        "shorten the prefixes or raise --max-length"
    )


def test_the_fingerprint_moves_with_text_split_limit_and_weight_and_not_with_time(corpus: Build) -> None:
    base = corpus().fingerprint

    assert corpus().fingerprint == base
    assert corpus(seed=9).fingerprint == base
    assert corpus(limit=401).fingerprint != base
    assert corpus(talk=pairs(5)).fingerprint != base
    assert corpus(one_corpus(), talk=pairs(5)).fingerprint != corpus(one_corpus(weight=2), talk=pairs(5)).fingerprint


# Counts


def test_what_a_dataset_holds_is_counted(corpus: Build) -> None:
    built = corpus()
    samples = [built.sample(row) for row in built.epoch(0)]

    counts = count(built)

    assert counts == Counts(
        samples=6,
        tokens=sum(len(sample.ids) for sample in samples),
        trained_tokens=sum(sample.trained_tokens for sample in samples),
        heldout_samples=2,
        longest=max(len(sample.ids) for sample in samples),
        limit=400,
        dropped=0,
        cut=0,
        end_lost=0,
        corpora=(
            CorpusCounts("desc.yaml", "desc", dialogues=3, samples=2, heldout=1, weight=1, per_epoch=2),
            CorpusCounts("talk.yaml", "dialogue", dialogues=5, samples=4, heldout=1, weight=1, per_epoch=4),
        ),
    )
    assert 0 < counts.trained_tokens < counts.tokens


def test_the_mix_says_what_an_epoch_takes_of_each_corpus(corpus: Build) -> None:
    built = corpus(
        HEAD
        + "corpora: [{path: talk.yaml, kind: dialogue, weight: 2.5}, {path: desc.yaml, kind: general, weight: 0.1}]\n",
        talk=pairs(20, "t"),
        desc=pairs(40, "d"),
    )
    talk, general = count(built).corpora

    assert (talk.weight, talk.per_epoch) == (2.5, round(2.5 * talk.samples))
    assert (general.weight, general.per_epoch, general.samples) == (0.1, 4, 40)
    for number in range(2):
        kinds = Counter(row.unit.kind for row in built.epoch(number))
        assert built.mix(number) == (kinds["dialogue"], kinds["general"]) == (talk.per_epoch, general.per_epoch)


def test_what_the_limit_cost_is_counted(corpus: Build) -> None:
    built = corpus(
        one_corpus(),
        limit=100,
        talk="- - user: a\n  - char: " + "x" * 300 + "\n- - user: " + "y" * 300 + "\n  - char: b\n" + pairs(3),
    )
    counts = count(built)

    assert (counts.dropped, counts.cut, counts.end_lost) == (1, 1, 1)
    assert counts.longest <= 100


def test_the_smallest_corpus_with_the_smallest_weight_can_be_counted(corpus: Build) -> None:
    built = corpus(one_corpus(weight=0.001), talk=pairs(1))

    assert count(built).samples == 1
    assert built.check(1) == 1


def test_samples_are_rendered_once(corpus: Build) -> None:
    built = corpus()
    row = built.epoch(0)[0]

    assert built.sample(row) is built.sample(row)


def test_the_shipped_character_passes_the_gate(chatml: Renderer) -> None:
    card = load_card(shipped() / "characters" / "yui.yaml")
    built = build_corpus(card, chatml, limit=4096, seed=0)

    assert built.check(1) > 100
    assert sum(part.losses.dropped + part.losses.end_lost for part in built.corpora) == 0

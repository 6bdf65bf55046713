from collections.abc import Callable
from dataclasses import replace

import pytest

from roleplay.cards.load import CardFile
from roleplay.cards.prompt import fill
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus, Row
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import Sample, check_sample
from roleplay.errors import GateError

Build = Callable[..., Corpus]


def all_rows(corpus: Corpus) -> list[Row]:
    return [*corpus.epoch(0), *corpus.epoch(1), *corpus.heldout(), *corpus.heldout(())]


def test_the_gate_passes_and_counts_the_different_rows(renderer: Renderer, character: Callable[..., CardFile]) -> None:
    corpus = build_corpus(character(), renderer, limit=400, seed=1)

    assert corpus.check(2) == len(set(all_rows(corpus)))


def test_nothing_but_answers_is_trained_and_each_with_its_end_of_turn(
    renderer: Renderer, character: Callable[..., CardFile]
) -> None:
    corpus = build_corpus(character(), renderer, limit=400, seed=1)

    for row in all_rows(corpus):
        sample = corpus.sample(row)
        said = [fill(row.unit.dialogue.turns[i].text, corpus.voice.card) for i in row.unit.answers]
        runs = [renderer.tokenizer.decode(sample.ids[begin:end]) for begin, end in sample.spans]
        assert runs == [text + renderer.traits.end_of_turn for text in said]
        trained = {i for i, on in enumerate(sample.trained) if on}
        assert trained == {i for begin, end in sample.spans for i in range(begin, end)}
        assert sample.trained_tokens == len(trained)
        assert len(sample.ids) == len(sample.trained) <= corpus.limit


def test_characters_are_those_of_the_trained_answers(corpus: Build) -> None:
    built = corpus()
    row = next(row for row in built.epoch(0) if row.unit.dialogue.turns[0].text == "Hi.")

    assert built.sample(row).characters == len("Hello.") + len("Nothing.")
    greeting = next(row for row in built.epoch(0) if row.unit.dialogue.turns[0].text == "Hush, {{user}}.")
    assert built.sample(greeting).characters == len("Hush, Tom.")


@pytest.fixture
def row(corpus: Build) -> tuple[Corpus, Row, Sample]:
    built = corpus()
    row = next(row for row in built.epoch(0) if row.unit.dialogue.turns[0].text == "Hi.")
    return built, row, built.sample(row)


def flip(trained: tuple[bool, ...], i: int) -> tuple[bool, ...]:
    return (*trained[:i], not trained[i], *trained[i + 1 :])


def change(sample: Sample, fault: str) -> Sample:
    (first, first_end), (second, second_end) = sample.spans
    ids, trained = sample.ids, sample.trained
    changed = {
        "a wrong id in the first prompt": {"ids": (ids[0] + 1, *ids[1:])},
        "a wrong id in the first answer": {"ids": (*ids[:first], 5, *ids[first + 1 :])},
        "a token lost from the prompt": {
            "ids": ids[1:],
            "trained": trained[1:],
            "spans": ((first - 1, first_end - 1), (second - 1, second_end - 1)),
        },
        "a span that begins too late": {"spans": ((first + 1, first_end), (second, second_end))},
        "no mask": {"trained": (False,) * len(ids)},
        "a span too few": {"spans": ((second, second_end),)},
        "a span too many": {"spans": (*sample.spans, (second, second_end))},
        "a trained token of the first prompt": {"trained": flip(trained, first - 1)},
        "a trained token between the answers": {"trained": flip(trained, second - 1)},
        "an untrained end of turn": {"trained": flip(trained, second_end - 1)},
        "an untrained token in an answer": {"trained": flip(trained, first)},
        "a lost end": {
            "ids": ids[:-1],
            "trained": trained[:-1],
            "spans": ((first, first_end), (second, second_end - 1)),
        },
        "a wrong end": {"ids": (*ids[:-1], 5)},
        "a trained token behind the last answer": {"ids": (*ids, 5), "trained": (*trained, True)},
    }
    return replace(sample, **changed[fault])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("a wrong id in the first prompt", "before turn 2, training and chat differ from token 0 on"),
        ("a wrong id in the first answer", "before turn 4, training and chat differ from token"),
        ("a token lost from the prompt", "before turn 2, training and chat differ from token 0 on"),
        ("a span that begins too late", "before turn 2, training and chat differ from token"),
        ("no mask", "no token of the answer is trained"),
        ("a span too few", "no token of the answer is trained"),
        ("a span too many", "no token of the answer is trained"),
        ("a trained token of the first prompt", "part of the prompt before turn 2 would be trained"),
        ("a trained token between the answers", "part of the prompt before turn 4 would be trained"),
        ("an untrained end of turn", "the end of turn 4 would not be trained"),
        ("an untrained token in an answer", "the end of turn 2 would not be trained"),
        ("a lost end", "the end of turn 4 would not be trained"),
        ("a wrong end", "the end of turn 4 would not be trained"),
        ("a trained token behind the last answer", "tokens after the last answer would be trained"),
    ],
)
def test_the_gate_stops_a_sample_that_chat_would_not_send(
    row: tuple[Corpus, Row, Sample], fault: str, message: str
) -> None:
    corpus, place, sample = row

    with pytest.raises(GateError) as caught:
        check_sample(corpus.voice, place.unit, place.active, change(sample, fault), corpus.limit)

    assert message in str(caught.value)
    assert str(caught.value).startswith(f"talk.yaml:1 with prefixes [{', '.join(place.active)}]: ")


def test_the_gate_lets_the_true_sample_pass(row: tuple[Corpus, Row, Sample]) -> None:
    corpus, place, sample = row

    check_sample(corpus.voice, place.unit, place.active, sample, corpus.limit)


def test_the_gate_stops_a_sample_made_with_other_prefixes(row: tuple[Corpus, Row, Sample]) -> None:
    corpus, place, sample = row

    with pytest.raises(
        GateError, match=r"\(trained: '.*', sent by chat: '.*'\); use a base with a regular chat"
    ) as caught:
        check_sample(corpus.voice, place.unit, (), sample, corpus.limit)

    assert "sent by chat: 'user Hi." in str(caught.value)


def test_the_gate_of_a_corpus_stops_at_the_first_wrong_sample(corpus: Build) -> None:
    built = corpus()
    place = built.epoch(0)[0]
    sample = built.sample(place)
    built._samples[place] = replace(sample, trained=(True, *sample.trained[1:]))

    with pytest.raises(GateError, match="part of the prompt before turn"):
        built.check(1)


def test_an_end_of_turn_that_the_limit_cut_off_is_no_fault_of_the_gate(corpus: Build) -> None:
    built = corpus(talk="- - user: a\n  - char: " + "long " * 100 + "\n- - user: c\n  - char: d\n", limit=120)
    places = [row for row in built.epoch(0) if row.unit.dialogue.turns[0].text == "a"]
    assert places
    sample = built.sample(places[0])

    assert sample.ids[-1] != built.voice.renderer.traits.end_of_turn_id
    check_sample(built.voice, places[0].unit, places[0].active, sample, built.limit)
    with pytest.raises(GateError, match="the end of turn 2 would not be trained"):
        check_sample(built.voice, places[0].unit, places[0].active, sample, built.limit + 1)


def test_answers_that_think_aloud_pass_the_gate_where_templates_cut_thoughts(
    renderer_of: Callable[[str], Renderer], character: Callable[..., CardFile]
) -> None:
    talk = "- - user: a\n  - char: '<think>hm</think>b'\n  - user: c\n  - char: d\n- - user: e\n  - char: f\n"
    for name in ("thinking", "empty-thought", "chatml"):
        built = build_corpus(character(talk=talk), renderer_of(name), limit=400, seed=1)
        assert built.check(1) > 0

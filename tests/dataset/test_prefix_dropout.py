"""A run may say itself how often samples carry the prefixes of a new chat."""

from collections import Counter
from collections.abc import Callable

import pytest
from test_corpus import one_corpus, pairs

from roleplay.cards.load import CardFile
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.render import Renderer

PREFIXES = """\
prefixes:
  - {id: who, text: a}
  - {id: manner, text: b, train: 0.2}
  - {id: hidden, text: c, train: never}
  - {id: mood, text: d, default: off, train: 0.5}
"""
ON = ("who", "manner", "hidden")


@pytest.fixture
def dropping(character: Callable[..., CardFile], chatml: Renderer) -> Callable[[float | None], Corpus]:
    """Build the corpus with a dropout."""
    card = character(one_corpus(PREFIXES), talk=pairs(100))
    return lambda dropout: build_corpus(card, chatml, limit=400, seed=1, prefix_dropout=dropout)


def drawn(corpus: Corpus) -> list[tuple[str, ...]]:
    return [row.active for number in range(5) for row in corpus.epoch(number)]


def test_none_leaves_it_to_the_card(
    dropping: Callable[[float | None], Corpus], character: Callable[..., CardFile], chatml: Renderer
) -> None:
    own = build_corpus(character(one_corpus(PREFIXES), talk=pairs(100)), chatml, limit=400, seed=1)
    assert drawn(dropping(None)) == drawn(own)


@pytest.mark.parametrize(("dropout", "active"), [(0, ON), (1, ())])
def test_nothing_or_everything_is_dropped(
    dropping: Callable[[float | None], Corpus], dropout: float, active: tuple[str, ...]
) -> None:
    assert set(drawn(dropping(dropout))) == {active}


def test_a_share_of_the_samples_has_the_prompt_of_a_new_chat_and_the_rest_has_none(
    dropping: Callable[[float | None], Corpus],
) -> None:
    seen = Counter(drawn(dropping(0.3)))
    assert seen.keys() == {ON, ()}
    assert seen[()] / seen.total() == pytest.approx(0.3, abs=0.06)


def test_a_dialogue_is_met_with_the_prefixes_in_one_epoch_and_without_in_another(
    dropping: Callable[[float | None], Corpus],
) -> None:
    corpus = dropping(0.5)
    met = {(row.unit.identity, row.active) for number in range(12) for row in corpus.epoch(number)}
    assert len(met) == 2 * len(corpus.epoch(0))


def test_what_the_card_says_is_drawn_for_each_prefix_apart(dropping: Callable[[float | None], Corpus]) -> None:
    assert set(drawn(dropping(None))) == {("who",), ("who", "manner"), ("who", "mood"), ("who", "manner", "mood")}


def test_an_opening_that_may_lose_its_prefixes_is_not_trained_where_it_needs_them(
    character: Callable[..., CardFile], renderer_of: Callable[[str], Renderer]
) -> None:
    card = character(one_corpus("prefixes: [{id: who, text: a}]\n"), talk="- - char: Hush.\n" + pairs(3))
    renderer = renderer_of("default-system")

    def dropped(dropout: float) -> int:
        built = build_corpus(card, renderer, limit=400, seed=1, prefix_dropout=dropout)
        assert built.check(3)
        return built.corpora[0].losses.dropped

    assert dropped(0) == 0
    assert dropped(0.5) == dropped(1) == 1

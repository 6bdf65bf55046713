"""The card that is measured has the prefix and the samples that its table names."""

from pathlib import Path

import pytest

from roleplay.dataset.render import Renderer, make_renderer
from roleplay.models.base import load_tokenizer
from roleplay.models.spec import parse_spec
from tests.bench.gpu.material import step_samples, write_card
from tests.bench.gpu.shapes import folder_of
from tests.bench.training.case import SAMPLES_A_STEP


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return make_renderer(load_tokenizer(parse_spec(str(folder_of("tiny")))))


@pytest.mark.parametrize("prefix", [64, 600])
def test_samples_share_the_prefix_and_have_rests_of_one_length(tmp_path: Path, renderer: Renderer, prefix: int) -> None:
    card = write_card(tmp_path, renderer, prefix=prefix, samples=2 * SAMPLES_A_STEP)
    samples = step_samples(card, renderer, 2)
    assert len(samples) == 2 * SAMPLES_A_STEP
    head = {sample.ids[:prefix] for sample in samples}
    assert len(head) == 1
    assert len({sample.ids[prefix:] for sample in samples}) == len(samples)
    assert len({sample.ids[prefix : prefix + 2] for sample in samples}) > SAMPLES_A_STEP
    for sample in samples:
        rest = len(sample.ids) - prefix
        assert 98 <= rest <= 118
        assert sample.trained_tokens == pytest.approx(rest * 2 / 3, abs=2)


def test_it_is_the_same_each_time(tmp_path: Path, renderer: Renderer) -> None:
    cards = [write_card(tmp_path / name, renderer, prefix=64, samples=16) for name in ("one", "other")]
    assert step_samples(cards[0], renderer, 1) == step_samples(cards[1], renderer, 1)


def test_a_prefix_shorter_than_the_template_is_refused(tmp_path: Path, renderer: Renderer) -> None:
    with pytest.raises(ValueError, match="has 2 tokens; choose another number"):
        write_card(tmp_path, renderer, prefix=2, samples=16)

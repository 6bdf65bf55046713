"""Likelihoods against a computation by hand, and bits per character with their interval."""

import math

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from roleplay.dataset.sample import Sample
from roleplay.measures import likelihood
from roleplay.measures.likelihood import Likelihood, bits_per_character, likelihoods, mean_loss
from roleplay.models.adapter import load_adapter
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base, tiny_llama


def make_sample(length: int, trained: set[int], characters: int = 1) -> Sample:
    ids = tuple(3 + (7 * length + 13 * i) % 330 for i in range(length))
    return Sample(ids, tuple(i in trained for i in range(length)), ((min(trained), max(trained) + 1),), characters)


SAMPLES = [
    make_sample(9, {4, 5, 6}, 5),
    make_sample(3, {2}, 1),
    make_sample(30, {1, *range(12, 30)}, 40),
    make_sample(9, {8}, 2),
    make_sample(17, set(range(1, 17)), 20),
    make_sample(2, {1}, 1),
]


@pytest.fixture(scope="module")
def model(chatml_tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    return tiny_llama(chatml_tokenizer)


def by_hand(model: PreTrainedModel, sample: Sample) -> float:
    """Each trained token's negative log-probability, one forward pass a token, nothing batched, nothing padded."""
    nats = 0.0
    for i, (token, trained) in enumerate(zip(sample.ids, sample.trained, strict=True)):
        if trained:
            with torch.no_grad():
                scores = model(torch.tensor([sample.ids[:i]])).logits[0, -1].double()
            nats -= float(scores[token] - scores.logsumexp(0))
    return nats


def test_a_likelihood_is_the_sum_over_the_trained_tokens(model: PreTrainedModel) -> None:
    scores = likelihoods(model, SAMPLES, 0)

    for score, sample in zip(scores, SAMPLES, strict=True):
        assert score.nats == pytest.approx(by_hand(model, sample), rel=1e-5)
        assert (score.tokens, score.characters) == (sum(sample.trained), sample.characters)


@pytest.mark.parametrize("room", [1, 340 * 20, 340 * 40, 340 * 60, 10**9], ids=["one", "few", "some", "many", "all"])
def test_samples_of_different_lengths_score_together_as_alone(
    room: int, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [likelihoods(model, [sample], 0)[0] for sample in SAMPLES]
    batches: list[int] = []
    handle = model.register_forward_hook(lambda *args: batches.append(len(args[-1].logits)))
    monkeypatch.setattr(likelihood, "_LOGITS_AT_ONCE", room)

    together = likelihoods(model, SAMPLES, 0)

    handle.remove()
    assert sum(batches) == len(SAMPLES)
    assert (len(batches) == len(SAMPLES)) == (room == 1)
    assert (len(batches) == 1) == (room == 10**9)
    for one, other in zip(together, alone, strict=True):
        assert one.nats == pytest.approx(other.nats, abs=1e-5, rel=1e-5)
        assert (one.tokens, one.characters) == (other.tokens, other.characters)


@pytest.mark.parametrize("pad", [0, 2, 339])
def test_what_pads_a_batch_plays_no_part(pad: int, model: PreTrainedModel) -> None:
    assert [s.nats for s in likelihoods(model, SAMPLES, pad)] == [s.nats for s in likelihoods(model, SAMPLES, 1)]


def test_scoring_twice_gives_the_same_numbers_and_leaves_no_gradient(model: PreTrainedModel) -> None:
    assert likelihoods(model, SAMPLES, 0) == likelihoods(model, SAMPLES, 0)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_no_samples_have_no_scores(model: PreTrainedModel) -> None:
    assert likelihoods(model, [], 0) == []


def test_the_adapter_counts_as_it_is_switched(
    tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    folder = save_tiny_base(tmp_path_factory.mktemp("measured") / "base", chatml_tokenizer)
    adapter = save_tiny_adapter(folder, folder.parent / "adapter")
    plain = likelihoods(load_tiny_base(folder).model, SAMPLES, 0)
    tuned = load_adapter(load_tiny_base(folder), adapter)

    persona = likelihoods(tuned, SAMPLES, 0)
    with tuned.disable_adapter():
        base = likelihoods(tuned, SAMPLES, 0)

    assert base == plain
    assert all(abs(a.nats - b.nats) > 1e-3 for a, b in zip(persona, base, strict=True))


def test_a_uniform_model_needs_the_logarithm_of_its_vocabulary_for_each_token(model: PreTrainedModel) -> None:
    flat = tiny_llama_with_equal_scores(model)

    for score, sample in zip(likelihoods(flat, SAMPLES, 0), SAMPLES, strict=True):
        assert score.nats == pytest.approx(sample.trained_tokens * math.log(340), rel=1e-6)


def tiny_llama_with_equal_scores(model: PreTrainedModel) -> PreTrainedModel:
    flat = type(model)(model.config).eval()
    torch.nn.init.zeros_(flat.get_output_embeddings().weight)
    return flat


def test_the_mean_loss_is_weighted_by_tokens() -> None:
    assert mean_loss([Likelihood(6.0, 3, 1), Likelihood(1.0, 1, 9)]) == 7.0 / 4
    assert mean_loss([]) == 0.0


def test_bits_per_character_by_hand() -> None:
    """Dialogue a: 8 bits for 4 characters; dialogue b: 2 + 4 bits for 1 + 1."""
    scores = [
        Likelihood(8 * math.log(2), 9, 4),
        Likelihood(2 * math.log(2), 1, 1),
        Likelihood(4 * math.log(2), 1, 1),
    ]

    interval = bits_per_character(scores, ["a", "b", "b"])

    assert interval.value == pytest.approx(14 / 6)
    assert interval.low == pytest.approx(8 / 4), "both draws are dialogue a"
    assert interval.high == pytest.approx(6 / 2), "both draws are dialogue b"


def test_one_dialogue_has_no_spread() -> None:
    interval = bits_per_character([Likelihood(math.log(2), 1, 2)] * 3, ["only"] * 3)

    assert interval.low == interval.value == interval.high == pytest.approx(0.5)


def some_scores(count: int) -> tuple[list[Likelihood], list[str]]:
    generator = torch.Generator().manual_seed(count)
    nats = (torch.rand(count, generator=generator) * 40 + 5).tolist()
    characters = torch.randint(3, 30, (count,), generator=generator).tolist()
    scores = [Likelihood(n, 7, c) for n, c in zip(nats, characters, strict=True)]
    return scores, [f"dialogue {i % max(1, count // 2)}" for i in range(count)]


@pytest.mark.parametrize("count", [2, 5, 20, 100])
def test_the_interval_holds_the_value_and_is_the_same_every_time(count: int) -> None:
    scores, groups = some_scores(count)

    interval = bits_per_character(scores, groups)

    assert interval.low <= interval.value <= interval.high
    assert bits_per_character(scores, groups) == interval
    backwards = bits_per_character(scores[::-1], groups[::-1])
    assert (backwards.value, backwards.low, backwards.high) == pytest.approx(
        (interval.value, interval.low, interval.high)
    )


def test_the_interval_narrows_with_more_dialogues() -> None:
    def width(count: int) -> float:
        interval = bits_per_character(*some_scores(count))
        return interval.high - interval.low

    assert width(400) < width(100) < width(20)


def test_scores_and_dialogues_must_belong_together() -> None:
    with pytest.raises(ValueError, match="zip"):
        bits_per_character([Likelihood(1.0, 1, 1)], ["a", "b"])

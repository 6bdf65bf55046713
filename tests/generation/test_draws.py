"""Sampling draws what the model thinks, and only that."""

import pytest
import torch
from transformers import PreTrainedTokenizerFast, TopPLogitsWarper

from roleplay.generation.decode import TextStream
from roleplay.generation.sampling import GumbelNoise, TopP, left_pad, processors
from roleplay.generation.settings import Sampling

SCORES = torch.tensor([[2.0, 1.0, 0.0, -1.0, 0.5]])


def drawn(sampling: Sampling, times: int, scores: torch.Tensor = SCORES) -> torch.Tensor:
    """How often each token is taken, (V,)."""
    chain = processors(sampling, [0] * len(scores))
    none = torch.zeros((len(scores), 0), dtype=torch.long)
    picks = torch.stack([chain(none, scores.clone()).argmax(-1)[0] for _ in range(times)])
    return torch.bincount(picks, minlength=scores.shape[1])


def test_draws_follow_the_softmax() -> None:
    """Chi-square with four degrees of freedom: 18.5 is passed once in a thousand seeds; this seed is fixed."""
    counts = drawn(Sampling(temperature=1, top_p=1, seed=3), 4000).double()
    expected = SCORES[0].double().softmax(0) * 4000
    assert float(((counts - expected) ** 2 / expected).sum()) < 18.5


def test_a_temperature_of_zero_always_takes_the_likeliest() -> None:
    assert drawn(Sampling(temperature=0), 20).tolist() == [20, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(temperature=1, top_p=1, top_k=1), {0}),
        (Sampling(temperature=1, top_p=1, top_k=2), {0, 1}),
        (Sampling(temperature=1, top_p=0.5), {0}),
        (Sampling(temperature=1, top_p=1, min_p=0.3), {0, 1}),
    ],
)
def test_filters_keep_what_they_say(sampling: Sampling, kept: set[int]) -> None:
    assert set(drawn(sampling, 400).nonzero().flatten().tolist()) == kept


@pytest.mark.parametrize("share", [1e-9, 0.3, 0.9, 0.9999])
@pytest.mark.parametrize("sharpness", [0.01, 1.0, 8.0])
def test_top_p_keeps_what_sorting_the_whole_vocabulary_keeps(sharpness: float, share: float) -> None:
    scores = sharpness * torch.randn(3, 2000, generator=torch.Generator().manual_seed(1))
    scores[1, ::2] = -torch.inf

    mine, theirs = (warp(torch.zeros(3, 0), scores.clone()) for warp in (TopP(share), TopPLogitsWarper(share)))

    assert ((mine.isfinite() != theirs.isfinite()).sum(1) <= 1).all(), "where shares are summed in another order"
    both = mine.isfinite() & theirs.isfinite()
    assert torch.equal(mine[both], scores[both])


def test_noise_does_not_depend_on_what_a_filter_left() -> None:
    filtered = SCORES.masked_fill(SCORES < 0.7, -torch.inf)

    left = GumbelNoise(9)(torch.zeros(1, 0), filtered)

    assert torch.equal(left[0, :2], GumbelNoise(9)(torch.zeros(1, 0), SCORES)[0, :2])
    assert torch.equal(left[0, 2:], filtered[0, 2:])


def test_the_same_seed_gives_the_same_noise_to_every_row() -> None:
    two = GumbelNoise(9)(torch.zeros(2, 0), SCORES.repeat(2, 1))
    one = GumbelNoise(9)(torch.zeros(1, 0), SCORES)
    assert torch.equal(two[0], two[1])
    assert torch.equal(two[0], one[0])
    assert not torch.equal(one, GumbelNoise(10)(torch.zeros(1, 0), SCORES))


def test_the_repetition_penalty_counts_the_reply_and_not_the_prompt() -> None:
    chain = processors(Sampling(temperature=0, repetition_penalty=2.0), starts=[2])
    ids = torch.tensor([[0, 0, 1]])
    assert chain(ids, SCORES.clone()).tolist() == [[2.0, 0.5, 0.0, -1.0, 0.5]]


def test_prompts_are_padded_on_the_left() -> None:
    ids, mask = left_pad([[7, 8, 9], [5]], 0)
    assert ids.tolist() == [[7, 8, 9], [0, 0, 5]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_no_character_is_ever_split(chatml_tokenizer: PreTrainedTokenizerFast) -> None:
    text = "逗号睡着了🐈，小声一点。"
    stream = TextStream(chatml_tokenizer)
    ids = chatml_tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(ids) > len(text)  # single bytes, most of them
    pieces = [stream.push(token) for token in ids]
    assert "\ufffd" not in "".join(pieces)
    assert "".join(pieces) + stream.close() == text


def test_an_unfinished_character_at_the_end_is_told_when_the_stream_closes(
    chatml_tokenizer: PreTrainedTokenizerFast,
) -> None:
    ids = chatml_tokenizer("好🐈", add_special_tokens=False)["input_ids"]
    stream = TextStream(chatml_tokenizer)
    assert "".join(stream.push(token) for token in ids[:-1]) == "好"
    assert stream.close() == "\ufffd"


@pytest.mark.parametrize(
    "hostile", ["\x1b]52;c;aGk=\x07", "\x1b[2J", "\x9b31m", "\u202eabc", "\x00\x7f", "\x1b]0;t\x1b\\"]
)
def test_control_characters_of_a_model_are_never_told(chatml_tokenizer: PreTrainedTokenizerFast, hostile: str) -> None:
    stream = TextStream(chatml_tokenizer)
    ids = chatml_tokenizer(f"甲{hostile}乙", add_special_tokens=False)["input_ids"]
    told = "".join(stream.push(token) for token in ids) + stream.close()
    assert told[0] == "甲"
    assert told[-1] == "乙"
    assert not [c for c in told if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c == "\u202e"]

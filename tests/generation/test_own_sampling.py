"""Rows of one batch are sampled each by its own settings, as if it were alone."""

from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from roleplay.generation.own_sampling import OwnSampling
from roleplay.generation.sampling import GumbelNoise, TopP, processors
from roleplay.generation.settings import Sampling

WORDS = 12
WIDTH = 6
SCORES = torch.tensor([[2.0, 1.0, 0.0, -1.0, 0.5]])


@dataclass
class Row:
    """A reply that began `said` ids before the end of its prompt, and has said `tokens` since."""

    sampling: Sampling
    said: int = 0
    tokens: list[int] = field(default_factory=list)
    noise: GumbelNoise = field(init=False)

    def __post_init__(self) -> None:
        self.noise = GumbelNoise(self.sampling.seed)


samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.0, 0.7, 1.5]),
    top_p=st.sampled_from([1.0, 0.9, 0.5]),
    top_k=st.sampled_from([0, 3, 50]),
    min_p=st.sampled_from([0.0, 0.2]),
    repetition_penalty=st.sampled_from([1.0, 1.3]),
    presence_penalty=st.sampled_from([0.0, -1.0, 0.8]),
    frequency_penalty=st.sampled_from([0.0, 0.6]),
    max_new_tokens=st.sampled_from([4, 9]),
    seed=st.integers(0, 5),
)
rows = st.builds(Row, samplings, st.integers(0, 3), st.lists(st.integers(0, WORDS - 1), max_size=WIDTH - 3))


@given(st.lists(rows, min_size=1, max_size=6), st.integers(0, 99))
def test_a_row_in_company_is_scored_as_it_is_alone(company: list[Row], seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    together = OwnSampling(company, WIDTH)
    alone = [processors(row.sampling, [WIDTH - len(row.tokens) - row.said]) for row in company]
    ids = torch.randint(0, WORDS, (len(company), WIDTH), generator=draws)
    for _ in range(3):
        scores = torch.randn(len(company), WORDS, generator=draws)
        before = scores.clone()

        made = together(ids, scores)

        assert torch.equal(scores, before), "what it was given stays"
        for at, chain in enumerate(alone):
            assert torch.equal(made[at : at + 1], chain(ids[at : at + 1], scores[at : at + 1].clone()))
        ids = torch.cat([ids, made.argmax(-1, keepdim=True)], 1)


def test_a_row_goes_on_with_its_draws_in_the_next_burst() -> None:
    row, ids = Row(Sampling(temperature=1, top_p=1, seed=4)), torch.zeros((1, 2), dtype=torch.long)
    whole = processors(row.sampling, [2])
    expected = [whole(ids, SCORES) for _ in range(2)]

    assert torch.equal(OwnSampling([row], 2)(ids, SCORES), expected[0])
    assert torch.equal(OwnSampling([row], 2)(ids, SCORES), expected[1])


@pytest.mark.parametrize(
    ("presence", "frequency", "expected"),
    [
        (0.5, 0.0, [1.5, 0.5, 0.0, -1.0, 0.5]),
        (0.0, 0.5, [1.0, 0.5, 0.0, -1.0, 0.5]),
        (0.25, 0.5, [0.75, 0.25, 0.0, -1.0, 0.5]),
        (-1.0, 0.0, [3.0, 2.0, 0.0, -1.0, 0.5]),
    ],
)
def test_presence_is_taken_once_and_frequency_each_time(
    presence: float, frequency: float, expected: list[float]
) -> None:
    """The reply holds token 0 twice and token 1 once; the 3 before it belongs to the prompt."""
    sampling = Sampling(temperature=0, presence_penalty=presence, frequency_penalty=frequency)

    made = processors(sampling, [1])(torch.tensor([[3, 0, 1, 0]]), SCORES)

    assert made.tolist() == [expected]


@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=1, top_p=1e-300), Sampling(temperature=1e-300, top_p=1)], ids=["top_p", "cold"]
)
def test_settings_near_nothing_leave_the_likeliest(sampling: Sampling) -> None:
    made = processors(sampling, [0])(torch.zeros((1, 0), dtype=torch.long), SCORES)

    assert not made.isnan().any()
    assert int(made.argmax()) == 0
    assert float(made.max()) > -torch.inf


def test_top_p_keeps_the_likeliest_of_every_row() -> None:
    kept = TopP(1e-300)(torch.zeros(2, 0), torch.tensor([[0.0, 3.0, 1.0], [5.0, 1.0, 2.0]])).isfinite()
    assert kept.tolist() == [[False, True, False], [True, False, False]]

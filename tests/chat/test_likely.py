"""Passages ordered by how likely a base finds the question behind them."""

import math

import pytest

from roleplay.chat.likely import Likelihood, open_likelihood
from roleplay.dialogue import Turn
from roleplay.generation.lanes import LANES


@pytest.fixture(scope="module")
def pocket() -> Likelihood:
    return open_likelihood("pocket")


def test_the_score_is_the_mean_log_probability_of_the_question_alone(pocket: Likelihood) -> None:
    passages, question = ["雾笛三长一短。", "The ferry leaves at nine."], "雾笛怎么响？"
    reply = pocket.renderer.text_ids(question)
    for passage, score in zip(passages, pocket(question, passages), strict=True):
        prompt = pocket.renderer.prompt_ids([Turn("user", passage)])
        [alone] = pocket.engine.score([LANES["base"]], [prompt], [reply])
        assert math.isclose(score, sum(alone) / len(reply), abs_tol=1e-4)


def test_a_question_that_stands_in_a_passage_is_likelier_behind_it(pocket: Likelihood) -> None:
    question = "What time does the ferry leave on Sunday morning?"
    same, other = pocket(question, [question, "萝卜要在霜降以前收。"])
    assert same > other


def test_many_passages_are_scored_in_their_order(pocket: Likelihood) -> None:
    passages = [f"There are {n} trams in the yard." for n in range(11)]
    every = pocket("How many trams?", passages)
    assert len(every) == len(passages)
    assert every[10] == pytest.approx(pocket("How many trams?", passages[10:])[0], abs=1e-4)

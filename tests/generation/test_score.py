"""How likely replies are, as the model says it one by one."""

import math

import pytest
import torch

from roleplay.errors import ContextFull
from roleplay.generation import score
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import LANES
from roleplay.models.adapter import PERSONA
from tests.tiny import CONTEXT

LANE_NAMES = ["persona+prefix", "base+prefix", "persona", "base"]
PROMPTS = [[1, 40, 41, 2], [1, 40, 41, 42, 43, 44, 2], [1, 50, 2], [1, 60, 61, 62, 2]]
REPLIES = [[70, 71, 72], [80], [90, 91, 92, 93, 94, 95], []]


def one_by_one(engine: Engine, adapter: str, prompt: list[int], reply: list[int]) -> list[float]:
    """What the model says of the whole sequence, computed alone."""
    ids = torch.tensor([[*prompt, *reply]])
    with torch.inference_mode():
        logits = engine.tuned(input_ids=ids, adapter_names=[adapter]).logits[0]  # type: ignore[misc]
    logs = logits.double().log_softmax(-1)
    return [float(logs[len(prompt) + i - 1, token]) for i, token in enumerate(reply)]


@pytest.mark.parametrize("at_once", [score._LOGITS_AT_ONCE, 4 * 340 * 2, 1], ids=["whole", "two columns", "one column"])
@pytest.mark.parametrize("cut", [True, False], ids=["kept", "not kept"])
def test_the_scores_of_all_lanes_are_those_of_each_alone(
    at_once: int, cut: bool, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "_LOGITS_AT_ONCE", at_once)
    engine.kept.usable = cut
    lanes = [LANES[name] for name in LANE_NAMES]

    for _ in range(2):  # the second time with what the first kept
        scores = engine.score(lanes, PROMPTS, REPLIES)

        for name, prompt, reply, found in zip(LANE_NAMES, PROMPTS, REPLIES, scores, strict=True):
            adapter = PERSONA if name.startswith("persona") else "__base__"
            assert found == pytest.approx(one_by_one(engine, adapter, prompt, reply), rel=1e-4)


def test_without_strength_the_persona_scores_as_the_base_bit_for_bit(engine: Engine) -> None:
    lanes = [LANES["persona"], LANES["base"]]

    persona, base = engine.score(lanes, PROMPTS[:1] * 2, REPLIES[:1] * 2, strength=0)

    assert persona == base
    assert persona != engine.score(lanes, PROMPTS[:1] * 2, REPLIES[:1] * 2)[0]


def test_half_the_strength_is_half_of_what_the_adapter_adds(engine: Engine) -> None:
    lanes, tuned = [LANES["persona"]], engine.tuned
    half = engine.score(lanes, PROMPTS[:1], REPLIES[:1], strength=0.5)[0]
    with torch.no_grad():
        for name, weight in tuned.named_parameters():  # type: ignore[union-attr]
            if "lora_B" in name:
                weight.mul_(0.5)

    engine.kept.forget()
    assert engine.score(lanes, PROMPTS[:1], REPLIES[:1])[0] == pytest.approx(half, rel=1e-5)


def test_nothing_said_has_no_scores(engine: Engine) -> None:
    assert engine.score([LANES["base"]], PROMPTS[:1], [[]]) == [[]]


def test_a_reply_that_fills_the_context_is_scored_and_a_longer_one_refused(engine: Engine) -> None:
    prompt = [40] * (CONTEXT - 2)

    assert all(math.isfinite(p) for p in engine.score([LANES["base"]], [prompt], [[41, 42, 43]])[0])
    with pytest.raises(ContextFull, match=f"{CONTEXT + 1} tokens"):
        engine.score([LANES["base"]], [prompt], [[41, 42, 43, 44]])

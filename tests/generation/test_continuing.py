"""A reply that was cut goes on as if it had not been."""

from dataclasses import replace

import pytest

from roleplay.generation.decode import TextStream
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished, Piece
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling

ASKED = [LANES["persona+prefix"], LANES["base"]]
PROMPTS = [[1, 40, 41, 42, 43, 44], [1, 50, 51]]
TOKENS = 24


def greedy(engine: Engine, sampling: Sampling) -> tuple[list[str], list[list[int]]]:
    """Both replies, as text and as ids."""
    steps: list[list[int]] = []
    handle = engine.base.model.register_forward_pre_hook(
        lambda _, __, given: steps.append(given["input_ids"][:, -1].tolist()), with_kwargs=True
    )
    list(engine.stream(ASKED, PROMPTS, replace(sampling, max_new_tokens=TOKENS + 1)))  # the last is not fed
    handle.remove()
    done = {e.lane: e.text for e in engine.stream(ASKED, PROMPTS, sampling) if isinstance(e, Finished)}
    return [done[lane] for lane in ASKED], [list(ids) for ids in zip(*steps[1:], strict=True)]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("said", [(1, 9), (10, 0), (23, 23)])
def test_what_was_cut_and_what_follows_are_the_reply(said: tuple[int, int], penalty: float, engine: Engine) -> None:
    engine.end_ids = [-1]
    sampling = Sampling(temperature=0, max_new_tokens=TOKENS, repetition_penalty=penalty)
    texts, ids = greedy(engine, sampling)
    prompts = [[*prompt, *reply[:n]] for prompt, reply, n in zip(PROMPTS, ids, said, strict=True)]
    rest = replace(sampling, max_new_tokens=TOKENS - max(said))

    events = list(engine.stream(ASKED, prompts, rest, said=said))

    for lane, reply, text, n in zip(ASKED, ids, texts, said, strict=True):
        (done,) = [event for event in events if isinstance(event, Finished) and event.lane == lane]
        pieces = [event.text for event in events if isinstance(event, Piece) and event.lane == lane]
        assert done.tokens == rest.max_new_tokens
        assert done.text == TextStream(engine.base.tokenizer, reply[:n]).told + "".join(pieces)
        if n == max(said):
            assert done.text == text

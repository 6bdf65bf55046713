"""DESIGN's contract of lanes: the base is the base, a lane in company is the lane alone, each stops by itself."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerFast

from roleplay.errors import BaseModelError, UsageError
from roleplay.generation.engine import Cancel, Engine, Finished, Piece
from roleplay.generation.lanes import LANES, Lane, parse_lanes
from roleplay.generation.sampling import left_pad
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import PERSONA, load_adapter
from roleplay.text import clean
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base

GREEDY = Sampling(temperature=0, max_new_tokens=24)
SAMPLED = Sampling(temperature=1.0, top_p=0.95, max_new_tokens=24, seed=5)
PROMPTS = [[1, 40, 41, 2], [1, 40, 41, 42, 43, 44, 2], [1, 50, 2], [1, 60, 61, 62, 2]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    folder = save_tiny_base(tmp_path_factory.mktemp("lanes") / "base", chatml_tokenizer)
    save_tiny_adapter(folder, folder.parent / "adapter")
    return folder


@pytest.fixture
def engine(folder: Path) -> Engine:
    base = load_tiny_base(folder)
    return Engine(base, load_adapter(base, folder.parent / "adapter"), [2])


@pytest.fixture
def bare(folder: Path) -> Engine:
    """An engine over a model that never saw an adapter."""
    return Engine(load_tiny_base(folder), None, [2])


def replies(engine: Engine, lanes: list[Lane], prompts: list[list[int]], sampling: Sampling) -> dict[str, Finished]:
    events = list(engine.stream(lanes, prompts, sampling))
    return {event.lane.name: event for event in events if isinstance(event, Finished)}


def logits(model: Any, prompts: list[list[int]], **options: Any) -> torch.Tensor:
    """Logits of the last position of each left-padded prompt, (B, V)."""
    ids, mask = left_pad(prompts, 0)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask, position_ids=positions, **options).logits[:, -1]


def test_the_base_lane_is_bit_for_bit_a_model_without_adapter_in_a_batch_of_the_same_shape(
    engine: Engine, bare: Engine
) -> None:
    assert isinstance(engine.tuned, PeftModel)
    batch = [PROMPTS[1], PROMPTS[1]]
    mixed = logits(engine.tuned, batch, adapter_names=[PERSONA, "__base__"])
    clean = logits(bare.base.model, batch)
    assert torch.equal(mixed[1], clean[1])
    assert not torch.allclose(mixed[0], clean[0], atol=1e-3)


def test_the_base_lane_is_within_a_millionth_when_left_padded(engine: Engine, bare: Engine) -> None:
    mixed = logits(engine.tuned, [PROMPTS[1], PROMPTS[0]], adapter_names=[PERSONA, "__base__"])
    clean = logits(bare.base.model, [PROMPTS[0]])
    assert (mixed[1] - clean[0]).abs().max() <= 1e-6 * clean.abs().max().clamp(min=1)


def test_the_persona_lane_equals_a_single_lane_call_within_rounding(engine: Engine) -> None:
    batch = [PROMPTS[1], PROMPTS[0], PROMPTS[2]]
    mixed = logits(engine.tuned, batch, adapter_names=[PERSONA, "__base__", PERSONA])
    alone = logits(engine.tuned, [PROMPTS[2]], adapter_names=[PERSONA])
    assert (mixed[2] - alone[0]).abs().max() <= 1e-5 * alone.abs().max()


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
@pytest.mark.parametrize("name", list(LANES))
def test_a_lane_says_in_company_what_it_says_alone(engine: Engine, name: str, sampling: Sampling) -> None:
    together = replies(engine, list(LANES.values()), PROMPTS, sampling)
    prompt = PROMPTS[list(LANES).index(name)]
    alone = replies(engine, [LANES[name]], [prompt], sampling)
    assert together[name].text == alone[name].text
    assert together[name].tokens == alone[name].tokens


def test_base_lanes_reply_as_a_model_that_never_saw_an_adapter(engine: Engine, bare: Engine) -> None:
    lanes = [LANES["base+prefix"], LANES["base"]]
    with_adapter = replies(engine, list(LANES.values()), [PROMPTS[0], PROMPTS[1], PROMPTS[0], PROMPTS[1]], GREEDY)
    without = replies(bare, lanes, [PROMPTS[1], PROMPTS[1]], GREEDY)
    for lane in lanes:
        assert with_adapter[lane.name].text == without[lane.name].text
    assert with_adapter["persona+prefix"].text != with_adapter["base+prefix"].text


def test_all_lanes_come_from_one_generate_call(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = engine.base.model.generate
    monkeypatch.setattr(engine.base.model, "generate", lambda *a, **k: calls.append(k) or real(*a, **k))
    assert set(replies(engine, list(LANES.values()), PROMPTS, GREEDY)) == set(LANES)
    assert len(calls) == 1
    assert calls[0]["input_ids"].shape[0] == 4


def test_each_lane_stops_by_itself_and_the_others_go_on(engine: Engine) -> None:
    """The end token is chosen so that one lane says it first."""
    lanes, prompts = [LANES["persona+prefix"], LANES["base+prefix"]], PROMPTS[:2]
    ids: dict[str, list[int]] = {lane.name: [] for lane in lanes}
    decode = engine.base.tokenizer.decode
    for lane, prompt in zip(lanes, prompts, strict=True):
        seen, _ = left_pad([prompt], 0)
        model = engine.tuned
        out = model.generate(
            input_ids=seen,
            adapter_names=[PERSONA if lane.adapter else "__base__"],
            do_sample=False,
            max_new_tokens=24,
            eos_token_id=2,
            pad_token_id=0,
        )
        ids[lane.name] = out[0, len(prompt) :].tolist()
    early = next(token for token in ids["persona+prefix"][1:] if token not in ids["base+prefix"])
    stopping = Engine(engine.base, engine.tuned, [early, 2])
    done = replies(stopping, lanes, prompts, GREEDY)
    at = ids["persona+prefix"].index(early)
    assert done["persona+prefix"].stopped == "end"
    assert done["persona+prefix"].tokens == at + 1
    assert done["base+prefix"].tokens > at + 1
    assert done["base+prefix"].text == clean(
        decode([t for t in ids["base+prefix"] if t != 2], skip_special_tokens=True)
    )


def test_pieces_joined_are_the_reply(engine: Engine) -> None:
    said: dict[str, str] = dict.fromkeys(LANES, "")
    done = {}
    for event in engine.stream(list(LANES.values()), PROMPTS, SAMPLED):
        if isinstance(event, Piece):
            said[event.lane.name] += event.text
        else:
            done[event.lane.name] = event.text
    assert said == done


def test_one_lane_is_cancelled_and_the_others_go_on(engine: Engine) -> None:
    cancel, lanes = Cancel(), [LANES["persona"], LANES["base"]]
    done = {}
    for event in engine.stream(lanes, PROMPTS[:2], GREEDY, cancel):
        if isinstance(event, Piece):
            cancel.stop(LANES["persona"])
        else:
            done[event.lane.name] = event
    assert done["persona"].stopped == "cancelled"
    assert done["base"].stopped in ("end", "length")
    assert done["base"].tokens > done["persona"].tokens


def test_cancelling_all_ends_every_lane_with_what_it_said(engine: Engine) -> None:
    cancel = Cancel()
    cancel.stop()
    done = [e for e in engine.stream([LANES["base"]], [PROMPTS[0]], GREEDY, cancel) if isinstance(e, Finished)]
    assert [event.stopped for event in done] == ["cancelled"]
    assert done[0].tokens <= 1


def test_leaving_a_stream_ends_its_thread(engine: Engine) -> None:
    before = threading.active_count()
    stream = engine.stream([LANES["base"]], [PROMPTS[0]], Sampling(temperature=1, max_new_tokens=400))
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_the_limit_ends_a_lane(engine: Engine) -> None:
    done = replies(engine, [LANES["base"]], [PROMPTS[0]], Sampling(temperature=0, max_new_tokens=3))["base"]
    assert (done.stopped, done.tokens) == ("length", 3)


def test_an_error_inside_the_model_reaches_the_reader(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **options: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(engine.base.model, "forward", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(engine.stream([LANES["base"]], [PROMPTS[0]], GREEDY))


def test_a_prompt_that_fills_the_context_is_refused(engine: Engine) -> None:
    with pytest.raises(BaseModelError, match="the prompt has 512 tokens and the base takes 512"):
        next(engine.stream([LANES["base"]], [[5] * 512], GREEDY))


def test_a_persona_lane_without_adapter_is_refused(bare: Engine) -> None:
    with pytest.raises(BaseModelError, match="needs an adapter"):
        next(bare.stream([LANES["persona"]], [PROMPTS[0]], GREEDY))


@pytest.mark.parametrize(
    ("text", "message"),
    [("persona+prefx", "did you mean 'persona\\+prefix'"), ("base,base", "named twice"), ("", "there is no lane ''")],
)
def test_wrong_lanes_are_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_lanes(text)

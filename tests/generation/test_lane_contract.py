"""DESIGN's contract of lanes: the base is the base, a lane in company is the lane alone, each stops by itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from roleplay.errors import BaseModelError, UsageError
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished, Piece
from roleplay.generation.lanes import LANES, Lane, parse_lanes
from roleplay.generation.sampling import left_pad
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import PERSONA, load_adapter
from roleplay.text import clean
from tests.tiny import load_tiny_base, save_tiny_adapter

GREEDY = Sampling(temperature=0, max_new_tokens=24)
SAMPLED = Sampling(temperature=1.0, top_p=0.95, max_new_tokens=24, seed=5)
PROMPTS = [[1, 40, 41, 2], [1, 40, 41, 42, 43, 44, 2], [1, 50, 2], [1, 60, 61, 62, 2]]


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


def generated(model: Any, ids: torch.Tensor, mask: torch.Tensor, **options: Any) -> torch.Tensor:
    """Logits of every greedy step, with the cache in use, (steps, B, V)."""
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=12,
            eos_token_id=339,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
            **options,
        )
    return torch.stack(out.logits)


def test_the_base_lanes_stay_bit_for_bit_the_base_through_a_whole_reply(engine: Engine, bare: Engine) -> None:
    ids, mask = left_pad(PROMPTS, 0)
    names = [PERSONA, "__base__", PERSONA, "__base__"]

    mixed = generated(engine.tuned, ids, mask, adapter_names=names)
    clean = generated(bare.base.model, ids, mask)

    assert mixed.shape[:2] == (12, 4)
    assert torch.equal(mixed[:, [1, 3]], clean[:, [1, 3]])
    assert not torch.allclose(mixed[:, [0, 2]], clean[:, [0, 2]], atol=1e-3)


def test_absolute_positions_and_a_fused_projection_keep_the_contract(
    tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    """GPT-2: q, k and v in one Conv1D, and positions that left padding must not move."""
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0}
    config = GPT2Config(vocab_size=340, n_embd=32, n_layer=2, n_head=2, n_positions=128, initializer_range=0.4, **ends)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    chatml_tokenizer.save_pretrained(tmp_path / "gpt2")
    adapter = save_tiny_adapter(tmp_path / "gpt2", tmp_path / "adapter")
    bare = Engine(load_tiny_base(tmp_path / "gpt2"), None, [2])
    base = load_tiny_base(tmp_path / "gpt2")
    engine = Engine(base, load_adapter(base, adapter), [2])

    together = replies(engine, list(LANES.values()), PROMPTS, GREEDY)

    for name, prompt in zip(LANES, PROMPTS, strict=True):
        alone = replies(engine, [LANES[name]], [prompt], GREEDY)
        assert together[name].text == alone[name].text
    for name, prompt in (("base+prefix", PROMPTS[1]), ("base", PROMPTS[3])):
        assert together[name].text == replies(bare, [LANES[name]], [prompt], GREEDY)[name].text
    same_prompt = replies(engine, list(LANES.values()), [PROMPTS[1]] * 4, GREEDY)
    assert same_prompt["persona"].text != same_prompt["base"].text


def test_the_seed_alone_decides_a_sampled_reply(engine: Engine) -> None:
    def said(seed: int) -> list[str]:
        done = replies(engine, list(LANES.values()), PROMPTS, replace(SAMPLED, seed=seed))
        return [done[name].text for name in LANES]

    first = said(5)
    torch.rand(1000)  # draws of anybody else play no part

    assert said(5) == first
    assert all(a != b for a, b in zip(said(6), first, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_what_the_prompt_holds_is_not_punished_as_repetition(seed: int, engine: Engine) -> None:
    """Each prompt holds half of the vocabulary; a penalty that counted it would change many a first token."""
    order = torch.randperm(330, generator=torch.Generator().manual_seed(seed)) + 5
    prompts = [order[i::2].tolist()[: 160 - 20 * i] for i in (0, 1, 0, 1)]
    one, many = Sampling(temperature=0, max_new_tokens=1), Sampling(temperature=0, max_new_tokens=30)

    plain = replies(engine, list(LANES.values()), prompts, one)
    punished = replies(engine, list(LANES.values()), prompts, replace(one, repetition_penalty=5.0))
    repeating = replies(engine, list(LANES.values()), prompts, many)
    varied = replies(engine, list(LANES.values()), prompts, replace(many, repetition_penalty=5.0))

    assert [punished[name].text for name in LANES] == [plain[name].text for name in LANES]
    assert [varied[name].text for name in LANES] != [repeating[name].text for name in LANES], "within a reply it counts"


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

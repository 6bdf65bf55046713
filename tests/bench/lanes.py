"""Four lanes beside one, and the first token of a long chat beside that of a young one."""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import Qwen2Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from roleplay.cards.find import open_card
from roleplay.cards.prompt import default_prefixes
from roleplay.chat.open import Opened, open_character
from roleplay.dialogue import Turn
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import load_adapter
from roleplay.models.base import Base, load_tokenizer
from roleplay.models.passport import BaseIdentity
from roleplay.models.spec import parse_spec
from roleplay.paths import Home
from tests.tiny import save_tiny_adapter

_ROUNDS = 9
_TOKENS = 64
_CHATS = 5
TURNS = 20
"""Of a long chat."""
_REPLY = 16
"""Tokens of a reply in a long chat: twenty of them, and a prefix, fit `pocket`."""
_NEVER = -1
"""No token has this id: every reply goes on to the limit."""
_PROMPT = list(range(100, 164))
ONE, FOUR = [LANES["persona+prefix"]], list(LANES.values())


def four_lanes_against_one() -> None:
    """Print seconds and ratio on `pocket`, and on random weights in the shape of half a billion in bfloat16."""
    for name, engine, goal in (("pocket", _pocket().engine, 1.3), ("0.5B in bfloat16", _half_billion(), 1.6)):
        seconds: dict[int, list[float]] = {1: [], 4: []}
        engine.end_ids = [_NEVER]
        for _ in range(_ROUNDS):
            for lanes in (ONE, FOUR):
                engine.kept.forget()
                seconds[len(lanes)].append(seconds_of(engine, lanes, [_PROMPT] * len(lanes), _TOKENS))
        ratio = statistics.median(four / one for one, four in zip(seconds[1], seconds[4], strict=True))
        print(
            f"{_TOKENS} tokens on {name}: four lanes {statistics.median(seconds[4]):.2f} s, one "
            f"{statistics.median(seconds[1]):.2f} s, ratio {ratio:.2f} (goal: at most {goal})"
        )


def first_token_at_turn_20_against_turn_2() -> None:
    """Print the time to the first token at both turns of one chat, and the ratio, for one lane and for four."""
    opened = _pocket()
    for lanes in (ONE, FOUR):
        chats = [_chat(opened, lanes, chat) for chat in range(_CHATS + 1)][1:]
        early, late = (statistics.median(chat[turn - 1] for chat in chats) for turn in (2, TURNS))
        ratio = statistics.median(chat[TURNS - 1] / chat[1] for chat in chats)
        print(
            f"first token with lanes: {len(lanes)}, turn 20: {late * 1000:.0f} ms, turn 2: {early * 1000:.0f} ms, "
            f"ratio {ratio:.2f} (goal: at most 1.5)"
        )


def _chat(opened: Opened, lanes: list[Lane], chat: int) -> list[float]:
    """First tokens of a chat on `pocket`; all lanes follow the replies of the first."""
    voice, engine = opened.voice, opened.engine
    active = [default_prefixes(voice.prefixes) if lane.prefix else () for lane in lanes]

    def answer(prompts: list[list[int]]) -> str:
        events = engine.stream(lanes, prompts, Sampling(max_new_tokens=_REPLY, seed=chat))
        return next(event.text for event in events if isinstance(event, Finished) and event.lane == lanes[0])

    return first_tokens(
        engine,
        lanes,
        lambda turns: [voice.prompt_ids(turns, prefixes) for prefixes in active],
        lambda number: f"在吗？{chat}{number}",
        answer,
    )


def first_tokens(
    engine: Engine,
    lanes: list[Lane],
    prompts: Callable[[list[Turn]], list[list[int]]],
    ask: Callable[[int], str],
    answer: Callable[[list[list[int]]], str],
) -> list[float]:
    """Seconds to the first token of every turn of a chat of twenty.

    `prompts` renders its turns, one prompt a lane; `ask` says what the person says in a turn, counted from 0; `answer`
    is what prompts are answered with.
    """
    turns, found = list[Turn](), list[float]()
    for number in range(TURNS):
        turns.append(Turn("user", ask(number)))
        asked = prompts(turns)
        found.append(seconds_of(engine, lanes, asked, 1))
        turns.append(Turn("assistant", answer(asked)))
    return found


def seconds_of(engine: Engine, lanes: list[Lane], prompts: list[list[int]], tokens: int) -> float:
    """Until all lanes have said `tokens` tokens, sampled as in a chat."""
    events = list(engine.stream(lanes, prompts, Sampling(max_new_tokens=tokens)))
    return max(event.seconds for event in events)


def _pocket() -> Opened:
    with tempfile.TemporaryDirectory() as nothing:
        home = Home(Path(nothing))
        return open_character(open_card("yui", home), home, base="pocket")


def _half_billion() -> Engine:
    """The shape of Qwen2-0.5B with random weights and a random adapter."""
    shape = Qwen2Config(
        vocab_size=151936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    )
    model = AutoModelForCausalLM.from_config(shape, dtype=torch.bfloat16).eval().requires_grad_(False)
    spec = parse_spec("pocket")
    base = Base(spec, model, load_tokenizer(spec), BaseIdentity("shape", None, "", "", "", None))
    with tempfile.TemporaryDirectory() as folder:
        return Engine(base, load_adapter(base, save_tiny_adapter(base, Path(folder) / "adapter", rank=16)), [_NEVER])

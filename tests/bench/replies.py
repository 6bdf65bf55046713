"""How fast a shipped character answers in one lane, beside plain transformers on the bare base."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessorList

from roleplay.cards.find import open_card
from roleplay.cards.prompt import default_prefixes
from roleplay.chat.open import open_character
from roleplay.dialogue import Turn
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.models.base import load_base
from roleplay.models.spec import parse_spec
from roleplay.paths import Home

_PAIRS = 9
_TOKENS = 128
_NEVER = -1
"""No token has this id: both go on to the last token, so that both say as much."""


def one_lane_against_plain_generate() -> None:
    """Print tokens a second of the lane a chat has, and of `generate` with the adapter and without; they take turns."""
    with tempfile.TemporaryDirectory() as nothing:
        home = Home(Path(nothing))
        opened = open_character(open_card("yui", home), home)
    bare, tuned = load_base(parse_spec("pocket")).model, opened.engine.tuned
    prompt = opened.voice.prompt_ids([Turn("user", "在吗？")], default_prefixes(opened.voice.prefixes))
    lane, alike, plain = [], [], []
    for _ in range(_PAIRS):
        lane.append(_lane_speed(opened.engine, prompt))
        alike.append(_TOKENS / plain_generate(tuned, prompt, _TOKENS))
        plain.append(_TOKENS / plain_generate(bare, prompt, _TOKENS))
    same, less = (statistics.median(a / b for a, b in zip(lane, other, strict=True)) for other in (alike, plain))
    print(
        f"one lane with adapter: {statistics.median(lane):.0f} tokens a second (goal: at least 60); plain generate "
        f"with the adapter: {statistics.median(alike):.0f}, ratio {same:.2f} (goal: at least 0.95); plain generate on "
        f"the base without one: {statistics.median(plain):.0f}, ratio {less:.2f}"
    )


def _lane_speed(engine: Engine, prompt: list[int]) -> float:
    engine.end_ids = [_NEVER]
    engine.kept.forget()
    sampling = Sampling(temperature=0, max_new_tokens=_TOKENS)
    events = engine.stream([LANES["persona+prefix"]], [prompt], sampling)
    [finished] = [event for event in events if isinstance(event, Finished)]
    return finished.tokens / finished.seconds


def plain_generate(model: Any, prompt: list[int], tokens: int, draw: LogitsProcessorList | None = None) -> float:
    """Seconds of transformers' own `generate` until so many tokens are on the host; no end is an end."""
    ids = torch.tensor([prompt], device=model.device)
    began = time.perf_counter()
    with torch.inference_mode():
        said = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=tokens,
            eos_token_id=_NEVER,
            pad_token_id=0,
            logits_processor=draw,
        )
    said.tolist()
    return time.perf_counter() - began

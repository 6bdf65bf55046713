"""Lanes at the size of real bases: four beside one, one beside plain `generate`, compiled steps, first tokens."""

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft.tuners.lora import LoraLayer

from roleplay.dataset.render import Renderer, make_renderer
from roleplay.dialogue import Turn
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.generation.sampling import processors
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import attach_new, load_adapter, save_adapter
from roleplay.models.base import Base
from roleplay.models.passport import Passport
from roleplay.text import one_line
from tests.bench.gpu.device import Options, forget_peak, synchronize
from tests.bench.gpu.material import write_card
from tests.bench.gpu.results import Results, open_results
from tests.bench.gpu.shapes import make_base, tokenizer_name
from tests.bench.gpu.tables import show
from tests.bench.lanes import FOUR, ONE, TURNS, first_tokens, seconds_of
from tests.bench.replies import plain_generate

SHAPES = ("qwen2.5-0.5b", "qwen2.5-7b")
KEY = ("shape", "prefix", "measured", "lanes")
"""Columns that tell rows apart."""
_TOKENS = 64
_ROUNDS, _CHATS = 5, 3
_PREFIX = 600
_SAID = "嗯……我听着呢。你先把外套挂好，再慢慢说，不着急的。"
"""Every reply of a long chat: what random weights say is no text."""
_NEVER = -1
"""No token has this id: every reply goes on to the limit."""
_RANK = 8
NOTE = (
    "Random weights, and a random adapter of rank 8 on q, k and v; the prefix in two of the four lanes. "
    "Seconds are those of all lanes together, tokens those of all lanes. Rows take turns, and ratios are medians of "
    "their rounds. Goals: four lanes at most 1.25 against one."
)


@dataclass(frozen=True)
class _Bench:
    """One base with its adapter, and where its rows go."""

    shape: str
    """Key of the shape."""
    options: Options
    """What was asked for."""
    results: Results
    """The file of rows."""
    engine: Engine
    """As the product makes it, never ending a reply by itself."""
    renderer: Renderer
    """Of its tokenizer."""
    prefix: str
    """Text of the prefix."""
    tokens: int
    """Its length."""

    def prompts(self, lanes: list[Lane], turns: list[Turn]) -> list[list[int]]:
        """One prompt a lane, with the prefix where it is on."""
        head = [Turn("system", self.prefix)]
        return [self.renderer.prompt_ids([*(head if lane.prefix else []), *turns]) for lane in lanes]

    def add(self, measured: str, lanes: int, **columns: float | str | None) -> None:
        """Write a row, and say it on stderr."""
        row: dict[str, Any] = {
            "shape": self.shape,
            "prefix": self.tokens,
            "measured": measured,
            "lanes": lanes,
            "64 tokens (s)": None,
            "tokens/s": None,
            "against one lane": None,
            "compiling (s)": None,
            "first token (ms)": None,
            "note": None,
        }
        row |= columns
        row["tokenizer"] = tokenizer_name(self.shape)
        self.results.add(row)
        print({key: value for key, value in row.items() if value is not None}, file=sys.stderr, flush=True)


def run(options: Options) -> None:
    """Make the rows of every shape; `only` takes `speed`, `first`, `compiled`."""
    results = open_results("lanes", options, KEY)
    for shape in options.shapes or SHAPES:
        forget_peak(options.device)
        bench = _open(shape, options, results)
        for name, part in (("speed", _speed), ("first", _first), ("compiled", _compiled)):
            if options.wants(name):
                part(bench)
        del bench
    show(results)


def _open(shape: str, options: Options, results: Results) -> _Bench:
    base = make_base(shape, device=options.device, dtype=options.dtype)
    renderer = make_renderer(base.tokenizer)
    tokens = options.prefixes[0] if options.prefixes else _PREFIX
    with tempfile.TemporaryDirectory() as folder:
        [prefix] = write_card(Path(folder), renderer, prefix=tokens, samples=1).card.prefixes
        engine = Engine(base, load_adapter(base, _save_adapter(base, Path(folder) / "adapter")), [])
    engine.end_ids = [_NEVER]
    return _Bench(shape, options, results, engine, renderer, prefix.text, tokens)


def _save_adapter(base: Base, folder: Path) -> Path:
    """A random adapter of the base, wherever that lies."""
    tuned, _ = attach_new(base.model, rank=_RANK, alpha=2.0 * _RANK, dropout=0.0)
    with torch.random.fork_rng(["cuda"] if base.model.device.type == "cuda" else []), torch.no_grad():
        torch.manual_seed(0)
        for name, weight in tuned.named_parameters():
            if "lora_" in name:
                weight.normal_(0, 0.02)
    save_adapter(tuned, folder, Passport("measured", base.identity, "random", 0, 0.0), "")
    tuned.unload()
    base.model.requires_grad_(False)
    return folder


def _speed(bench: _Bench) -> None:
    """Rows of all that say the same number of tokens; they take turns."""
    engine, turns = bench.engine, [Turn("user", "在吗？")]
    one, four = (bench.prompts(lanes, turns) for lanes in (ONE, FOUR))
    contenders: dict[str, Callable[[int], float]] = {
        "one lane": lambda tokens: _lanes(engine, ONE, one, tokens),
        "four lanes": lambda tokens: _lanes(engine, FOUR, four, tokens),
        "plain generate, adapter": lambda tokens: _plain(engine.tuned, one[0], tokens),
        "plain generate, no adapter": lambda tokens: _bare(engine, one[0], tokens),
    }
    seconds = _in_turn(contenders, bench.options)
    for name, found in seconds.items():
        lanes = 4 if name == "four lanes" else 1
        bench.add(name, lanes, **_rates(found, lanes), **{"against one lane": _ratio(found, seconds["one lane"])})


def _in_turn(contenders: Mapping[str, Callable[[int], float]], options: Options) -> dict[str, list[float]]:
    """Seconds of each in each round, after one short round that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(-1, 1 if options.quick else _ROUNDS):
        for name, contender in contenders.items():
            synchronize(options.device)
            took = contender(4 if number < 0 else _TOKENS)
            if number >= 0:
                found[name].append(took)
    return found


def _lanes(engine: Engine, lanes: list[Lane], prompts: list[list[int]], tokens: int) -> float:
    engine.kept.forget()
    return seconds_of(engine, lanes, prompts, tokens)


def _bare(engine: Engine, prompt: list[int], tokens: int) -> float:
    with _without_adapter(engine.tuned):
        return _plain(engine.base.model, prompt, tokens)


def _plain(model: Any, prompt: list[int], tokens: int) -> float:
    return plain_generate(model, prompt, tokens, processors(Sampling(), [len(prompt)]))


@contextlib.contextmanager
def _without_adapter(tuned: Any) -> Iterator[None]:
    """Within it the base is the model that never saw an adapter, not one whose layers look for theirs."""
    layers = {name: module for name, module in tuned.named_modules() if isinstance(module, LoraLayer)}
    for name, layer in layers.items():
        tuned.set_submodule(name, layer.get_base_layer())
    try:
        yield
    finally:
        for name, layer in layers.items():
            tuned.set_submodule(name, layer)


def _first(bench: _Bench) -> None:
    """Rows of the first token at turns 2 and 20, going on from what was kept and computed anew."""
    for lanes in (ONE, FOUR):
        for kept in (True, False):
            chats = [_chat(bench, lanes, chat, kept=kept) for chat in range(2 if bench.options.quick else _CHATS + 1)]
            for turn in (2, TURNS):
                median = statistics.median(chat[turn - 1] for chat in chats[1:])
                name = f"first token at turn {turn}, {'kept' if kept else 'anew'}"
                bench.add(name, len(lanes), **{"first token (ms)": 1000 * median})


def _chat(bench: _Bench, lanes: list[Lane], chat: int, *, kept: bool) -> list[float]:
    engine = bench.engine
    engine.kept.forget()

    def prompts(turns: list[Turn]) -> list[list[int]]:
        if not kept:
            engine.kept.forget()
        synchronize(bench.options.device)
        return bench.prompts(lanes, turns)

    def answer(asked: list[list[int]]) -> str:
        if kept:  # what was said is computed while it is said
            seconds_of(engine, lanes, [[*prompt, *bench.renderer.answer_ids(_SAID)] for prompt in asked], 1)
        return _SAID

    return first_tokens(engine, lanes, prompts, lambda number: f"{chat}{number}，今天有点累。", answer)


def _compiled(bench: _Bench) -> None:
    """Rows of compiled steps beside the same lanes as they are, or why there are none."""
    device = bench.options.device
    for lanes in (ONE, FOUR):
        name = f"{'one lane' if len(lanes) == 1 else 'four lanes'}, compiled"
        if device != "cuda":
            bench.add(name, len(lanes), note="only a model on a GPU is compiled")
            continue
        try:
            bench.add(name, len(lanes), **_compiled_row(bench, lanes))
        except Exception as error:  # the rows of other shapes are worth more than the end of this one
            bench.add(name, len(lanes), note=one_line(f"{type(error).__name__}: {error}", 200))


def _compiled_row(bench: _Bench, lanes: list[Lane]) -> dict[str, float]:
    as_it_is = bench.engine
    prompts = bench.prompts(lanes, [Turn("user", "在吗？")])
    engine = Engine(as_it_is.base, as_it_is.tuned, [], compile=True)
    engine.end_ids = [_NEVER]
    began = time.perf_counter()
    _lanes(engine, lanes, prompts, _TOKENS)
    first = time.perf_counter() - began
    seconds = _in_turn(
        {
            "compiled": lambda tokens: _lanes(engine, lanes, prompts, tokens),
            "one": lambda tokens: _lanes(as_it_is, ONE, prompts[:1], tokens),
        },
        bench.options,
    )
    found = seconds["compiled"]
    ratio = {"against one lane": _ratio(found, seconds["one"])}
    return {**_rates(found, len(lanes)), "compiling (s)": first - statistics.median(found), **ratio}


def _rates(seconds: list[float], lanes: int) -> dict[str, float]:
    median = statistics.median(seconds)
    return {"64 tokens (s)": median, "tokens/s": lanes * _TOKENS / median}


def _ratio(seconds: list[float], one: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(seconds, one, strict=True))

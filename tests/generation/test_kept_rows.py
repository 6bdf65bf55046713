"""What was computed is kept between calls, and changes nothing but the time that they take."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from transformers import (
    DynamicCache,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from roleplay.generation.cache import KeptRows, Row
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import load_adapter
from tests.tiny import load_tiny_base, save_tiny_adapter

ALL = list(LANES.values())
PERSONA, BASE = LANES["persona+prefix"], LANES["base+prefix"]
NEVER = -1
"""No token has this id: every reply goes on to the limit."""
GREEDY = Sampling(temperature=0, max_new_tokens=6)
_ENDS = {"bos_token_id": None, "eos_token_id": 2, "pad_token_id": 0}
_SHAPE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
_SHAPE |= {"num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.4, **_ENDS}
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(vocab_size=340, **_SHAPE),
    "qwen2": Qwen2Config(vocab_size=340, **_SHAPE),
    "gpt2": GPT2Config(vocab_size=340, n_embd=32, n_layer=2, n_head=2, n_positions=256, initializer_range=0.4, **_ENDS),
    "sliding": MistralConfig(vocab_size=340, sliding_window=8, **_SHAPE),
}

Make = Callable[[str], Engine]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Make:
    """An engine over a base of a family, with an adapter; nothing kept yet."""
    engines: dict[str, Engine] = {}

    def made(family: str) -> Engine:
        if family not in engines:
            folder = tmp_path_factory.mktemp(family) / "base"
            with torch.random.fork_rng():
                torch.manual_seed(1)
                AutoModelForCausalLM.from_config(CONFIGS[family]).save_pretrained(folder)
            chatml_tokenizer.save_pretrained(folder)
            adapter = save_tiny_adapter(folder, folder.parent / "adapter")
            base = load_tiny_base(folder)
            engines[family] = Engine(base, load_adapter(base, adapter), [])
        old = engines[family]
        engine = Engine(old.base, old.tuned, [])
        engine.end_ids = [NEVER]
        return engine

    return made


@contextmanager
def watched(engine: Engine) -> Iterator[tuple[list[int], list[torch.Tensor]]]:
    """The columns that each forward is fed, and the logits after its last one, (B, V)."""
    columns: list[int] = []
    logits: list[torch.Tensor] = []

    def after(_module: object, _args: object, given: dict[str, torch.Tensor], out: object) -> None:
        columns.append(given["input_ids"].shape[1])
        logits.append(out.logits[:, -1])  # type: ignore[attr-defined]

    handle = engine.base.model.register_forward_hook(after, with_kwargs=True)
    yield columns, logits
    handle.remove()


def answer(engine: Engine, lanes: list[Lane], prompts: list[list[int]], **options: float) -> list[list[int]]:
    """Greedy replies as ids."""
    with watched(engine) as (_, logits):
        done = [e for e in engine.stream(lanes, prompts, GREEDY, **options) if isinstance(e, Finished)]
    assert {event.tokens for event in done} == {GREEDY.max_new_tokens}
    order = [lanes.index(event.lane) for event in done]  # all end with the last step, row by row
    rows = torch.stack([step.argmax(-1) for step in logits], dim=1).tolist()
    return [rows[order.index(lane)] for lane in range(len(lanes))]


def fed(engine: Engine, lanes: list[Lane], prompts: list[list[int]], **options: float) -> int:
    """Columns computed before the first token."""
    with watched(engine) as (columns, _):
        list(engine.stream(lanes, prompts, GREEDY, **options))
    return columns[0]


def _past(engine: Engine) -> DynamicCache:
    """Of two tokens."""
    with torch.inference_mode():
        past: DynamicCache = engine.base.model(torch.tensor([[5, 6]]), use_cache=True).past_key_values
    return past


def ids(draws: random.Random, length: int) -> list[int]:
    return [draws.randrange(5, 330) for _ in range(length)]


def changed(draws: random.Random, prompt: list[int], reply: list[int]) -> list[int]:
    """What the next request of a lane may look like."""
    whole = [*prompt, *reply]
    at = draws.randrange(1, len(whole))
    return draws.choice(
        [
            [*whole, *ids(draws, 7)],  # the next turn
            whole[:at],  # a turn taken back
            [*whole[:at], *ids(draws, 1), *whole[at + 1 :]],  # an edit
            [*ids(draws, 9), *whole[5:]],  # another prefix
            [*prompt],  # once more
            whole,  # a cut reply that goes on
        ]
    )[:100]


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("seed", range(2))
def test_a_warm_engine_says_what_a_cold_one_says_whatever_was_asked_before(seed: int, family: str, make: Make) -> None:
    draws, warm = random.Random(seed), make(family)
    prompts = {lane: ids(draws, draws.randrange(3, 40)) for lane in ALL}
    for _ in range(8):
        lanes = draws.sample(ALL, draws.randint(1, 4))
        asked = [prompts[lane] for lane in lanes]
        strength = draws.choice([1.0, 1.0, 1.0, 0.0, 0.5])
        with watched(warm) as (_, seen):
            said = answer(warm, lanes, asked, strength=strength)
        with watched(cold := make(family)) as (_, expected):
            assert answer(cold, lanes, asked, strength=strength) == said
        for one, other in zip(seen, expected, strict=True):
            assert (one - other).abs().max() <= 1e-5 * other.abs().max()
        for lane, reply in zip(lanes, said, strict=True):
            prompts[lane] = changed(draws, prompts[lane], reply)


@pytest.mark.parametrize("family", ["llama", "qwen2", "gpt2"])
def test_only_new_tokens_are_computed(family: str, make: Make) -> None:
    engine, draws = make(family), random.Random(0)
    prompt = ids(draws, 40)
    said = answer(engine, [PERSONA], [prompt])[0]

    assert fed(engine, [PERSONA], [prompt]) == 1, "the same again"
    assert fed(engine, [PERSONA], [[*prompt, *said, 7, 8, 9]]) == 4, "the last token said was not yet computed"
    assert fed(engine, [PERSONA], [[*prompt[:30], *ids(draws, 5)]]) == 5, "an edit keeps what stands before it"
    assert fed(engine, [PERSONA], [prompt[:12]]) == 1, "a turn taken back"
    assert fed(engine, [PERSONA], [ids(draws, 20)]) == 20, "another beginning"


def test_a_cache_that_cannot_be_cut_is_not_kept(make: Make) -> None:
    engine = make("sliding")

    assert not engine.kept.usable
    engine.kept.keep([Row("__base__", 0.0, (5, 6))], [0], _past(engine))
    assert engine.kept.nbytes == 0
    assert [fed(engine, [BASE], [[7] * 20]) for _ in range(2)] == [20, 20]


def test_rows_of_other_weights_share_nothing(make: Make) -> None:
    engine, prompt = make("llama"), list(range(10, 30))

    assert fed(engine, [PERSONA], [prompt]) == 20
    assert fed(engine, [BASE], [prompt]) == 20
    assert fed(engine, [PERSONA], [prompt], strength=0.5) == 20
    assert fed(engine, [PERSONA], [prompt], strength=0.0) == 1, "without strength it is the base"
    assert fed(engine, [LANES["persona"], LANES["base"]], [prompt, prompt]) == 1, "lanes with the same weights share"


def test_one_batch_computes_as_much_as_the_row_that_needs_most(make: Make) -> None:
    engine, draws = make("llama"), random.Random(0)
    long, short = ids(draws, 60), ids(draws, 8)
    answer(engine, [PERSONA, BASE], [long, short])

    assert fed(engine, [PERSONA, BASE], [[*long, 5], [*short, 6, 7, 8]]) == 3
    assert fed(engine, [PERSONA, BASE], [long, ids(draws, 9)]) == 9


def test_after_an_error_everything_is_computed_anew(make: Make) -> None:
    engine, prompt = make("llama"), list(range(10, 30))
    assert fed(engine, [BASE], [prompt]) == 20
    handle = engine.base.model.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(engine.stream([BASE], [prompt], GREEDY))
    handle.remove()

    assert fed(engine, [BASE], [prompt]) == 20


def test_without_memory_for_it_nothing_is_kept_and_the_reply_stands(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, prompt = make("llama"), list(range(10, 30))
    with monkeypatch.context() as patched:
        patched.setattr(torch.Tensor, "clone", lambda *_: torch.empty(1 << 60))
        engine.kept.keep([Row("__base__", 0.0, (5, 6))], [0], _past(engine))

    assert fed(engine, [BASE], [prompt]) == 20


def test_what_a_stream_computed_before_it_was_left_is_kept(make: Make) -> None:
    engine, prompt = make("llama"), list(range(10, 30))
    stream = engine.stream([BASE], [prompt], GREEDY)
    next(stream)
    stream.close()

    assert fed(engine, [BASE], [prompt]) == 1


@pytest.mark.parametrize(("rows", "computed"), [(2, [1, 1]), (1, [1, 10]), (0, [10, 10])])
def test_rows_that_take_more_memory_than_they_may_leave_the_oldest_first(
    rows: int, computed: list[int], make: Make
) -> None:
    engine = make("llama")
    first, second = [20] * 10, [30] * 10
    size = 2 * 2 * (10 + GREEDY.max_new_tokens - 1) * 16 * 4  # layers, keys and values, tokens, numbers, bytes
    engine.kept = KeptRows(engine.base.model, most_bytes=rows * size)
    for prompt in (first, second):
        fed(engine, [BASE], [prompt])

    assert [fed(engine, [BASE], [prompt]) for prompt in (second, first)] == computed


def test_the_rows_used_least_recently_leave(make: Make) -> None:
    engine = make("llama")
    engine.kept = KeptRows(engine.base.model, limit=2)
    first, second, third = ([start] * 10 for start in (20, 30, 40))

    assert [fed(engine, [BASE], [prompt]) for prompt in (first, second, first, third)] == [10, 10, 1, 10]
    assert fed(engine, [BASE], [first]) == 1
    assert fed(engine, [BASE], [second]) == 10

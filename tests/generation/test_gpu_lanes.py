"""Lanes on a device: replies, compiled steps and what is kept between them; a CPU compiles without its own code."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from functorch.compile import make_boxed_func
from torch import _dynamo
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.utils import counters
from transformers import CompileConfig, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from roleplay.errors import BaseModelError
from roleplay.generation.compiled import Compiled
from roleplay.generation.engine import Engine
from roleplay.generation.events import Cancel, Event, Finished, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import load_adapter
from roleplay.models.base import load_base
from roleplay.models.spec import parse_spec
from tests.tiny import save_tiny_adapter

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
ALL = list(LANES.values())
PERSONA, BASE = LANES["persona+prefix"], LANES["base+prefix"]
NEVER = -1
"""No token has this id: every reply goes on to the limit."""
DRAWN = Sampling(temperature=0.8, top_p=0.9, repetition_penalty=1.1, max_new_tokens=10, seed=3)
PROMPTS = [[5 + (7 * row + 3 * column) % 330 for column in range(length)] for row, length in enumerate((40, 9, 23, 64))]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base of one layer in the architecture of `pocket`, an adapter beside it."""
    folder = tmp_path_factory.mktemp("compiled") / "base"
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2}
    ends = {"bos_token_id": None, "eos_token_id": 2, "pad_token_id": 0}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        Qwen2ForCausalLM(
            Qwen2Config(
                vocab_size=340,
                num_hidden_layers=1,
                max_position_embeddings=4096,
                initializer_range=0.4,
                **shape,
                **ends,
            )
        ).save_pretrained(folder)
    chatml_tokenizer.save_pretrained(folder)
    save_tiny_adapter(folder, folder.parent / "adapter")
    return folder


@pytest.fixture(params=DEVICES)
def plain(saved: Path, request: pytest.FixtureRequest) -> Engine:
    """All four lanes on a device, in float32, nothing compiled."""
    base = load_base(parse_spec(str(saved)), dtype=torch.float32, device=request.param)
    engine = Engine(base, load_adapter(base, saved.parent / "adapter"), [])
    engine.end_ids = [NEVER]
    return engine


@pytest.fixture
def compiled(plain: Engine) -> Iterator[Engine]:
    """Another engine on the same weights, whose steps are compiled; nothing is compiled yet."""
    _dynamo.reset()
    engine = Engine(plain.base, plain.tuned, [])
    engine.end_ids = [NEVER]
    engine.compiled = Compiled(plain.base.model, plain.base.context, _config(plain))
    yield engine
    _dynamo.reset()


def _config(engine: Engine) -> CompileConfig | None:
    """On a CPU the graphs that torch finds are run as they are: what is compiled of them takes ten seconds each."""
    if engine.base.model.device.type == "cuda":
        return None
    config = CompileConfig(dynamic=False, backend="eager", mode=None)
    config._compile_all_devices = True
    return config


def ask(engine: Engine, lanes: list[Lane], prompts: list[list[int]], **options: object) -> list[Event]:
    return list(engine.stream(lanes, prompts, DRAWN, **options))


def texts(engine: Engine, lanes: list[Lane], prompts: list[list[int]], **options: object) -> list[tuple[str, int]]:
    done = {event.lane: event for event in ask(engine, lanes, prompts, **options) if isinstance(event, Finished)}
    return [(done[lane].text, done[lane].tokens) for lane in lanes]


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


def test_compiled_lanes_say_what_they_say_otherwise_in_one_whole_graph(plain: Engine, compiled: Engine) -> None:
    counters.clear()
    for lanes in (ALL, [PERSONA]):
        prompts = PROMPTS[: len(lanes)]
        assert texts(compiled, lanes, prompts) == texts(plain, lanes, prompts)
    assert graphs() == 2, "one for four lanes, one for a lane alone"
    assert not counters["graph_break"]


@pytest.mark.soak
def test_the_code_that_is_made_for_a_cpu_says_the_same(saved: Path) -> None:
    base = load_base(parse_spec(str(saved)), dtype=torch.float32, device="cpu")
    tuned = load_adapter(base, saved.parent / "adapter")
    plain, made = Engine(base, tuned, []), Engine(base, tuned, [])
    config = CompileConfig(dynamic=False, mode="default")
    config._compile_all_devices = True
    made.compiled = Compiled(base.model, base.context, config)
    plain.end_ids = made.end_ids = [NEVER]
    _dynamo.reset()
    for lanes in (ALL, [PERSONA]):
        assert texts(made, lanes, PROMPTS[: len(lanes)]) == texts(plain, lanes, PROMPTS[: len(lanes)])
    _dynamo.reset()


def test_all_that_a_graph_writes_to_and_all_weights_stay_where_they_are(plain: Engine, compiled: Engine) -> None:
    """Torch records no CUDA graph of a step that writes to inputs whose addresses may change, and copies the others."""
    moving: list[list[tuple[int, ...]]] = []

    def look(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        known = torch._guards.TracingContext.get().fw_metadata
        assert known is not None
        shapes = [tuple(node.meta["val"].shape) for node in graph.graph.nodes if node.op == "placeholder"]
        still = set(known.static_input_indices)
        moving.append([shape for at, shape in enumerate(shapes) if at not in still])
        assert set(known.mutated_inp_runtime_indices) <= still
        assert known.mutated_inp_runtime_indices
        return make_boxed_func(graph.forward)

    made = aot_autograd(fw_compiler=look, inference_compiler=look)
    config = CompileConfig(dynamic=False, backend=lambda *args: made(*args), mode=None)
    config._compile_all_devices = True
    compiled.compiled = Compiled(plain.base.model, plain.base.context, config)
    assert texts(compiled, ALL, PROMPTS) == texts(plain, ALL, PROMPTS)
    [shapes] = moving
    assert sorted(shapes) == [(4, 1), (4, 1), (4, 1, 1, 1024)], "ids, positions and mask"


def test_longer_prompts_and_the_same_lanes_again_compile_nothing(plain: Engine, compiled: Engine) -> None:
    texts(compiled, [PERSONA, BASE], PROMPTS[:2])
    counters.clear()
    for prompts in (PROMPTS[:2], PROMPTS[2:], [PROMPTS[3] * 5, PROMPTS[0]]):
        assert texts(compiled, [PERSONA, BASE], prompts) == texts(plain, [PERSONA, BASE], prompts)
    assert graphs() == 0


def test_room_is_doubled_when_it_runs_out_and_never_beyond_the_context(plain: Engine, compiled: Engine) -> None:
    assert compiled.compiled is not None
    past, sizes = None, []
    with torch.inference_mode():
        for columns in (10, 1024, 1025, 600, 4096):
            past = compiled.compiled.begin(None, 1, columns)
            sizes.append(past.get_max_length())
    assert sizes == [1024, 1024, 2048, 2048, 4096]
    small = Compiled(plain.base.model, 1500, compiled.compiled.config)
    with torch.inference_mode():
        assert small.begin(None, 1, 1025).get_max_length() == 1500
    long = [PROMPTS[3] * 17]  # 1,088 tokens
    assert texts(compiled, [PERSONA], long) == texts(plain, [PERSONA], long)


def test_a_compiled_chat_goes_on_from_what_was_computed(
    plain: Engine, compiled: Engine, columns: Callable[[Engine], list[int]]
) -> None:
    prompts = PROMPTS[:2]
    texts(compiled, [PERSONA, BASE], prompts)
    longer = [[*prompt, 7, 8, 9] for prompt in prompts]
    fed = columns(compiled)
    assert texts(compiled, [PERSONA, BASE], longer) == texts(plain, [PERSONA, BASE], longer)
    assert fed[0] == 3, "the turn alone"


def test_what_is_kept_leaves_room_on_a_gpu(plain: Engine) -> None:
    most = plain.kept.most_bytes
    if plain.base.model.device.type == "cpu":
        assert most is None
    else:
        assert most is not None
        assert 0 < most <= torch.cuda.mem_get_info()[1] // 4


@pytest.fixture
def columns() -> Iterator[Callable[[Engine], list[int]]]:
    """The columns that each forward outside of compiled steps is fed from now on."""
    handles = []

    def watch(engine: Engine) -> list[int]:
        fed: list[int] = []
        embedding = engine.base.model.get_input_embeddings()
        handles.append(embedding.register_forward_pre_hook(lambda _, args: fed.append(args[0].shape[1])))
        return fed

    yield watch
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("kind", ["plain", "compiled"])
def test_a_lane_is_cancelled_and_the_other_goes_on(kind: str, plain: Engine, compiled: Engine) -> None:
    engine, cancel = {"plain": plain, "compiled": compiled}[kind], Cancel()
    done: dict[Lane, Finished] = {}
    for event in engine.stream([PERSONA, BASE], PROMPTS[:2], DRAWN, cancel):
        if isinstance(event, Piece):
            cancel.stop(PERSONA)
        else:
            done[event.lane] = event
    assert (done[PERSONA].stopped, done[BASE].stopped) == ("cancelled", "length")
    assert done[PERSONA].tokens < done[BASE].tokens == DRAWN.max_new_tokens
    [again, _] = texts(engine, [PERSONA, BASE], PROMPTS[:2])
    assert again == texts(plain, [PERSONA], PROMPTS[:1])[0]


def test_every_compiled_reply_is_computed_in_the_same_thread(compiled: Engine) -> None:
    seen: list[threading.Thread] = []
    embedding = compiled.base.model.get_input_embeddings()
    handle = embedding.register_forward_pre_hook(lambda *_: _note(seen))
    for _ in range(2):
        next(compiled.stream([BASE], PROMPTS[:1], DRAWN)).lane  # noqa: B018
    handle.remove()
    assert compiled.compiled is not None
    assert compiled.compiled.recorded == (compiled.base.model.device.type == "cuda")
    assert len(set(seen)) == 1
    assert seen[0] is not threading.current_thread()


@_dynamo.disable  # type: ignore[untyped-decorator]
def _note(seen: list[threading.Thread]) -> None:
    seen.append(threading.current_thread())


def test_an_error_in_a_compiled_reply_reaches_the_reader_and_the_next_is_answered(
    plain: Engine, compiled: Engine
) -> None:
    handle = compiled.base.model.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(compiled, [BASE], PROMPTS[:1])
    handle.remove()
    assert texts(compiled, [BASE], PROMPTS[:1]) == texts(plain, [BASE], PROMPTS[:1])


def test_what_cannot_be_compiled_is_refused(plain: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    model, config = plain.base.model, CompileConfig()
    with monkeypatch.context() as patched:
        patched.setattr(type(model), "_can_compile_fullgraph", False)
        with pytest.raises(BaseModelError, match="a base of the kind qwen2 cannot be compiled"):
            Compiled(model, 64, config)
    monkeypatch.setattr(model, "hf_quantizer", type("Bits", (), {"is_compileable": False}), raising=False)
    with pytest.raises(BaseModelError, match="kept in so few bits"):
        Compiled(model, 64, config)

"""What the machine can do decides how a run computes; a resumed run computes as it began."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from roleplay.cards.load import load_card
from roleplay.errors import BaseModelError, RunError, UsageError
from roleplay.paths import Home
from roleplay.training import decide as deciding
from roleplay.training.decide import decide
from roleplay.training.settings import Settings
from roleplay.training.start import Start, load, plan_new, plan_resume
from tests.training.pell import SETTINGS, interrupt_at, resume_pell, run_pell

PLAIN: dict[str, Any] = {"epochs": 1, "scheduler": "cosine", "weight_decay": 0.0, "dropout": 0.0}
EXACT: dict[str, Any] = {"dropout": 0.0, "max_steps": 2}


def settings(**changes: Any) -> Settings:
    return Settings(**SETTINGS | PLAIN | {"dtype": "auto"} | changes)


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine without a GPU whose CPU has what is named."""

    def have(*names: str) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        monkeypatch.setattr("torch.cpu.get_capabilities", lambda: dict.fromkeys(names, True), raising=False)

    return have


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """A machine with a GPU of that compute capability."""

    def have(major: int, minor: int) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (major, minor))

    return have


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        ((), "float32"),
        (("avx2", "avx512"), "float32"),
        (("avx512", "avx512_bf16"), "bfloat16"),
        (("amx_bf16",), "bfloat16"),
    ],
)
def test_a_cpu_computes_in_bfloat16_where_its_products_run_in_hardware(
    cpu: Callable[..., None], names: tuple[str, ...], dtype: str
) -> None:
    cpu(*names)
    made = decide(settings(), 100)
    assert (made.device, made.dtype) == ("cpu", dtype)


def test_a_torch_that_tells_nothing_of_its_cpu_computes_in_float32(
    cpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu()
    monkeypatch.delattr("torch.cpu.get_capabilities")
    assert decide(settings(), 100).dtype == "float32"


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 0), "float16"), ((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")]
)
def test_a_gpu_computes_in_bfloat16_from_ampere_on(
    gpu: Callable[[int, int], None], capability: tuple[int, int], dtype: str
) -> None:
    gpu(*capability)
    made = decide(settings(), 100)
    assert (made.device, made.dtype, made.attention) == ("cuda", dtype, "sdpa")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_typed_format_is_taken_as_it_is(gpu: Callable[[int, int], None], dtype: str) -> None:
    gpu(7, 5)
    assert decide(settings(dtype=dtype), 100).dtype == dtype


@pytest.mark.parametrize(("longest", "attention"), [(16, "eager"), (512, "eager"), (513, "sdpa")])
def test_on_a_cpu_short_sequences_keep_their_scores(cpu: Callable[..., None], longest: int, attention: str) -> None:
    cpu()
    assert decide(settings(), longest).attention == attention


def test_float16_on_a_cpu_is_refused_with_what_to_choose(cpu: Callable[..., None]) -> None:
    cpu()
    with pytest.raises(RunError, match="float16 is trained with on GPUs alone; choose --dtype bfloat16 or float32"):
        decide(settings(dtype="float16"), 100)


def test_a_paged_optimizer_on_a_cpu_is_refused_with_what_to_choose(cpu: Callable[..., None]) -> None:
    cpu()
    with pytest.raises(RunError, match="paged_adamw_8bit needs a GPU and this run is on a CPU; choose adamw"):
        decide(settings(optimizer="paged_adamw_8bit"), 100)


def test_on_a_gpu_both_are_taken(gpu: Callable[[int, int], None]) -> None:
    gpu(8, 0)
    assert decide(settings(dtype="float16", optimizer="paged_adamw_8bit"), 100).dtype == "float16"


def test_a_gpu_that_is_not_there_is_named(cpu: Callable[..., None]) -> None:
    cpu()
    with pytest.raises(BaseModelError, match=r"a GPU was asked for and torch sees none .*; leave --device out or"):
        decide(settings(device="cuda"), 100)


def test_a_cpu_is_taken_where_it_was_asked_for(gpu: Callable[[int, int], None]) -> None:
    gpu(9, 0)
    assert decide(settings(device="cpu", dtype="float32"), 100).device == "cpu"


@pytest.mark.parametrize("typed", [{"dtype": "float16"}, {"optimizer": "paged_adamw_8bit"}])
def test_what_a_typed_cpu_cannot_do_is_wrong_usage(tmp_path: Path, card: Path, typed: dict[str, str]) -> None:
    start = Start(load_card(card), None, None, SETTINGS | {"device": "cpu"} | typed, None)
    with pytest.raises(UsageError, match=r"these settings cannot hold together: --.* needs a GPU"):
        plan_new(Home(tmp_path / "home"), start)


# From here on, on a CPU that has bfloat16 and was not told which format to use.


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, cpu: Callable[..., None]) -> Callable[[float, float], list[str]]:
    """Decides how long a gradient takes in bfloat16 and in float32; the list fills with what was measured."""

    def tick(halved: float, whole: float) -> list[str]:
        measured: list[str] = []

        def seconds(tuned: Any, loss: Any) -> float:
            half = torch.is_autocast_enabled("cpu")
            measured.append("bfloat16" if half else "float32")
            return halved if half else whole

        monkeypatch.setattr(deciding, "_seconds", seconds)
        cpu("avx512_bf16")
        return measured

    return tick


@pytest.mark.parametrize("batching", ["tree", "padded"])
@pytest.mark.parametrize(("halved", "whole", "dtype"), [(1.0, 2.0, "bfloat16"), (2.0, 1.0, "float32")])
def test_the_faster_format_is_kept(
    tmp_path: Path,
    card: Path,
    clock: Callable[[float, float], list[str]],
    batching: str,
    halved: float,
    whole: float,
    dtype: str,
) -> None:
    measured = clock(halved, whole)
    start = Start(load_card(card), None, None, SETTINGS | EXACT | {"dtype": "auto", "batching": batching}, "one")
    job = load(plan_new(Home(tmp_path / "home"), start), start)
    assert measured == ["bfloat16", "float32"]
    assert job.config.decisions.dtype == dtype
    assert job.base.model.dtype == getattr(torch, dtype)
    assert job.base.model.config._attn_implementation == "eager"


def test_a_typed_format_is_not_measured_against_another(
    tmp_path: Path, card: Path, clock: Callable[[float, float], list[str]]
) -> None:
    measured = clock(2.0, 1.0)
    run = run_pell(Home(tmp_path / "home"), card, "one", **EXACT | {"dtype": "bfloat16", "max_steps": 1})
    assert measured == []
    assert run.read_config().decisions.dtype == "bfloat16"


def test_a_resumed_run_computes_as_it_began_without_measuring_again(
    tmp_path: Path, card: Path, clock: Callable[[float, float], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    clock(1.0, 2.0)
    run = run_pell(home, card, "halves", interrupt_at(1), **EXACT | {"dtype": "auto"})
    began = run.read_config().decisions
    assert began.dtype == "bfloat16"
    measured = clock(2.0, 1.0)
    monkeypatch.setattr(deciding, "tokens_that_fit", lambda *_, **__: pytest.fail("memory was measured again"))
    resume_pell(home, card)
    assert run.finished
    assert measured == []
    assert run.read_config().decisions == began


def test_a_run_begun_on_a_gpu_does_not_go_on_on_a_cpu(tmp_path: Path, card: Path, cpu: Callable[..., None]) -> None:
    home = Home(tmp_path / "home")
    cpu()
    run = run_pell(home, card, "far", interrupt_at(1), **EXACT)
    path = run.folder / "run.json"
    path.write_text(path.read_text().replace('"device": "cpu"', '"device": "cuda"'))
    start = Start(load_card(card), None, None, {}, None)
    with pytest.raises(RunError, match="far was begun on a GPU and there is none here; resume it there, or"):
        load(plan_resume(home, start), start)

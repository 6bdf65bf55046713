"""Each setting of a run once on a GPU; the same bodies run on a CPU, where what it lacks is stood in for."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from roleplay.models.tree_plan import FLEX, GROUPED
from roleplay.paths import Home
from roleplay.training import prepare
from roleplay.training.kept_trainer import KeptTrainer
from roleplay.training.run import Decisions, Run
from roleplay.training.settings import Settings
from tests.tiny import tiny_llama
from tests.training.pell import Crash, crash_at, metrics, outcome, resume_pell, run_pell, write_pell

ON_A_GPU = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]  # compilers have a lot to say
BRIEF: dict[str, Any] = {
    "dropout": 0.0,
    "max_steps": 6,
    "logging_steps": 1,
    "eval_steps": 3,
    "save_steps": 3,
    "samples": 1,
}
EACH: dict[str, dict[str, Any]] = {
    "float32": {"dtype": "float32"},
    "bfloat16": {"dtype": "bfloat16"},
    "float16": {"dtype": "float16"},
    "moments in 8 bits": {"optimizer": "paged_adamw_8bit"},
    "checkpointing": {"gradient_checkpointing": True, "dtype": "bfloat16"},
    "int8": {"quant": "int8", "dtype": "bfloat16"},
    "nf4": {"quant": "nf4", "dtype": "bfloat16"},
    "nf4, checkpointing, moments in 8 bits": {
        "quant": "nf4",
        "dtype": "bfloat16",
        "gradient_checkpointing": True,
        "optimizer": "paged_adamw_8bit",
    },
    "whole": {"tuning": "full", "dtype": "bfloat16", "learning_rate": 1e-3},
}
"""What is typed beside `BRIEF`."""
SLOW: dict[str, dict[str, Any]] = {
    "compiled": {"compile": True, "max_steps": 2},
    "compiled, checkpointing": {"compile": True, "gradient_checkpointing": True, "max_steps": 2},
}
"""The same, which take many seconds on a CPU."""

pytestmark = [
    pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),  # compiling
]


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=ON_A_GPU)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A GPU, or a CPU that takes the ways of one."""
    if request.param == "cpu":
        monkeypatch.setattr(prepare, "decide", _decided)
        monkeypatch.setattr(KeptTrainer, "__init__", _with_scaler)
    return str(request.param)


_decide, _begin = prepare.decide, KeptTrainer.__init__


def _decided(settings: Settings, longest: int) -> Decisions:
    """A CPU, and what is otherwise refused there."""
    allowed = settings.model_copy(update={"device": "cpu", "optimizer": "adamw", "dtype": "float32"})
    return replace(_decide(allowed, longest), dtype=settings.dtype)


def _with_scaler(trainer: KeptTrainer, *, decisions: Decisions, **options: Any) -> None:
    """As accelerate does it for float16 on a GPU; the first scale is too high, so that steps are passed over."""
    _begin(trainer, decisions=decisions, **options)
    if decisions.dtype == "float16":
        trainer.accelerator.native_amp = True
        trainer.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**22, growth_interval=3)
        trainer.decisions = replace(decisions, device="cuda")  # where nobody waits for each norm


@pytest.fixture(scope="session")
def wide_base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A random llama whose adapter has matrices large enough for moments in 8 bits."""
    folder = tmp_path_factory.mktemp("bases") / "wide"
    config = tiny_llama(chatml_tokenizer).config
    config.update({"hidden_size": 256, "intermediate_size": 256, "num_attention_heads": 4, "num_key_value_heads": 4})
    config.update({"head_dim": 64, "initializer_range": 0.1})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    chatml_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wide_base: Path) -> Path:
    """Pell's card on that base."""
    monkeypatch.chdir(tmp_path)
    return write_pell(tmp_path / "characters", wide_base)


def on(device: str) -> dict[str, str]:
    """What is typed; what a CPU stands in for would be refused by its name."""
    return {"device": "auto" if device == "cpu" else device, "dtype": "float32"}


def losses(run: Run, name: str = "loss") -> list[float]:
    return [entry[name] for entry in metrics(run) if name in entry]


def learned(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.adapter("last") / "adapter_model.safetensors")


@pytest.mark.parametrize("typed", EACH.values(), ids=EACH)
def test_each_setting_learns(tmp_path: Path, wide: Path, device: str, typed: dict[str, Any]) -> None:
    run = run_pell(Home(tmp_path / "home"), wide, "run", **BRIEF | on(device) | typed)
    learns(run, device)


@pytest.mark.parametrize("device", [pytest.param("cpu", marks=pytest.mark.soak), pytest.param("cuda", marks=ON_A_GPU)])
@pytest.mark.parametrize("typed", SLOW.values(), ids=SLOW)
def test_a_compiled_model_learns_the_same(
    tmp_path: Path, wide: Path, device: str, typed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = torch.compile
    if device == "cpu":  # its kernels take a minute to make
        monkeypatch.setattr(torch, "compile", lambda model, **options: make(model, **options | {"backend": "eager"}))
    home, typed = Home(tmp_path / "home"), BRIEF | on(device) | typed
    compiled, plain = (run_pell(home, wide, str(how), **typed | {"compile": how}) for how in (True, False))
    learns(compiled, device)
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-4)


def learns(run: Run, device: str) -> None:
    """Over trees, by FlexAttention on a GPU, with a held-out loss that falls, and a reply on the way."""
    decisions = run.read_config().decisions
    assert (decisions.device, decisions.batching_because) == (device, "")
    assert (decisions.batching, decisions.tree_attention) == ("tree", FLEX if device == "cuda" else GROUPED)
    heldout = losses(run, "eval_loss")
    assert run.finished
    assert heldout[-1] < heldout[0]
    assert run.samples.read_text(encoding="utf-8").count("\n") >= 1


RESUMED = {name: {"dropout": 0.2, "dtype": "float32"} | EACH[name] for name in ("float32", "moments in 8 bits")}
RESUMED["float16"] = EACH["float16"]


@pytest.mark.parametrize("typed", RESUMED.values(), ids=RESUMED)
def test_a_run_goes_on_with_the_scale_the_moments_and_the_dropout_that_it_had(
    tmp_path: Path,
    wide: Path,
    tiny_base: Path,
    device: str,
    typed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("roleplay.training.finish._leave_canaries", lambda *_: None)
    if typed["dtype"] == "float16":  # in which a CPU computes slowly
        write_pell(wide.parent, tiny_base)
    typed = BRIEF | on(device) | {"samples": 0, "learning_rate": 1e-3} | typed
    whole = run_pell(Home(tmp_path / "one"), wide, "whole", **typed)
    home = Home(tmp_path / "other")
    with pytest.raises(Crash):
        run_pell(home, wide, "halves", crash_at(5), **typed)
    checkpoint = Run(home.runs / "pell" / "halves").checkpoints / "checkpoint-3"
    if typed.get("optimizer") == "paged_adamw_8bit":
        states = torch.load(checkpoint / "optimizer.pt", weights_only=True)["state"].values()
        packed = [state.get("__bnb_optimizer_quant_state__", state) for state in states]
        assert {state["state1"].dtype for state in packed} == {torch.uint8}
    assert (checkpoint / "scaler.pt").is_file() is (typed["dtype"] == "float16")
    same(whole, resume_pell(home, wide), device)


def same(one: Run, other: Run, device: str) -> None:
    """Bit for bit on a CPU; a GPU adds up in an order of its own."""
    if device == "cpu":
        assert outcome(one) == outcome(other)
        return
    assert losses(one) == pytest.approx(losses(other), rel=1e-4)
    for name, part in learned(one).items():
        torch.testing.assert_close(part, learned(other)[name], rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("device", [pytest.param("cpu", marks=pytest.mark.soak), pytest.param("cuda", marks=ON_A_GPU)])
def test_a_process_that_is_killed_goes_on_to_the_run_that_never_was(tmp_path: Path, card: Path, device: str) -> None:
    typed = ["--max-steps", "60", "--batch-size", "2", "--grad-accum", "2", "--rank", "16", "--dropout", "0.1"]
    typed += ["--learning-rate", "1e-3", "--logging-steps", "5", "--save-steps", "5", "--eval-steps", "20"]
    typed += ["--device", device, *(["--dtype", "float16"] if device == "cuda" else ["--dtype", "float32"])]
    homes = [Home(tmp_path / name) for name in ("one", "other")]
    runs = [Run(home.runs / "pell" / "run") for home in homes]
    assert start(homes[0], "train", "pell", *typed, "--run", "run").wait() == 0
    process = start(homes[1], "train", "pell", *typed, "--run", "run")
    while not (runs[1].checkpoints / "checkpoint-10" / "trainer_state.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not runs[1].finished
    assert start(homes[1], "train", "pell", "--resume", "--run", "run").wait() == 0
    same(*runs, device)


def start(home: Home, *arguments: str) -> subprocess.Popen[bytes]:
    """The console command in a process of its own."""
    env = os.environ | {
        "ROLEPLAY_HOME": str(home.root),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.Popen([sys.executable, "-m", "roleplay", *arguments], env=env, stdin=subprocess.DEVNULL)

"""Whatever is wrong with what `roleplay train` is given, it says so once and leaves nothing half-made."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import LlamaConfig, MambaConfig, MambaForCausalLM, PreTrainedTokenizerFast

from roleplay.paths import Home
from roleplay.training import memory
from roleplay.training.checkpoints import newest_step
from roleplay.training.run import Run
from tests.cli.conftest import SHORT, refused, roleplay
from tests.tiny import tiny_llama
from tests.training.pell import write_pell


def told_by(*flags: object, status: int = 1) -> str:
    """The error of a training that cannot be."""
    return refused(roleplay("train", "pell", *SHORT, "--run", "bad", *flags), status)


def made(home: Home) -> set[str]:
    """Names of the files in the home, without rendered samples and the lock, which are nobody's work."""
    files = {path for path in home.root.rglob("*") if path.is_file()}
    return {path.name for path in files if not path.is_relative_to(home.token_cache)} - {".lock"}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--anyway"], "--anyway goes with --resume"),
        (["--plan", "--resume"], "--plan is about a new run; leave --resume out"),
        (["--replay", 0.5], "--replay repeats the run of --from-adapter; name one"),
        (["--tuning", "full", "--quant", "nf4"], "--tuning full cannot train a base kept in nf4"),
        (["--tuning", "freeze", "--from-adapter", "latest"], "--tuning freeze has no adapter to begin with"),
        (["--tuning", "full", "--loraplus-lr-ratio", 4], "--tuning full has no LoRA for --loraplus-lr-ratio"),
        (["--dtype", "float16", "--device", "cpu"], "--dtype float16 needs a GPU"),
        (["--quant", "nf3"], "--quant: input should be 'none', 'int8' or 'nf4' (seen: 'nf3')"),
        (["--max-tokens-per-pass", 3], "--max-tokens-per-pass: input should be greater than or equal to 16 (seen: 3)"),
        (["--keep-epochs", "-1"], "--keep-epochs: input should be greater than 0"),
        (["--lr", "nan"], "--learning-rate: input should be "),
    ],
)
def test_options_that_cannot_be_are_wrong_usage(pell: Path, home: Home, flags: list[object], told: str) -> None:
    said = told_by(*flags, status=2)
    assert told in said
    assert said.count("\n") == 1
    assert not home.root.exists()


def test_contradictions_are_told_all_at_once(pell: Path) -> None:
    said = told_by("--tuning", "full", "--quant", "nf4", "--loraplus-lr-ratio", 2, "--replay", 1, status=2)
    assert said.startswith("error: these settings cannot hold together: --replay repeats")
    assert said.count(";") == 3


@pytest.mark.parametrize("text", ["{min_lr: 1}", "[1, 2]", "3", '{"min_lr": 1e-5'])
def test_scheduler_options_that_are_no_json_object_are_wrong_usage(pell: Path, home: Home, text: str) -> None:
    told = roleplay("train", "pell", *SHORT, "--scheduler-options", text)
    assert (told.status, told.out) == (2, "")
    assert f"'{text}' is no JSON object; write one such as {{\"min_lr\": 1e-5}}" in " ".join(told.err.split())
    assert "Traceback" not in told.err
    assert not home.root.exists()


def test_a_gpu_that_is_not_there_is_named(pell: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "a GPU was asked for and torch sees none" in told_by("--device", "cuda")
    assert not made(home)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("latest", "pell has no adapter to go on from; 'roleplay train pell' alone begins one"),
        ("whole", "there is no adapter in whole, and pell has no run of that name"),
        ("./adapters/old", "there is no adapter in adapters/old, and pell has no run of that name"),
    ],
)
def test_an_adapter_to_go_on_from_that_is_not_there_is_named(pell: Path, home: Home, name: str, told: str) -> None:
    assert told in told_by("--from-adapter", name)
    assert not made(home)


def test_an_adapter_that_is_none_is_refused_with_the_nearest_run(tuned_pell: Path, home: Home) -> None:
    assert "there is no run 'whol' of pell; did you mean 'whole'?" in told_by("--from-adapter", "whol")
    assert not (home.runs / "pell" / "bad").exists()


# From here on, corpora.


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "[]\n"])
def test_an_empty_corpus_is_named(pell: Path, home: Home, tiny_base: Path, text: str) -> None:
    write_pell(pell.parent, tiny_base, talk=text)
    said = told_by()
    assert "characters/pell/talk.yaml" in said
    assert not made(home)


def test_a_corpus_of_which_nothing_is_left_within_the_limit_is_an_error(pell: Path, home: Home) -> None:
    said = told_by("--max-length", 16)
    assert "--max-length" in said or "max_length" in said
    assert "16" in said
    assert not made(home)


# From here on, bases.


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    """A base that the test may spoil."""
    return shutil.copytree(tiny_base, tmp_path / "copy")


@pytest.fixture
def shards(copy: Path, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base of three files of weights."""
    (copy / "model.safetensors").unlink()
    tiny_llama(chatml_tokenizer).save_pretrained(copy, max_shard_size="60KB")
    return copy


SECOND, INDEX = "model-00002-of-00003.safetensors", "model.safetensors.index.json"


def cut(name: str, size: int) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / SECOND).unlink(), f"{SECOND} is missing"),
        (cut(SECOND, 9000), f"{SECOND} is damaged or cut off at 9,000 bytes"),
        (cut(INDEX, 100), f"{INDEX} is damaged"),
    ],
    ids=["shard missing", "shard cut", "index cut"],
)
def test_a_base_with_a_damaged_file_of_weights_is_named(
    pell: Path, home: Home, shards: Path, spoil: Callable[[Path], Any], told: str
) -> None:
    spoil(shards)
    said = told_by("--base", shards)
    assert f"the base '{shards}' cannot be loaded: {told}" in said
    assert said.count("\n") == 1
    assert not made(home)


def test_a_base_without_q_k_and_v_is_refused(
    pell: Path, home: Home, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    config = MambaConfig(
        vocab_size=len(chatml_tokenizer), hidden_size=16, state_size=4, num_hidden_layers=2, intermediate_size=32
    )
    MambaForCausalLM(config).save_pretrained(tmp_path / "mamba")
    chatml_tokenizer.save_pretrained(tmp_path / "mamba")
    said = told_by("--base", tmp_path / "mamba")
    assert "q, k and v" in said
    assert said.count("\n") == 1
    assert not made(home)


def test_a_base_of_an_architecture_that_nobody_knows_is_refused(pell: Path, home: Home, copy: Path) -> None:
    path = copy / "config.json"
    path.write_text(json.dumps(LlamaConfig().to_dict() | {"model_type": "no-such-thing", "architectures": ["None"]}))
    assert f"the base in '{copy}' cannot be loaded: " in told_by("--base", copy)
    assert not made(home)


# From here on, machines.


def test_a_base_larger_than_memory_is_refused_before_it_is_loaded(
    pell: Path, home: Home, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    monkeypatch.setattr("roleplay.training.prepare.load_base", lambda *_, **__: pytest.fail("the base was loaded"))
    said = told_by()
    assert f"the base '{tiny_base}' needs " in said
    assert "--quant nf4" in said
    assert not made(home)


def test_samples_larger_than_memory_are_refused_before_a_step(
    pell: Path, home: Home, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = (tiny_base / "model.safetensors").stat().st_size
    monkeypatch.setattr(memory, "free_bytes", lambda device: weights)
    said = told_by()
    assert "add --gradient-checkpointing, or keep the base smaller with --quant nf4" in said
    assert not made(home)


def test_a_rate_that_diverges_ends_with_the_step_and_keeps_the_last_good_checkpoint(pell: Path, home: Home) -> None:
    # With a warm-up of two steps the first changes nothing and the second too much; the third is before a checkpoint.
    said = told_by("--lr", "1e30", "--warmup-steps", 2, "--save-steps", 2)
    assert "training has diverged: the gradient at step 3 is nan; the checkpoint of step 2 is kept" in said
    assert "start a new run with a lower --learning-rate" in said
    run = Run(home.runs / "pell" / "bad")
    assert not run.finished
    assert newest_step(run.checkpoints) == 2
    for path in run.checkpoints.glob("*/adapter_model.safetensors"):
        assert all(weight.isfinite().all() for weight in load_file(path).values())

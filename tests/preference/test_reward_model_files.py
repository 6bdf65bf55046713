"""A reward model's folder: one that peft alone can load, whole, and refused when it is not what it should be."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

from roleplay.errors import AdapterError, RunError
from roleplay.models.adapter import attach_new, load_adapter
from roleplay.models.base import Base
from roleplay.models.passport import Passport
from roleplay.preference.reward_model.attach import attach_reward
from roleplay.preference.reward_model.files import load_reward, save_reward
from roleplay.preference.reward_model.scale import Scale, measure_scale, read_scale, save_scale
from tests.preference.test_reward_model import PAD, ROWS, draw_lora, padded
from tests.preference.test_reward_model import rewards as logits_of
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base

HEAD = "base_model.model.score.weight"
UP = "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A tiny llama; read only."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture(scope="module")
def saved(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model on `folder`; read only."""
    target = tmp_path_factory.mktemp("rewards") / "best"
    base = load_tiny_base(folder)
    save_tiny_reward(base, target)
    return target


@pytest.fixture
def base(folder: Path) -> Base:
    return load_tiny_base(folder)


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A reward model that the test may spoil."""
    return shutil.copytree(saved, tmp_path / "copy")


def save_tiny_reward(base: Base, target: Path, **options: Any) -> list[float]:
    """Save a reward model of random weights; its rewards of ROWS as it stood. `base` is left as it was."""
    tuned, _ = attach_reward(base, **{"rank": 4, "alpha": 8, "dropout": 0.5, "seed": 1} | options)
    draw_lora(tuned)
    save_reward(tuned, target, Passport("mimi", base.identity, "first", 7, 0.25), "# mimi\n")
    found: list[float] = logits_of(tuned.eval(), ROWS)[:, 0].tolist()
    tuned.unload()
    return found


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def refusal(base: Base, folder: Path) -> str:
    with pytest.raises(AdapterError) as caught:
        load_reward(base, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("rslora", [False, True])
def test_a_reward_model_rates_after_loading_as_it_rated_before_saving(rslora: bool, base: Base, tmp_path: Path) -> None:
    trained = save_tiny_reward(base, tmp_path / "reward", rslora=rslora)

    loaded = load_reward(load_tiny_base(base.spec.folder), tmp_path / "reward")

    torch.testing.assert_close(loaded.rewards(ROWS, PAD), trained, atol=1e-5, rtol=0)
    assert len({round(value, 3) for value in trained}) == len(ROWS)
    assert loaded.passport == Passport("mimi", base.identity, "first", 7, 0.25)
    assert loaded.scale is None


def test_the_folder_is_one_that_peft_alone_can_load(base: Base, folder: Path, saved: Path) -> None:
    plain = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32)
    by_peft = PeftModel.from_pretrained(plain, str(saved)).eval()
    with torch.no_grad():
        theirs = by_peft(**padded(ROWS)).logits[:, 0].tolist()

    torch.testing.assert_close(load_reward(base, saved).rewards(ROWS, PAD), theirs, atol=1e-5, rtol=0)


def test_chat_never_takes_it_for_an_adapter(base: Base, saved: Path) -> None:
    with pytest.raises(AdapterError, match=r"its weights are not those of q, k and v \(base_model\.model\.score"):
        load_adapter(base, saved)


def test_an_adapter_is_not_taken_for_a_reward_model(base: Base, tmp_path: Path) -> None:
    adapter = save_tiny_adapter(base, tmp_path / "adapter")

    assert "holds no reward model: its weights lack the head; give one that --stage rm" in refusal(base, adapter)


def test_a_save_that_fails_leaves_the_former_model(base: Base, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    tuned, _ = attach_reward(base, rank=1, alpha=1, dropout=0, seed=0)

    def breaks(folder: str, **_: Any) -> None:
        (Path(folder) / "adapter_model.safetensors").write_bytes(b"half")
        raise RuntimeError("torn off")

    monkeypatch.setattr(tuned, "save_pretrained", breaks)
    with pytest.raises(RuntimeError, match="torn off"):
        save_reward(tuned, copy, Passport("mimi", base.identity, "first", 7, None), "")

    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_a_reward_model_of_another_base_is_refused(
    saved: Path, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    other = load_tiny_base(save_tiny_base(tmp_path / "other", chatml_tokenizer, seed=1))

    assert "was trained on 'tiny', not on this 'other' (differing: weights)" in refusal(other, saved)


def test_a_folder_without_a_passport_is_refused(base: Base, copy: Path) -> None:
    (copy / "roleplay.json").unlink()

    assert "has no roleplay.json" in refusal(base, copy)


def test_pickled_weights_are_refused_unread(base: Base, copy: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(mark),)

    (copy / "adapter_model.safetensors").unlink()
    torch.save({"x": Hostile()}, copy / "adapter_model.bin")
    assert "holds no adapter_model.safetensors; only safetensors are loaded" in refusal(base, copy)
    shutil.copy(copy / "adapter_model.bin", copy / "adapter_model.safetensors")
    assert "cannot be loaded" in refusal(base, copy)
    assert not mark.exists()


@pytest.mark.parametrize("length", [0, 7, 1000])
def test_weights_that_were_cut_off_are_refused(length: int, base: Base, copy: Path) -> None:
    path = copy / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:length])

    assert "cannot be loaded" in refusal(base, copy)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda weights: weights.pop(HEAD), "lack the head"),
        (lambda weights: weights.update({HEAD: torch.ones(2, 32)}), "(base_model.model.score.weight)"),
        (lambda weights: weights.update({HEAD: torch.ones(32)}), "(base_model.model.score.weight)"),
        (lambda weights: weights.update({HEAD: torch.ones(1, 33)}), "(base_model.model.score.weight)"),
        (lambda weights: weights.pop(UP), f"({UP})"),
        (lambda weights: weights.update({UP: torch.ones(33, 4)}), f"({UP})"),
        (lambda weights: weights.update({"base_model.model.more": torch.ones(1)}), "(base_model.model.more)"),
        (lambda weights: weights.update({"scalar": torch.tensor(1.0)}), "(scalar)"),
    ],
    ids=["no head", "two heads", "flat head", "wide head", "one less", "wide", "one more", "a scalar"],
)
def test_weights_that_are_not_those_of_a_reward_model_are_refused(
    spoil: Callable[[dict[str, torch.Tensor]], Any], named: str, base: Base, copy: Path
) -> None:
    weights = load_file(copy / "adapter_model.safetensors")
    spoil(weights)
    save_file(weights, copy / "adapter_model.safetensors")

    assert named in refusal(base, copy)


@pytest.mark.parametrize("rank", [-1, 0, 3, 8])
def test_a_rank_that_is_not_that_of_the_weights_is_refused(rank: int, base: Base, copy: Path) -> None:
    edit(copy / "adapter_config.json", r=rank)

    assert "are not those of q, k, v and a head" in refusal(base, copy)


def test_a_rank_of_nothing_is_refused(base: Base, copy: Path) -> None:
    edit(copy / "adapter_config.json", r=0)
    weights = load_file(copy / "adapter_model.safetensors")
    empty = {n: t[:0] if "lora_A" in n else t[:, :0] if "lora_B" in n else t for n, t in weights.items()}
    save_file({name: tensor.contiguous() for name, tensor in empty.items()}, copy / "adapter_model.safetensors")

    assert "are not those of q, k, v and a head" in refusal(base, copy)


@pytest.mark.parametrize("changes", [{"use_dora": True}, {"target_modules": ["q_proj"]}, {"peft_type": "IA3"}])
def test_anything_but_a_plain_lora_on_q_k_and_v_is_refused(changes: dict[str, Any], base: Base, copy: Path) -> None:
    edit(copy / "adapter_config.json", **changes)

    assert "describes no plain LoRA on k_proj, q_proj, v_proj" in refusal(base, copy)


def test_a_refused_model_leaves_the_base_and_its_adapter_as_they_were(base: Base, copy: Path) -> None:
    attach_new(base.model, rank=2, alpha=4, dropout=0)
    before = {name: parameter.requires_grad for name, parameter in base.model.named_parameters()}
    (copy / "adapter_model.safetensors").unlink()

    refusal(base, copy)

    assert {name: parameter.requires_grad for name, parameter in base.model.named_parameters()} == before


def test_a_scale_is_kept_beside_the_model_until_another_takes_its_place(base: Base, copy: Path) -> None:
    scale = measure_scale([1.0, 3.0, 5.0, 7.0])
    assert (scale.mean, scale.spread) == (4.0, 5.0**0.5)

    save_scale(copy, scale)

    assert read_scale(copy) == scale
    assert load_reward(base, copy).scale == scale
    save_tiny_reward(load_tiny_base(base.spec.folder), copy)
    assert read_scale(copy) is None


@pytest.mark.parametrize("rewards", [[], [2.0], [1.5, 1.5, 1.5]])
def test_rewards_that_tell_nothing_apart_have_no_scale(rewards: list[float]) -> None:
    with pytest.raises(RunError, match=rf"gives every reply the same reward \({len(rewards)} replies, a spread of 0.0"):
        measure_scale(rewards)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"mean": 1}',
        '{"mean": "x", "spread": 1}',
        '{"mean": NaN, "spread": 1}',
        '{"mean": 0, "spread": 0}',
        '{"mean": 0, "spread": -1}',
        '{"mean": 0, "spread": 1e999}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:30] or "empty",
)
def test_a_damaged_scale_is_named(text: str, base: Base, copy: Path) -> None:
    (copy / "scale.json").write_text(text)

    assert "scale.json is damaged" in refusal(base, copy)


def test_a_scale_says_rewards_in_standard_deviations() -> None:
    assert Scale(mean=2.0, spread=0.5).standard(3.0) == 2.0

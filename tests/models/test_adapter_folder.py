"""An adapter's folder: plain peft, whole, and refused when it fits the base no longer or would do more than a LoRA."""

import json
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from roleplay.errors import AdapterError
from roleplay.models.adapter import attach_new, check_adapter, load_adapter, save_adapter
from roleplay.models.base import Base
from roleplay.models.find import adapter_folders, base_of_adapter
from roleplay.models.passport import Passport, read_passport
from roleplay.paths import Home
from tests.tiny import load_tiny_base, save_tiny_base

IDS = torch.tensor([[1, 40, 41, 42, 43, 2]])


@pytest.fixture
def base(base_folder: Path) -> Base:
    """The base the adapter was trained on, fresh."""
    return load_tiny_base(base_folder)


@pytest.fixture
def copy(adapter_folder: Path, tmp_path: Path) -> Path:
    """An adapter that the test may spoil."""
    return shutil.copytree(adapter_folder, tmp_path / "copy")


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(IDS).logits


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(base: Base, folder: Path) -> str:
    with pytest.raises(AdapterError) as caught:
        load_adapter(base, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_adapter_says_after_loading_what_it_said_before_saving(base: Base, tmp_path: Path) -> None:
    untouched = logits(base.model)
    tuned, _ = attach_new(base.model, rank=3, alpha=5, dropout=0.5)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.3, generator=generator)
    trained = logits(tuned.eval())
    passport = Passport("mimi", base.identity, "first", 7, None)
    save_adapter(tuned, tmp_path / "adapter", passport, "# mimi\n")

    again = load_adapter(load_tiny_base(base.spec.folder), tmp_path / "adapter")

    assert torch.equal(logits(again), trained)
    assert not torch.allclose(trained, untouched, atol=1e-3)
    assert read_passport(tmp_path / "adapter") == passport


def test_a_loaded_adapter_is_frozen_and_the_base_beside_it_untouched(base: Base, adapter_folder: Path) -> None:
    untouched = logits(base.model)

    tuned = load_adapter(base, adapter_folder)

    assert not tuned.training
    assert not any(parameter.requires_grad for parameter in tuned.parameters())
    with tuned.disable_adapter():
        assert torch.equal(logits(tuned), untouched)
    assert not torch.allclose(logits(tuned), untouched, atol=1e-3)


def test_the_folder_is_one_that_peft_alone_can_load(base: Base, base_folder: Path, adapter_folder: Path) -> None:
    plain = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
    by_peft = PeftModel.from_pretrained(plain, str(adapter_folder))

    assert torch.equal(logits(by_peft.eval()), logits(load_adapter(base, adapter_folder)))


def test_the_folder_names_its_base_and_no_place_on_this_machine(
    base: Base, base_folder: Path, adapter_folder: Path
) -> None:
    assert set(files_of(adapter_folder)) == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "roleplay.json",
    }
    for data in files_of(adapter_folder).values():
        for place in (base_folder, base_folder.parent, adapter_folder.parent, Path.home(), Path.cwd(), Path("/tmp")):  # noqa: S108
            assert str(place).encode() + b"/" not in data
    config = json.loads((adapter_folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"
    assert sorted(config["target_modules"]) == ["k_proj", "q_proj", "v_proj"]


def test_saving_asks_the_hub_nothing(base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    asked: list[Any] = []
    monkeypatch.setattr("peft.utils.other.file_exists", lambda *a, **k: asked.append(a))
    tuned, _ = attach_new(base.model, rank=1, alpha=1, dropout=0)
    tuned.peft_config["default"].base_model_name_or_path = "someone/tiny"

    save_adapter(tuned, tmp_path / "adapter", Passport("mimi", base.identity, "first", 7, None), "")

    assert asked == []


def test_a_save_that_fails_leaves_the_former_adapter(base: Base, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files_of(copy)
    tuned, _ = attach_new(base.model, rank=1, alpha=1, dropout=0)

    def breaks(folder: str, **_: Any) -> None:
        (Path(folder) / "adapter_model.safetensors").write_bytes(b"half")
        raise RuntimeError("torn off")

    monkeypatch.setattr(tuned, "save_pretrained", breaks)
    with pytest.raises(RuntimeError, match="torn off"):
        save_adapter(tuned, copy, Passport("mimi", base.identity, "first", 7, None), "")

    assert files_of(copy) == before
    assert [path.name for path in copy.parent.iterdir() if path.name.endswith("new")] == []


def other_weights(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    save_tiny_base(folder, tokenizer, seed=1)


def other_config(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    edit(save_tiny_base(folder, tokenizer) / "config.json", rms_norm_eps=0.25)


def other_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    save_tiny_base(folder, tokenizer)
    changed = PreTrainedTokenizerFast.from_pretrained(folder)
    changed.add_tokens(["逗号"])
    changed.save_pretrained(folder)


def other_template(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    with (save_tiny_base(folder, tokenizer) / "chat_template.jinja").open("a") as file:
        file.write("{# another #}")


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (other_weights, "weights"),
        (other_config, "config"),
        (other_tokenizer, "tokenizer"),
        (other_template, "template"),
    ],
)
def test_an_adapter_of_another_base_is_refused_with_what_differs(
    make: Callable[[Path, PreTrainedTokenizerFast], None],
    part: str,
    adapter_folder: Path,
    tmp_path: Path,
    chatml_tokenizer: PreTrainedTokenizerFast,
) -> None:
    make(tmp_path / "other", chatml_tokenizer)

    message = refusal(load_tiny_base(tmp_path / "other"), adapter_folder)

    assert f"was trained on 'tiny', not on this 'other' (differing: {part});" in message
    assert "give its base with --base, or train on this one with 'roleplay train mimi'" in message


def test_an_adapter_of_a_base_that_was_replaced_under_its_name_is_refused(base: Base, copy: Path) -> None:
    passport = json.loads((copy / "roleplay.json").read_text())
    edit(copy / "roleplay.json", base=passport["base"] | {"weights": "0" * 64})
    assert f"was trained on another '{base.identity.name}' than this (differing: weights);" in refusal(base, copy)


def test_an_adapter_fits_its_base_under_any_name(
    adapter_folder: Path, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    moved = load_tiny_base(save_tiny_base(tmp_path / "moved", chatml_tokenizer))

    assert check_adapter(adapter_folder, moved.identity).base.name == "tiny"


def test_pickled_weights_are_refused_unread(base: Base, copy: Path) -> None:
    weights = load_file(copy / "adapter_model.safetensors")
    (copy / "adapter_model.safetensors").unlink()
    torch.save(weights, copy / "adapter_model.bin")

    assert "holds no adapter_model.safetensors; only safetensors are loaded, never pickled" in refusal(base, copy)


def test_a_pickle_under_the_name_of_safetensors_runs_nothing(base: Base, copy: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(mark),)

    torch.save({"x": Hostile()}, copy / "adapter_model.safetensors")

    assert "cannot be loaded" in refusal(base, copy)
    assert not mark.exists()


def test_a_folder_without_a_passport_is_refused(base: Base, copy: Path) -> None:
    (copy / "roleplay.json").unlink()

    assert "has no roleplay.json: it was not made by roleplay" in refusal(base, copy)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"base": {}}',
        '{"base": null}',
        '{"base": 3, "character": "mimi"}',
        '{"character": "mimi", "base": {"name": "x"}, "run": "r", "step": 1, "heldout_loss": 1}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:20] or "empty",
)
def test_a_damaged_passport_is_named(text: str, base: Base, copy: Path) -> None:
    (copy / "roleplay.json").write_text(text)

    assert re.search(r"roleplay\.json is damaged: .*; train again$", refusal(base, copy))


@pytest.mark.parametrize("key", ["surprise", "base"])
def test_a_passport_with_more_or_less_than_it_should_hold_is_damaged(key: str, base: Base, copy: Path) -> None:
    value = json.loads((copy / "roleplay.json").read_text())
    if key in value:
        del value[key]
    else:
        value[key] = 1
    (copy / "roleplay.json").write_text(json.dumps(value))

    assert "roleplay.json is damaged" in refusal(base, copy)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text(""),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text("[" * 100_000),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: edit(path, r=None),
        lambda path: edit(path, r="many"),
        lambda path: edit(path, lora_alpha=[1]),
        lambda path: path.write_text(path.read_text().replace('"r": 4', '"r": 1e999')),
        lambda path: edit(path, target_modules=None),
        lambda path: edit(path, target_modules=5),
    ],
    ids=["gone", "empty", "list", "deep", "no text", "r null", "r text", "alpha list", "r infinite", "null", "number"],
)
def test_a_damaged_configuration_is_named(spoil: Callable[[Path], None], base: Base, copy: Path) -> None:
    spoil(copy / "adapter_config.json")

    assert re.search(r"adapter_config\.json is missing or damaged: .*; train again$", refusal(base, copy))


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"use_dora": True}, "LORA, use_dora on k_proj, q_proj, v_proj"),
        ({"rank_pattern": {"q_proj": 2}}, "LORA, rank_pattern on"),
        ({"alpha_pattern": {"q_proj": 99}}, "LORA, alpha_pattern on"),
        ({"layers_to_transform": [0]}, "LORA, layers_to_transform on"),
        ({"peft_type": "IA3"}, "IA3 on k_proj"),
        ({"peft_type": None}, "None on k_proj"),
        ({"target_modules": ["q_proj", "v_proj"]}, "LORA on q_proj, v_proj"),
        ({"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}, "LORA on k_proj, o_proj, q_proj, v_proj"),
        ({"target_modules": []}, "LORA on )"),
        ({"target_modules": "all-linear"}, "LORA on"),
        ({"target_modules": [["q_proj"]]}, "LORA on ['q_proj'])"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_anything_but_a_plain_lora_on_q_k_and_v_is_refused(
    changes: dict[str, Any], seen: str, base: Base, copy: Path
) -> None:
    edit(copy / "adapter_config.json", **changes)

    message = refusal(base, copy)

    assert f"describes no plain LoRA on q_proj, k_proj, v_proj (seen: {seen}" in message
    assert message.endswith("lanes need one")


@pytest.mark.parametrize("rank", [0, -1, 3, 8])
def test_a_rank_that_is_not_that_of_the_weights_is_refused(rank: int, base: Base, copy: Path) -> None:
    edit(copy / "adapter_config.json", r=rank)

    assert "cannot be loaded" in refusal(base, copy)


def drop_one(weights: dict[str, torch.Tensor]) -> None:
    del weights["base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight"]


def add_one(weights: dict[str, torch.Tensor]) -> None:
    weights["base_model.model.model.layers.1.self_attn.o_proj.lora_B.weight"] = torch.ones(32, 4)


def widen_one(weights: dict[str, torch.Tensor]) -> None:
    weights["base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight"] = torch.ones(33, 4)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [(drop_one, "layers.1.self_attn.v_proj.lora_B"), (add_one, "layers.1.self_attn.o_proj.lora_B"), (widen_one, "")],
)
def test_weights_that_are_not_those_of_every_q_k_and_v_are_refused(
    spoil: Callable[[dict[str, torch.Tensor]], None], named: str, base: Base, copy: Path
) -> None:
    weights = load_file(copy / "adapter_model.safetensors")
    spoil(weights)
    save_file(weights, copy / "adapter_model.safetensors")

    message = refusal(base, copy)

    assert message.startswith("the adapter in ")
    assert "cannot be loaded: " in message
    assert named in message
    assert message.endswith("; train again")


@pytest.mark.parametrize("length", [0, 7, 1000])
def test_weights_that_were_cut_off_are_refused(length: int, base: Base, copy: Path) -> None:
    path = copy / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:length])

    assert "cannot be loaded" in refusal(base, copy)


def test_a_refused_adapter_leaves_the_base_as_it_was(base: Base, copy: Path, adapter_folder: Path) -> None:
    untouched = logits(base.model)
    weights = load_file(copy / "adapter_model.safetensors")
    drop_one(weights)
    save_file(weights, copy / "adapter_model.safetensors")

    refusal(base, copy)

    assert torch.equal(logits(base.model), untouched)
    assert load_adapter(base, adapter_folder) is not None


def test_loading_warns_of_nothing(base: Base, adapter_folder: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        load_adapter(base, adapter_folder)

    assert [str(warning.message) for warning in caught] == []


def make_run(home: Home, name: str, adapter: Path, *, age: float, finished: bool = True, which: str = "best") -> Path:
    """A run of `mimi` that ended `age` seconds ago."""
    folder = home.runs / "mimi" / name
    shutil.copytree(adapter, folder / "adapter" / which)
    (folder / "run.json").write_text(json.dumps({"base_source": f"base of {name}"}))
    if finished:
        (folder / "summary.json").write_text("{}")
        when = time.time() - age
        os.utime(folder / "summary.json", (when, when))
    return folder / "adapter" / which


def test_the_newest_finished_run_comes_first_and_unfinished_ones_not_at_all(home: Home, adapter_folder: Path) -> None:
    old = make_run(home, "old", adapter_folder, age=300)
    new = make_run(home, "anew", adapter_folder, age=10)
    middle = make_run(home, "middle", adapter_folder, age=100)
    make_run(home, "unfinished", adapter_folder, age=0, finished=False)

    assert adapter_folders(home, "mimi") == [new, middle, old]
    assert adapter_folders(home, "nobody") == []


def test_best_and_last_are_different_folders(home: Home, adapter_folder: Path) -> None:
    best = make_run(home, "both", adapter_folder, age=0)
    shutil.copytree(adapter_folder, best.with_name("last"))
    make_run(home, "only-best", adapter_folder, age=50)

    assert adapter_folders(home, "mimi", "last") == [best.with_name("last")]


def test_the_shipped_adapter_comes_last(
    home: Home, adapter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roleplay.models.find.shipped", lambda: tmp_path / "shipped")
    shipped = shutil.copytree(adapter_folder, tmp_path / "shipped" / "data" / "adapters" / "mimi" / "best")
    run = make_run(home, "mine", adapter_folder, age=1000)

    assert adapter_folders(home, "mimi") == [run, shipped]
    assert base_of_adapter(shipped) == "tiny"
    assert base_of_adapter(run) == "base of mine"


def test_an_adapter_whose_saving_was_killed_between_two_renames_is_found(home: Home, adapter_folder: Path) -> None:
    best = make_run(home, "killed", adapter_folder, age=0)
    best.rename(best.with_name(".best.old"))

    assert adapter_folders(home, "mimi") == [best]
    assert read_passport(best).character == "mimi"


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_a_damaged_run_file_leaves_the_passport_to_name_the_base(text: str, home: Home, adapter_folder: Path) -> None:
    best = make_run(home, "damaged", adapter_folder, age=0)
    (best.parents[1] / "run.json").write_text(text)

    assert base_of_adapter(best) == "tiny"

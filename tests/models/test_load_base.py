import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from huggingface_hub.errors import OfflineModeIsEnabled
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast, dynamic_module_utils

from roleplay.dataset.render import make_renderer
from roleplay.errors import BaseModelError, TemplateError
from roleplay.models.base import choose_device, context_length, load_base, load_context, load_tokenizer
from roleplay.models.spec import BaseSpec, parse_spec
from tests.tiny import CONTEXT, load_tiny_base, save_tiny_base


@pytest.fixture
def copy(base_folder: Path, tmp_path: Path) -> Path:
    """A base that the test may spoil."""
    return shutil.copytree(base_folder, tmp_path / "copy")


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_saved_folder_is_loaded_frozen_in_evaluation_mode(base_folder: Path) -> None:
    base = load_tiny_base(base_folder)

    assert not base.model.training
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    assert {parameter.dtype for parameter in base.model.parameters()} == {torch.float32}
    saved = load_file(base_folder / "model.safetensors")
    loaded = base.model.state_dict()
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)
    assert base.tokenizer("小声 a")["input_ids"]
    assert base.context == CONTEXT


def test_on_a_cpu_weights_are_float32_unless_asked_otherwise(base_folder: Path) -> None:
    spec = parse_spec(str(base_folder))

    assert load_base(spec, device="cpu").model.dtype == torch.float32
    assert load_base(spec, device="cpu", dtype=torch.bfloat16).model.dtype == torch.bfloat16


def test_sampling_defaults_of_a_base_do_not_reach_the_chat(copy: Path) -> None:
    edit_json(copy / "generation_config.json", do_sample=True, temperature=0.1, top_k=3, repetition_penalty=9.0)
    base = load_tiny_base(copy)

    settings = base.model.generation_config.to_diff_dict()
    assert {"do_sample", "temperature", "top_k", "repetition_penalty"}.isdisjoint(settings)
    assert settings["eos_token_id"] == base.tokenizer.eos_token_id
    assert settings["pad_token_id"] == base.tokenizer.pad_token_id


def test_a_tokenizer_without_padding_pads_with_its_end(copy: Path) -> None:
    edit_json(copy / "tokenizer_config.json", pad_token=None)

    tokenizer = load_tokenizer(parse_spec(str(copy)))

    assert tokenizer.pad_token_id == tokenizer.eos_token_id is not None


def test_the_context_is_read_without_the_weights(copy: Path) -> None:
    (copy / "model.safetensors").unlink()

    assert load_context(parse_spec(str(copy))) == CONTEXT


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"max_position_embeddings": 77}, 77),
        ({"n_positions": 78}, 78),
        ({"seq_length": 79}, 79),
        ({"max_position_embeddings": None, "max_seq_len": 80}, 80),
        ({"max_position_embeddings": -1}, 2048),
        ({}, 2048),
    ],
)
def test_the_context_has_a_different_name_in_every_family(values: dict[str, Any], expected: int) -> None:
    assert context_length(type("Config", (), values)) == expected


def test_a_base_is_the_same_wherever_it_lies_and_in_whatever_precision(base_folder: Path, copy: Path) -> None:
    here = load_tiny_base(base_folder).identity
    there = load_base(parse_spec(str(copy)), device="cpu", dtype=torch.bfloat16).identity

    assert here.name == "tiny"
    assert there == replace(here, name="copy")
    assert here.differences(there) == []


def test_two_trainings_of_one_shape_are_different_bases(
    base_folder: Path, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    other = save_tiny_base(tmp_path / "other", chatml_tokenizer, seed=1)

    assert load_tiny_base(base_folder).identity.differences(load_tiny_base(other).identity) == ["weights"]


def new_template(folder: Path) -> None:
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text() + "{# another #}")


def new_token(folder: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.add_tokens(["逗号"])
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda folder: edit_json(folder / "config.json", rms_norm_eps=0.5), "config"),
        (new_token, "tokenizer"),
        (new_template, "template"),
    ],
    ids=["config", "tokenizer", "template"],
)
def test_each_part_an_adapter_depends_on_is_told_apart(
    spoil: Callable[[Path], None], part: str, base_folder: Path, copy: Path
) -> None:
    spoil(copy)

    assert load_tiny_base(base_folder).identity.differences(load_tiny_base(copy).identity) == [part]


def test_a_hub_id_that_was_never_fetched_says_what_to_do_without_a_network() -> None:
    with pytest.raises(BaseModelError) as caught:
        load_base(parse_spec("someone/never-fetched@v2"))

    message = str(caught.value)
    assert message.startswith("the base 'someone/never-fetched@v2' is neither a folder here nor to be had from the hub")
    assert "check the spelling and the network" in message
    assert "fetch it once with 'hf download someone/never-fetched' and work offline from then on" in message


def test_without_a_network_one_file_is_asked_for_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(url: str, **_: Any) -> None:
        asked.append(url)
        raise OfflineModeIsEnabled("no network")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.file_download, "get_hf_file_metadata", refuse)

    with pytest.raises(BaseModelError, match="check the spelling and the network"):
        load_base(parse_spec("someone/never-fetched"))

    assert [url.rsplit("/", 1)[1] for url in asked] == ["config.json"]


def test_a_hub_id_that_was_fetched_once_loads_offline(
    base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    stored = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(base_folder, stored / "snapshots" / commit)
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    base = load_base(parse_spec("someone/tiny"), device="cpu")
    by_commit = load_base(parse_spec(f"someone/tiny@{commit}"), device="cpu")

    assert base.identity.name == "someone/tiny"
    assert base.identity.revision == by_commit.identity.revision == commit
    assert replace(base.identity, name="tiny", revision=None) == load_tiny_base(base_folder).identity


def test_two_commits_of_a_hub_id_with_other_weights_are_different_bases(
    base_folder: Path, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "hub" / "models--someone--tiny" / "snapshots"
    shutil.copytree(base_folder, stored / ("a" * 40))
    save_tiny_base(stored / ("b" * 40), chatml_tokenizer, seed=1)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    first, second = (load_base(parse_spec(f"someone/tiny@{letter * 40}"), device="cpu").identity for letter in "ab")

    assert (first.revision, second.revision) == ("a" * 40, "b" * 40)
    assert first.differences(second) == ["weights"]


def test_pickled_weights_are_not_loaded(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch.save(weights, copy / "pytorch_model.bin")

    with pytest.raises(BaseModelError, match=r"give a folder with config, tokenizer and safetensors"):
        load_tiny_base(copy)


@pytest.mark.parametrize(("there", "chosen"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_where_there_is_one(there: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)

    assert choose_device("auto") == chosen
    assert choose_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("cuda", "said"),
    [
        (None, "built for the CPU); leave --device out or install a CUDA build of torch"),
        ("13.0", "built for CUDA 13.0); leave --device out or install its driver"),
    ],
)
def test_a_gpu_that_is_asked_for_and_not_there_is_a_named_error(
    cuda: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("cuda") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)

    with pytest.raises(BaseModelError) as caught:
        choose_device("cuda")

    assert str(caught.value) == f"a GPU was asked for and torch sees none (torch {torch.__version__}, {said}"


def test_an_unknown_device_is_a_named_error() -> None:
    with pytest.raises(BaseModelError, match=r"there is no device 'tpu'; choose auto, cpu or cuda"):
        choose_device("tpu")


def test_a_base_without_a_chat_template_loads_but_cannot_carry_a_persona(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    base = load_tiny_base(copy)

    with pytest.raises(TemplateError) as caught:
        make_renderer(base.tokenizer)

    assert str(caught.value).startswith(f"the base '{copy}' has no chat template; use its chat or instruct version")


CONFIGURATION = """
from pathlib import Path
from transformers import LlamaConfig

Path({mark!r}).write_text("ran")

class OwnConfig(LlamaConfig):
    model_type = "own-thing"
"""
MODELING = """
from transformers import LlamaForCausalLM
from .configuration_own import OwnConfig

class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def own_code(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A base that brings code, and the file that the code writes when it runs."""
    mark = tmp_path / "ran"
    (copy / "configuration_own.py").write_text(CONFIGURATION.format(mark=str(mark)))
    (copy / "modeling_own.py").write_text(MODELING)
    auto = {"AutoConfig": "configuration_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnModel"}
    edit_json(copy / "config.json", model_type="own-thing", auto_map=auto)
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    return copy, mark


def test_code_of_a_base_does_not_run_and_the_switch_for_it_is_named(own_code: tuple[Path, Path]) -> None:
    folder, mark = own_code

    for load in (load_tokenizer, load_context, load_base):
        with pytest.raises(BaseModelError) as caught:
            load(parse_spec(str(folder)))
        assert str(caught.value).startswith(f"the base '{folder}' wants to run code of its own; read that code, then")
        assert "add --trust-remote-code" in str(caught.value)
        assert not mark.exists()


def test_code_of_a_base_runs_when_the_person_trusts_it(own_code: tuple[Path, Path]) -> None:
    folder, mark = own_code

    base = load_base(parse_spec(str(folder), trust_remote_code=True), device="cpu")

    assert type(base.model).__name__ == "OwnModel"
    assert mark.read_text() == "ran"


def test_a_hostile_name_is_shown_on_one_short_line() -> None:
    with pytest.raises(BaseModelError) as caught:
        load_tokenizer(BaseSpec("a\x1b[2J\n" + "b" * 5000, None, None))

    assert str(caught.value).startswith("the base 'a[2J bbb")
    assert len(str(caught.value).partition("' is neither")[0]) < 140

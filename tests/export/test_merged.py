"""`--to merged`: a model like any other, which says what base and adapter say together."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from roleplay.errors import BaseModelError, UsageError
from roleplay.export import merged
from roleplay.export.export import export
from roleplay.models.adapter import load_adapter
from roleplay.models.base import load_base
from roleplay.models.find import answering_adapter
from roleplay.models.spec import parse_spec
from roleplay.paths import Home
from tests.export.made import edit_json, everything, save_run
from tests.export.test_peft_folder import logits
from tests.tiny import tiny_llama
from tests.training.pell import write_pell


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base in bfloat16 whose output layer is its embedding, wide enough for 4 bits."""
    folder = tmp_path_factory.mktemp("bases") / "tied"
    config = tiny_llama(chatml_tokenizer).config
    config.update({"tie_word_embeddings": True, "hidden_size": 64, "intermediate_size": 128, "head_dim": 32})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    chatml_tokenizer.save_pretrained(folder)
    return folder


def persona(home: Home, base: Path, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """(logits of the persona, logits of the base)."""
    choice = answering_adapter(home, "pell")
    assert choice is not None
    loaded = load_base(parse_spec(str(base)), dtype=dtype, device="cpu")
    alone = logits(loaded.model)
    return logits(load_adapter(loaded, choice.folder)).float(), alone.float()


def plain(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()


def test_it_says_what_the_persona_says(pell: Path, home: Home, base: Path) -> None:
    done = export(home, "pell", "merged")
    model = plain(done.folder)
    wanted, alone = persona(home, base, torch.float32)
    assert model.dtype == torch.float32
    assert (logits(model) - wanted).abs().max() < 1e-4
    assert (logits(model) - alone).norm() > 0.1 * alone.norm()
    tokenizer = AutoTokenizer.from_pretrained(done.folder)
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(base).chat_template


def test_numbers_stay_as_wide_as_the_bases_files_and_embeddings_tied(project: Path, home: Home, tied: Path) -> None:
    write_pell(project / "characters", tied)
    save_run(home, "pell", tied)
    done = export(home, "pell", "merged")
    model = plain(done.folder)
    assert model.dtype == torch.bfloat16
    assert model.lm_head.weight is model.model.embed_tokens.weight
    with safe_open(done.folder / "model.safetensors", framework="pt") as file:
        assert "lm_head.weight" not in set(file.keys())
    wanted, alone = persona(home, tied, torch.float32)
    error = (logits(model.float()) - wanted).norm() / wanted.norm()
    assert error < 0.03  # bfloat16 keeps 8 bits; measured: 0.013
    assert (wanted - alone).norm() > 0.1 * alone.norm()


def test_other_numbers_can_be_asked_for(pell: Path, home: Home) -> None:
    assert plain(export(home, "pell", "merged", dtype="bfloat16").folder).dtype == torch.bfloat16
    with pytest.raises(UsageError, match="--dtype int4: choose float32, bfloat16, float16"):
        export(home, "pell", "merged", Path("other"), dtype="int4")
    with pytest.raises(UsageError, match="--dtype is of --to merged"):
        export(home, "pell", "peft", dtype="bfloat16")


@pytest.mark.parametrize("quant", ["nf4", "int8"])
def test_an_adapter_of_a_smaller_base_is_merged_into_the_whole_one(
    quant: str, project: Path, home: Home, tied: Path
) -> None:
    write_pell(project / "characters", tied)
    save_run(home, "pell", tied)
    whole = everything(export(home, "pell", "merged").folder)
    edit_json(home.runs / "pell" / "tiny" / "run.json", settings={"quant": quant})
    done = export(home, "pell", "merged", Path("small"))
    assert everything(done.folder) == whole
    (note,) = done.notes
    assert note.startswith(f"the adapter was trained on a base kept in {quant}; it is merged into the full-precision")


def test_a_base_whose_files_are_quantised_is_refused(pell: Path, home: Home, base: Path, tmp_path: Path) -> None:
    stored = tmp_path / "stored"
    stored.mkdir()
    for name, content in everything(base).items():
        (stored / name).write_bytes(content)
    save_run(home, "pell", stored)
    passport = home.runs / "pell" / "tiny" / "adapter" / "best" / "roleplay.json"
    edit_json(stored / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    identity = json.loads(passport.read_text())["base"]
    from roleplay.models.base import identify, load_tokenizer

    spec = parse_spec(str(stored))
    edit_json(passport, base=identity | {"config": identify(spec, load_tokenizer(spec)).config})
    with pytest.raises(BaseModelError, match="are quantised, and a merge would quantise the adapter too"):
        export(home, "pell", "merged")


def test_large_weights_are_cut_into_several_files(
    pell: Path, home: Home, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged, "SHARD", "40KB")
    done = export(home, "pell", "merged")
    assert sum(name.endswith(".safetensors") for name in done.files) > 1
    wanted, _ = persona(home, base, torch.float32)
    assert (logits(plain(done.folder)) - wanted).abs().max() < 1e-4


def test_the_same_adapter_gives_the_same_bytes_and_no_trace_of_its_author(pell: Path, home: Home, base: Path) -> None:
    first = everything(export(home, "pell", "merged", Path("one")).folder)
    assert first == everything(export(home, "pell", "merged", Path("two")).folder)
    for content in first.values():
        for trace in (str(base), str(home.root), str(pell.parent)):
            assert trace.encode() not in content


def test_it_tells_how_far_it_is(pell: Path, home: Home) -> None:
    told: list[str] = []
    export(home, "pell", "merged", report=told.append)
    assert told == ["loading tiny in float32", "merging", "writing"]

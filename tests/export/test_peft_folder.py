"""`--to peft`: a plain folder that peft loads, with a page that says how."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM

from roleplay.errors import AdapterError, StorageError
from roleplay.export.export import export
from roleplay.models.adapter import load_adapter
from roleplay.models.find import answering_adapter
from roleplay.paths import Home
from tests.export.made import everything, save_run
from tests.tiny import load_tiny_base

IDS = torch.tensor([[5, 17, 30, 44, 9]])


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def ours(home: Home, base: Path) -> torch.Tensor:
    choice = answering_adapter(home, "pell")
    assert choice is not None
    return logits(load_adapter(load_tiny_base(base), choice.folder))


def test_plain_peft_gives_the_same_logits(pell: Path, home: Home, base: Path) -> None:
    done = export(home, "pell", "peft")
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    alone = logits(plain)
    found = logits(PeftModel.from_pretrained(plain, str(done.folder)).eval())
    assert torch.equal(found, ours(home, base))
    assert (found - alone).norm() > 0.1 * alone.norm()


def test_the_lines_of_its_page_load_it(pell: Path, home: Home, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = export(home, "pell", "peft")
    (done.folder / "tiny").symlink_to(base)
    monkeypatch.chdir(done.folder)
    (code,) = re.findall(r"```python\n(.*?)\n```", (done.folder / "README.md").read_text(encoding="utf-8"), flags=re.S)
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102  # what a reader of the page does
    assert len([line for line in code.splitlines() if line]) == 5
    assert torch.equal(logits(found["model"].eval()), ours(home, base))


def test_front_matter_and_prefixes_are_on_the_page(pell: Path, home: Home) -> None:
    page = (export(home, "pell", "peft").folder / "README.md").read_text(encoding="utf-8")
    _, matter, body = page.split("---\n", 2)
    assert yaml.safe_load(matter) == {
        "base_model": "tiny",
        "base_model_relation": "adapter",
        "library_name": "peft",
        "license": "mit",
        "language": ["en"],
        "tags": ["lora", "roleplay", "locks"],
    }
    assert "```text\nYou are Pell.\n\nPell is brief.\n```" in body


def test_the_same_adapter_gives_the_same_bytes_and_no_trace_of_its_author(pell: Path, home: Home, base: Path) -> None:
    first = everything(export(home, "pell", "peft", Path("one")).folder)
    second = everything(export(home, "pell", "peft", Path("two")).folder)
    assert first == second
    assert json.loads(first["roleplay.json"])["run"] == "exported"  # the run's name tells when it began
    for content in first.values():
        for trace in (str(base), str(home.root), str(pell.parent)):
            assert trace.encode() not in content


def test_an_adapter_is_chosen_by_its_label(pell: Path, home: Home, base: Path) -> None:
    save_run(home, "pell", base, run="other", rank=2)
    assert export(home, "pell", "peft", Path("a"), adapter="tiny@best").adapter == "tiny@best"
    assert export(home, "pell", "peft", Path("b"), adapter="other@best").adapter == "other@best"
    assert everything(Path("a")) != everything(Path("b"))
    with pytest.raises(AdapterError, match="pell has no adapter 'tiny@lst'; did you mean 'tiny@best'"):
        export(home, "pell", "peft", Path("c"), adapter="tiny@lst")


def test_a_character_without_an_adapter_is_told_what_to_do(pell: Path, home: Home) -> None:
    pell.with_name("mute.yaml").write_text(pell.read_text().replace("name: pell", "name: mute"), encoding="utf-8")
    with pytest.raises(AdapterError, match="mute has no adapter to export; train one with 'roleplay train mute'"):
        export(home, "mute", "peft")
    assert not Path("mute-peft").exists()


def test_a_folder_that_is_there_is_not_replaced_unasked(pell: Path, home: Home) -> None:
    export(home, "pell", "peft")
    with pytest.raises(StorageError, match="pell-peft is there already; add --force"):
        export(home, "pell", "peft")
    Path("pell-peft", "stale").touch()
    assert "stale" not in export(home, "pell", "peft", force=True).files
    assert not Path("pell-peft", "stale").exists()


def test_somebodys_folder_is_never_replaced(pell: Path, home: Home) -> None:
    Path("papers").mkdir()
    Path("papers", "novel.txt").touch()
    with pytest.raises(StorageError, match="papers is there already and no export of that form"):
        export(home, "pell", "peft", Path("papers"), force=True)
    with pytest.raises(StorageError, match="holds what is exported"):
        export(home, "pell", "peft", home.runs / "pell" / "tiny" / "adapter" / "best", force=True)
    assert Path("papers", "novel.txt").is_file()


def test_a_failed_export_leaves_nothing(pell: Path, home: Home) -> None:
    (home.runs / "pell" / "tiny" / "adapter" / "best" / "adapter_model.safetensors").unlink()
    with pytest.raises(StorageError):
        export(home, "pell", "peft")
    assert [path.name for path in Path().iterdir()] == ["characters"]

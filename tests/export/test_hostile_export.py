"""A card that tries to break out of every format an export writes."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.export.export import FORMS, Form, export
from roleplay.paths import Home
from tests.export.made import HOSTILE, save_run
from tests.export.modelfile import read_modelfile
from tests.tiny import save_tiny_base
from tests.training.pell import write_pell

BASE_NAME = 'ti\'ny\n$(touch pwned) `x` """---'


@pytest.fixture
def hostile(project: Path, home: Home, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A card all of whose free text is hostile, on a base whose folder is called so, too."""
    base = save_tiny_base(tmp_path / BASE_NAME, chatml_tokenizer)
    card = write_pell(project / "characters", base)
    value = yaml.safe_load(card.read_text(encoding="utf-8").replace(str(base), "BASE"))
    line = " ".join(HOSTILE.split())
    value |= {"base": str(base), "greeting": HOSTILE, "license": line, "tags": [line], "display_name": line}
    value |= {"user_name": line, "creator": line, "description": HOSTILE, "language": line}
    value["prefixes"] = [
        {"id": "who", "text": HOSTILE},
        {"id": "near", "text": HOSTILE, "place": "last_user"},
    ]
    card.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    save_run(home, "pell", base)
    return card


@pytest.mark.parametrize("form", FORMS)
def test_pages_and_front_matter_hold(form: Form, hostile: Path, home: Home) -> None:
    done = export(home, "pell", form)
    page = (done.folder / "README.md").read_text(encoding="utf-8")
    outside = re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", page, flags=re.S | re.M)
    if page.startswith("---\n"):
        _, matter, outside = ("\n" + outside).split("\n---\n", 2)
        assert yaml.safe_load(matter)["base_model"] == BASE_NAME
    assert "```" not in outside
    assert "<|im_end|>" not in outside
    assert "[x](y)" not in outside
    assert not re.search(r"^PARAMETER|^--- #", outside, flags=re.M)


def test_the_modelfile_has_no_instruction_more(hostile: Path, home: Home) -> None:
    done = export(home, "pell", "ollama")
    found = read_modelfile((done.folder / "Modelfile").read_text(encoding="utf-8"))
    assert [name for name, _ in found] == [
        *("FROM", "ADAPTER", "TEMPLATE", "SYSTEM", "MESSAGE assistant", "LICENSE"),
        *("PARAMETER temperature", "PARAMETER top_p", "PARAMETER top_k", "PARAMETER min_p", "PARAMETER repeat_penalty"),
        *("PARAMETER num_predict", "PARAMETER num_ctx", "PARAMETER stop"),
    ]
    said = dict(found)
    assert "<|im_end|>" not in said["SYSTEM"] + said["MESSAGE assistant"]
    assert "PARAMETER stop x" in said["SYSTEM"]


def test_the_script_runs_nothing_of_the_card(hostile: Path, home: Home, tmp_path: Path) -> None:
    done = export(home, "pell", "vllm")
    fake = tmp_path / "bin" / "vllm"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    fake.chmod(0o755)
    base = load_card(hostile).card.base
    told = subprocess.run(
        ["sh", str(done.folder / "serve.sh"), str(base)],
        env={"PATH": f"{fake.parent}:/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    given = told.stdout.split("\0")
    assert given[1] == base
    assert given[3] == BASE_NAME
    assert json.loads(given[8])["base_model_name"] == BASE_NAME
    assert not [*tmp_path.rglob("pwned")]
    page = (done.folder / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)\n```", page, flags=re.S)
    compile(code, "README.md", "exec")


def test_the_lines_that_load_it_are_python(hostile: Path, home: Home) -> None:
    page = (export(home, "pell", "peft").folder / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)\n```", page, flags=re.S)
    names: list[object] = []
    stub = {"from_pretrained": lambda *given: names.append(given[0])}
    exec(  # noqa: S102  # with stubs for the libraries
        re.sub(r"^from .*$", "", code, flags=re.M),
        dict.fromkeys(("AutoTokenizer", "AutoModelForCausalLM", "PeftModel"), type("Stub", (), stub)),
    )
    assert names[:2] == [BASE_NAME, BASE_NAME]


def test_the_configuration_for_llamafactory_is_what_it_would_be(hostile: Path, home: Home) -> None:
    found = yaml.safe_load((export(home, "pell", "llamafactory").folder / "train.yaml").read_text(encoding="utf-8"))
    assert (found["dataset"], found["template"]) == ("pell_desc,pell_dialogue", "chatml")

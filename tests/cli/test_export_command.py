"""`roleplay export`."""

from pathlib import Path

import pytest

from roleplay.paths import Home
from tests.cli.conftest import refused, roleplay

FILES = {
    "peft": {"README.md", "adapter_config.json", "adapter_model.safetensors", "roleplay.json"},
    "merged": {"README.md", "config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"},
    "vllm": {"README.md", "serve.sh", "adapter/adapter_config.json", "requests/persona+prefix.json"},
    "ollama": {"README.md", "Modelfile", "adapter.gguf"},
    "llamafactory": {"README.md", "train.yaml", "data/dataset_info.json"},
}


@pytest.mark.parametrize("form", FILES)
def test_a_trained_character_takes_every_form(form: str, tuned_pell: Path, home: Home) -> None:
    done = roleplay("export", "pell", "--to", form, "--json")
    assert done.status == 0, done.err
    assert (done.json["form"], done.json["adapter"]) == (form, "whole@best")
    assert FILES[form] <= set(done.json["files"])
    folder = Path(f"pell-{form}")
    assert Path(done.json["folder"]) == folder.absolute()
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(done.json["files"])


def test_files_are_data_and_notes_are_talk(tuned_pell: Path) -> None:
    done = roleplay("export", "pell", "--to", "peft", "--out", "mine", "--adapter", "whole@last")
    assert done.out.splitlines() == [f"mine/{name}" for name in sorted(FILES["peft"])]
    assert "written: mine, with whole@last" in done.err
    assert "mine is there already; add --force" in refused(
        roleplay("export", "pell", "--to", "peft", "--out", "mine"), 1
    )
    assert roleplay("export", "pell", "--to", "peft", "--out", "mine", "--force").status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--to", "olama"], 2, "--to olama: did you mean 'ollama'?"),
        (["--to", "peft", "--dtype", "float32"], 2, "--dtype is of --to merged; leave it out for --to peft"),
        (["--to", "merged", "--dtype", "int4"], 2, "--dtype int4: choose float32, bfloat16, float16"),
        (["--to", "peft", "--adapter", "whole@first"], 1, "pell has no adapter 'whole@first'; did you mean"),
    ],
)
def test_what_cannot_be_is_a_named_error(arguments: list[str], status: int, said: str, tuned_pell: Path) -> None:
    assert said in refused(roleplay("export", "pell", *arguments), status)
    assert [path.name for path in Path().iterdir()] == ["characters"]


def test_a_character_that_was_not_trained_can_be_trained_elsewhere(pell: Path) -> None:
    assert "pell has no adapter to export" in refused(roleplay("export", "pell", "--to", "ollama"), 1)
    assert roleplay("export", "pell", "--to", "llamafactory").status == 0

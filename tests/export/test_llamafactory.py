"""`--to llamafactory`: data and a configuration that hold the run's values, and what cannot be repeated."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from roleplay.export.export import export
from roleplay.paths import Home
from tests.export.made import everything, save_run
from tests.training.pell import write_pell

KEYS = """
    adam_beta2 bf16 cutoff_len dataset dataset_dir do_train enable_thinking finetuning_type fp16
    freeze_trainable_layers gradient_accumulation_steps interleave_probs learning_rate logging_steps lora_alpha
    lora_dropout lora_rank lora_target loraplus_lr_ratio lr_scheduler_kwargs lr_scheduler_type max_grad_norm max_steps
    mix_strategy model_name_or_path model_revision num_train_epochs optim output_dir per_device_train_batch_size
    quantization_bit quantization_method quantization_type report_to save_steps seed stage template use_rslora
    warmup_ratio warmup_steps weight_decay
    """
"""Of LLaMA-Factory's arguments (`src/llamafactory/hparams/`, and transformers' own) those that may be written."""


def written(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "train.yaml").read_text(encoding="utf-8"))
    assert set(found) <= set(KEYS.split())
    return found


def test_the_values_are_those_of_the_run(pell: Path, home: Home) -> None:
    done = export(home, "pell", "llamafactory")
    assert written(done.folder) == {
        "model_name_or_path": "FOLDER-OF-THE-BASE",
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_target": "q_proj,k_proj,v_proj",
        "lora_rank": 4,
        "lora_alpha": 8,
        "lora_dropout": 0.05,
        "dataset_dir": "data",
        "dataset": "pell_desc,pell_dialogue",
        "template": "chatml",
        "cutoff_len": 1024,
        "output_dir": "saves",
        "num_train_epochs": 3.0,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 8,
        "learning_rate": 5e-4,
        "lr_scheduler_type": "cosine",
        "warmup_ratio": 0.1,
        "weight_decay": 1e-5,
        "max_grad_norm": 1.0,
        "adam_beta2": 0.999,
        "optim": "adamw_torch",
        "seed": 0,
        "bf16": True,
        "fp16": False,
        "logging_steps": 5,
        "save_steps": 20,
        "report_to": "none",
    }
    assert "from the run that made the adapter" in (done.folder / "README.md").read_text(encoding="utf-8")


def test_settings_beyond_the_usual_are_written_too(project: Path, home: Home, base: Path) -> None:
    write_pell(project / "characters", base)
    more: dict[str, Any] = {
        "rslora": True,
        "loraplus_lr_ratio": 32,
        "quant": "nf4",
        "max_steps": 7,
        "warmup_steps": 30.0,
        "scheduler": "cosine_with_min_lr",
        "scheduler_options": {"min_lr": 1e-6},
        "optimizer": "paged_adamw_8bit",
    }
    save_run(home, "pell", base, **more)
    found = written(export(home, "pell", "llamafactory").folder)
    wanted = {
        "use_rslora": True,
        "loraplus_lr_ratio": 32.0,
        "quantization_bit": 4,
        "quantization_type": "nf4",
        "max_steps": 7,
        "warmup_steps": 30,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr": 1e-6},
        "optim": "paged_adamw_8bit",
        "quantization_method": "bnb",
    }
    assert {key: found[key] for key in wanted} == wanted
    assert "warmup_ratio" not in found


def test_without_an_adapter_the_cards_preset_is_taken(project: Path, home: Home, base: Path) -> None:
    write_pell(project / "characters", base, more="training: {preset: identity, rank: 12, alpha: 24}\n")
    done = export(home, "pell", "llamafactory")
    found = written(done.folder)
    assert (found["lora_rank"], found["lora_alpha"], found["num_train_epochs"]) == (12, 24, 10.0)
    assert done.adapter is None
    assert "the preset identity, as the card changes it" in (done.folder / "README.md").read_text(encoding="utf-8")


def test_the_data_are_registered_beside_it(pell: Path, home: Home) -> None:
    done = export(home, "pell", "llamafactory")
    registry = json.loads((done.folder / "data" / "dataset_info.json").read_text(encoding="utf-8"))
    for name in written(done.folder)["dataset"].split(","):
        rows = json.loads((done.folder / "data" / registry[name]["file_name"]).read_text(encoding="utf-8"))
        assert rows[0]["system"] == "You are Pell.\n\nPell is brief."


def test_weights_become_probabilities_and_what_differs_is_told(pell: Path, home: Home) -> None:
    text = pell.read_text(encoding="utf-8")
    pell.write_text(text.replace("kind: dialogue}", "kind: dialogue, weight: 3}"), encoding="utf-8")
    desc = pell.with_name("pell") / "desc.yaml"
    desc.write_text("\n".join(desc.read_text().splitlines()[:6]), encoding="utf-8")
    done = export(home, "pell", "llamafactory")
    found = written(done.folder)
    assert found["mix_strategy"] == "interleave_over"
    assert found["interleave_probs"] == "0.142857,0.857143"  # three dialogues once, six three times
    page = (done.folder / "README.md").read_text(encoding="utf-8")
    told = [note for note in done.notes if note.startswith(("weights of", "prefixes are drawn", "the held-out"))]
    assert len(told) == 3
    assert "always there: manner" in told[1]
    for note in told:
        assert f"- {note}\n" in page


def test_raw_text_is_for_the_stage_that_trains_it(project: Path, home: Home, base: Path) -> None:
    card = write_pell(project / "characters", base, more="training: {stage: pt}\n")
    (project / "characters" / "pell" / "tide.txt").write_text("One.\n\nTwo.\n")
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace("corpora:", "corpora:\n  - {path: pell/tide.txt, kind: text}"), encoding="utf-8")
    found = written(export(home, "pell", "llamafactory").folder)
    assert (found["stage"], found["dataset"]) == ("pt", "pell_text")


def test_no_trace_of_its_author_but_on_the_screen(pell: Path, home: Home, base: Path) -> None:
    done = export(home, "pell", "llamafactory")
    for content in everything(done.folder).values():
        for trace in (str(base), str(home.root), str(pell.parent)):
            assert trace.encode() not in content
    assert f"the base: llamafactory-cli train train.yaml model_name_or_path={base}" in done.notes
    assert everything(done.folder) == everything(export(home, "pell", "llamafactory", Path("two")).folder)


@pytest.mark.parametrize("path", ["characters/pell.yaml", "pell"])
def test_a_card_may_be_given_by_its_path(path: str, pell: Path, home: Home) -> None:
    assert export(home, path, "llamafactory").folder.name == "pell-llamafactory"

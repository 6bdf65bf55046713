"""LLaMA-Factory on the same ids and labels, where the variable LLAMAFACTORY_CLI names its command."""

import json
import os
import subprocess
from pathlib import Path

import yaml

from tests.bench.training.case import ROWS_A_PASS, SAMPLES_A_STEP, Case, samples_of
from tests.bench.training.race import Outcome

VARIABLE = "LLAMAFACTORY_CLI"


def factory(case: Case, model: Path, folder: Path, steps: int) -> Outcome:
    """Its own training of `steps` optimizer steps, its own clock, on a dataset that is tokenized already.

    It cannot wait for its turn, so it runs before the others. Its loss is the mean over all steps: not compared.
    """
    from datasets import Dataset, DatasetDict

    outcome = Outcome("factory")
    work = folder / "factory"
    rows = [
        {
            "input_ids": list(sample.ids),
            "attention_mask": [1] * len(sample.ids),
            "labels": [i if t else -100 for i, t in zip(sample.ids, sample.trained, strict=True)],
        }
        for sample in samples_of(case, steps)
    ]
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(work / "tokens"))
    options = {
        "model_name_or_path": str(model),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": case.rank,
        "lora_alpha": 2 * case.rank,
        "lora_dropout": 0.0,
        "lora_target": "q_proj,k_proj,v_proj",
        "tokenized_path": str(work / "tokens"),
        "template": "empty",
        "output_dir": str(work / "output"),
        "per_device_train_batch_size": ROWS_A_PASS,
        "gradient_accumulation_steps": SAMPLES_A_STEP // ROWS_A_PASS,
        "max_steps": steps,
        "learning_rate": 5.0e-5,
        "lr_scheduler_type": "cosine",
        "bf16": case.dtype == "bfloat16",
        "use_cpu": True,
        "disable_gradient_checkpointing": True,
        "report_to": "none",
        "save_strategy": "no",
    }
    (work / "train.yaml").write_text(yaml.safe_dump(options), encoding="utf-8")
    done = subprocess.run(
        [os.environ[VARIABLE], "train", str(work / "train.yaml")],
        env=os.environ | {"OMP_NUM_THREADS": str(case.threads), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    results = work / "output" / "train_results.json"
    if done.returncode or not results.exists():
        outcome.failed = (done.stderr.strip().splitlines() or ["no result"])[-1]
        return outcome
    outcome.seconds = [1 / json.loads(results.read_text(encoding="utf-8"))["train_steps_per_second"]]
    return outcome

"""Pretrain `pocket`: `python -m roleplay.pocket.pretrain --text FOLDER`; started again, it goes on where it was."""

import argparse
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from roleplay.pocket.config import Recipe, Shape, Stage, load_recipe
from roleplay.pocket.mixture import HELDOUT, OWN_CHATS, heldout_matrix, stage_matrix, tokenizer_texts
from roleplay.pocket.optimizer import MuonAdamW
from roleplay.pocket.tokenizer import load_tokenizer, train_tokenizer

HELDOUT_TOKENS = 16_384
CHATS = "data/pocket/chats"


class Rows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """A token matrix (N, T) as training examples; every token is a label."""

    def __init__(self, matrix: NDArray[np.uint16]) -> None:
        self.matrix = matrix

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids = torch.from_numpy(self.matrix[index].astype(np.int64))
        return {"input_ids": ids, "labels": ids}


class InOrder(Trainer):
    """A Trainer that takes the rows as they lie: they are shuffled already."""

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        return torch.utils.data.SequentialSampler(train_dataset or self.train_dataset)


class MetricsFile(TrainerCallback):
    """Appends what the Trainer logs to a JSON-lines file."""

    def __init__(self, path: Path, stage: str) -> None:
        self.path, self.stage = path, stage

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """One line a log entry."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": self.stage, "step": state.global_step, **kwargs["logs"]}) + "\n")


def build_model(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama-shaped model with tied embeddings and separate q, k and v projections."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=shape.context,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def cosine(stage: Stage, steps: int) -> Any:
    """Learning-rate factor by step: linear warm-up, then a half cosine from peak to final."""
    floor = stage.final_lr / stage.peak_lr

    def factor(step: int) -> float:
        if step < stage.warmup_steps:
            return (step + 1) / stage.warmup_steps
        done = (step - stage.warmup_steps) / max(1, steps - stage.warmup_steps)
        return floor + (1 - floor) * (1 + math.cos(math.pi * min(1.0, done))) / 2

    return factor


def run_stage(
    recipe: Recipe, stage: Stage, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, text: Path, work: Path
) -> None:
    """Train one stage to its end, from its newest checkpoint where there is one."""
    folder = work / stage.name
    steps = -(-stage.tokens // recipe.tokens_per_step)
    matrix = stage_matrix(
        text,
        Path(CHATS),
        stage.mixture,
        tokenizer,
        sequence=stage.sequence,
        tokens=steps * recipe.tokens_per_step,
        seed=recipe.seed,
    )
    heldout = {
        kind: Rows(heldout_matrix(text, Path(CHATS), kind, tokenizer, sequence=stage.sequence, tokens=HELDOUT_TOKENS))
        for kind in HELDOUT
    }
    passes = recipe.tokens_per_step // (stage.sequence * stage.sequences_per_pass)
    cuda = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=len(matrix) * stage.sequence // recipe.tokens_per_step,
        per_device_train_batch_size=stage.sequences_per_pass,
        per_device_eval_batch_size=stage.sequences_per_pass,
        gradient_accumulation_steps=passes,
        use_cpu=not cuda,
        bf16=True,
        torch_compile=recipe.compile,
        max_grad_norm=1.0,
        logging_steps=10,
        eval_strategy="steps",
        eval_steps=recipe.evaluate_steps,
        eval_on_start=True,
        save_steps=recipe.evaluate_steps,
        save_total_limit=1,
        prediction_loss_only=True,
        seed=recipe.seed,
        report_to=[],
        disable_tqdm=True,
    )
    optimizer = MuonAdamW(model, stage.peak_lr, recipe.weight_decay)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine(stage, arguments.max_steps))
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=Rows(matrix),
        eval_dataset=heldout,
        optimizers=(optimizer, scheduler),
        callbacks=[MetricsFile(work / "metrics.jsonl", stage.name)],
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)) if folder.exists() else None)
    trainer.save_model(str(folder / "final"))


def main() -> None:
    """Tokenizer, then every stage that has no final model yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("ROLEPLAY_SHARED", "../shared"))
    parser.add_argument("--text", type=Path, default=shared / "pretrain", help="folder of the .jsonl.xz sources")
    parser.add_argument("--recipe", type=Path, default=Path(__file__).with_name("pretrain.yaml"))
    parser.add_argument("--work", type=Path, default=Path("build/pocket"), help="checkpoints and metrics")
    chosen = parser.parse_args()
    recipe = load_recipe(chosen.recipe)
    chosen.work.mkdir(parents=True, exist_ok=True)
    if not (chosen.work / "tokenizer" / "tokenizer.json").exists():
        sources = sorted({name for stage in recipe.stages for name in stage.mixture} - {OWN_CHATS})
        texts = tokenizer_texts(chosen.text, sources, recipe.tokenizer_megabytes, recipe.seed)
        train_tokenizer(texts, recipe.shape.vocab_size, recipe.shape.context).save_pretrained(chosen.work / "tokenizer")
    tokenizer = load_tokenizer(chosen.work / "tokenizer")
    set_seed(recipe.seed)
    model = build_model(recipe.shape, tokenizer)
    for stage in recipe.stages:
        final = chosen.work / stage.name / "final"
        if not final.exists():
            run_stage(recipe, stage, model, tokenizer, chosen.text, chosen.work)
        model = LlamaForCausalLM.from_pretrained(final, dtype=torch.float32)


if __name__ == "__main__":
    main()

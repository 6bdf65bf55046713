"""The contenders: each takes optimizer steps on the same samples until its gate ends them."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import tree_of
from roleplay.measures.likelihood import pad_right, tree_losses
from roleplay.models.adapter import attach_new
from roleplay.models.base import Base, load_base
from roleplay.models.spec import parse_spec
from roleplay.models.tree_plan import GROUPED
from roleplay.training.batching import attend_to_trees
from roleplay.training.decide import decide
from roleplay.training.heap import keep_freed_memory
from roleplay.training.resolve import load_presets
from roleplay.training.settings import Settings
from roleplay.training.tune import Beside, make_trainer
from tests.bench.training.case import ROWS_A_PASS, SAMPLES_A_STEP, Case
from tests.bench.training.gate import Gate, GateCallback

_LEARNING_RATE = 5e-5
_NEVER = 1_000_000
_UNCLIPPED = 1e9
"""The norm of the gradient is computed as always, and never shortened, so that gradients can be compared."""


def load(case: Case, folder: str, gate: Gate) -> tuple[Base, Any]:
    """The base as the project loads it, and an adapter whose weights are the same for every contender, not zero."""
    torch.set_num_threads(case.threads)
    base = load_base(parse_spec(folder), dtype=getattr(torch, case.dtype), device="cpu")
    tuned, _ = attach_new(base.model, rank=case.rank, alpha=2 * case.rank, dropout=0.0)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for _, weight in sorted((n, w) for n, w in tuned.named_parameters() if w.requires_grad):
            weight.normal_(0, 0.02, generator=draw)
    gate.loaded()
    return base, tuned.train()


class _Given:
    """Samples in the place of a corpus: one epoch, in order."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        self.longest = max(len(sample.ids) for sample in samples)

    def epoch(self, number: int) -> list[int]:
        return list(range(len(self.samples)))

    def sample(self, row: int) -> Sample:
        return self.samples[row]


def _ours(batching: str) -> Callable[[Case, str, Sequence[Sample], Gate], None]:
    """The product's own Trainer, decisions and presets included."""

    def run(case: Case, folder: str, samples: Sequence[Sample], gate: Gate) -> None:
        keep_freed_memory()  # as `prepare` does
        base, tuned = load(case, folder, gate)
        values = {key: value for key, value in load_presets()["founding"].items() if key != "about"}
        values |= {"batch_size": ROWS_A_PASS, "grad_accum": SAMPLES_A_STEP // ROWS_A_PASS, "max_length": 4096}
        values |= {"max_grad_norm": _UNCLIPPED, "save_steps": _NEVER, "eval_steps": _NEVER, "rank": case.rank}
        settings = Settings(**values, batching=batching, dtype=case.dtype, device="cpu")
        corpus = _Given(samples)
        base.model.set_attn_implementation(decide(settings, corpus.longest).attention)
        with tempfile.TemporaryDirectory() as output:
            job = SimpleNamespace(
                run=SimpleNamespace(checkpoints=Path(output)),
                config=SimpleNamespace(settings=settings, decisions=decide(settings, corpus.longest)),
                corpus=corpus,
                material=SimpleNamespace(has_heldout=False),
                base=base,
                tuned=tuned,
            )
            callback = GateCallback(gate)
            beside = Beside(callbacks=[callback])
            callback.trainer = make_trainer(job, heldout=[], beside=beside)  # type: ignore[arg-type]
            callback.trainer.train()

    return run


def _loop(case: Case, folder: str, samples: Sequence[Sample], gate: Gate) -> None:
    """Trees without any Trainer: the least that an optimizer step can be."""
    keep_freed_memory()
    _, tuned = load(case, folder, gate)
    attend_to_trees(tuned, GROUPED)
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=_LEARNING_RATE, fused=True)
    for i in range(0, len(samples), SAMPLES_A_STEP):
        tree = tree_of(samples[i : i + SAMPLES_A_STEP])
        with torch.autocast("cpu", torch.bfloat16, enabled=case.dtype == "bfloat16"):
            loss = tree_losses(tuned, tree).sum() / int(tree.times.sum())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, _UNCLIPPED)
        if i == 0:
            gate.keep_gradient(tuned)
            gate.keep_loss(float(loss))
        optimizer.step()
        optimizer.zero_grad()
        if not gate.step_done():
            return


def _products(case: Case, folder: str, samples: Sequence[Sample], gate: Gate) -> None:
    """The products of frozen weights with the tokens of a tree, forwards and backwards, and nothing else."""
    _, tuned = load(case, folder, gate)
    linears = [part for part in tuned.modules() if type(part) is torch.nn.Linear and not part.weight.requires_grad]
    head = tuned.get_output_embeddings()
    for i in range(0, len(samples), SAMPLES_A_STEP):
        tree = tree_of(samples[i : i + SAMPLES_A_STEP])
        with torch.inference_mode():
            for part in linears:
                tokens = len(set(tree.predicts)) if part is head else len(tree.ids)
                wide, narrow = (torch.ones(tokens, size, dtype=part.weight.dtype) for size in part.weight.shape)
                torch.nn.functional.linear(narrow, part.weight)
                torch.mm(wide, part.weight)
        if not gate.step_done():
            return


def _arguments(case: Case, rows: int, output: str) -> dict[str, Any]:
    return {
        "output_dir": output,
        "num_train_epochs": 1,
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": SAMPLES_A_STEP // rows,
        "learning_rate": _LEARNING_RATE,
        "lr_scheduler_type": "cosine",
        "max_grad_norm": _UNCLIPPED,
        "train_sampling_strategy": "sequential",
        "bf16": case.dtype == "bfloat16",
        "use_cpu": True,
        "logging_steps": 10,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


def _plain(case: Case, folder: str, samples: Sequence[Sample], gate: Gate) -> None:
    """`transformers.Trainer` with peft, padded to the right."""
    from transformers import Trainer, TrainingArguments

    base, tuned = load(case, folder, gate)
    pad = int(base.tokenizer.pad_token_id)
    callback = GateCallback(gate)
    with tempfile.TemporaryDirectory() as output:
        callback.trainer = Trainer(
            model=tuned,
            args=TrainingArguments(**_arguments(case, ROWS_A_PASS, output), remove_unused_columns=False),
            train_dataset=list(samples),  # type: ignore[arg-type]
            data_collator=lambda rows: pad_right(rows, pad),
            callbacks=[callback],
        )
        callback.trainer.train()


def _trl(rows: int, attention: str = "sdpa", **options: Any) -> Callable[[Case, str, Sequence[Sample], Gate], None]:
    """TRL's SFTTrainer on ready ids and completion masks; checkpointing of activations is off, which is faster."""

    def run(case: Case, folder: str, samples: Sequence[Sample], gate: Gate) -> None:
        from datasets import Dataset, disable_progress_bars
        from trl import SFTConfig, SFTTrainer

        disable_progress_bars()
        base, tuned = load(case, folder, gate)
        base.model.set_attn_implementation(attention)
        rows_of = [{"input_ids": list(s.ids), "completion_mask": [int(t) for t in s.trained]} for s in samples]
        callback = GateCallback(gate)
        with tempfile.TemporaryDirectory() as output:
            callback.trainer = SFTTrainer(
                model=tuned,
                processing_class=base.tokenizer,
                train_dataset=Dataset.from_list(rows_of),
                args=SFTConfig(
                    **_arguments(case, rows, output),
                    max_length=None,
                    completion_only_loss=True,
                    gradient_checkpointing=False,
                    **options,
                ),
                callbacks=[callback],
            )
            callback.trainer.train()

    return run


CONTENDERS: dict[str, Callable[[Case, str, Sequence[Sample], Gate], None]] = {
    "tree": _ours("tree"),
    "loop": _loop,
    "products": _products,
    "padded": _ours("padded"),
    "plain": _plain,
    "trl": _trl(ROWS_A_PASS),
    "trl-16": _trl(SAMPLES_A_STEP),
    "trl-eager": _trl(ROWS_A_PASS, "eager"),
    "trl-free": _trl(ROWS_A_PASS, padding_free=True),
}
TITLES = {
    "tree": "roleplay, trees",
    "loop": "the same trees, no Trainer",
    "products": "matrix products alone",
    "padded": "roleplay, padded rows",
    "plain": "transformers.Trainer + peft",
    "trl": "TRL SFTTrainer, 4 x 4 padded",
    "trl-16": "TRL SFTTrainer, 16 x 1 padded",
    "trl-eager": "TRL, 4 x 4 padded, eager attention",
    "trl-free": "TRL SFTTrainer, 4 x 4 padding-free",
    "factory": "LLaMA-Factory",
}

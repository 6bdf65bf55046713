"""The contenders: each takes optimizer steps on the same samples until its gate ends them."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import tree_of
from roleplay.measures.likelihood import pad_right, tree_losses
from roleplay.models.adapter import attach_new
from roleplay.models.base import Base
from roleplay.models.tree_plan import DENSE, FLEX, GROUPED
from roleplay.training.batching import attend_to_trees
from roleplay.training.decide import decide
from roleplay.training.heap import keep_freed_memory
from roleplay.training.resolve import load_presets
from roleplay.training.settings import Settings
from roleplay.training.tune import Beside, make_trainer
from tests.bench.training.case import ROWS_A_PASS, SAMPLES_A_STEP
from tests.bench.training.gate import Gate, GateCallback

_LEARNING_RATE = 5e-5
_NEVER = 1_000_000
_UNCLIPPED = 1e9
"""The norm of the gradient is computed as always, and never shortened, so that gradients can be compared."""


@dataclass(frozen=True)
class Ready:
    """What a contender is given: a base in memory and the adapter on it."""

    base: Base
    """The frozen weights."""
    tuned: Any
    """The same with an adapter whose first weights are those of every contender."""
    device: str
    """`cpu` or `cuda`."""
    dtype: str
    """`float32` or `bfloat16`: of products."""
    rank: int
    """Of the adapter."""


Contender = Callable[[Ready, Sequence[Sample], Gate], None]


def attach_first(base: Base, rank: int) -> Any:
    """A new adapter on `base`; its weights are the same for every contender on a device, and not zero."""
    tuned, _ = attach_new(base.model, rank=rank, alpha=2 * rank, dropout=0.0)
    weights = sorted((name, weight) for name, weight in tuned.named_parameters() if weight.requires_grad)
    draw = torch.Generator(weights[0][1].device).manual_seed(5)
    with torch.no_grad():
        for _, weight in weights:
            weight.normal_(0, 0.02, generator=draw)
    return tuned.train()


class _Given:
    """Samples in the place of a corpus: one epoch, in order."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        self.longest = max(len(sample.ids) for sample in samples)

    def epoch(self, number: int) -> list[int]:
        return list(range(len(self.samples)))

    def sample(self, row: int) -> Sample:
        return self.samples[row]


def _ours(batching: str, tree: str = GROUPED) -> Contender:
    """The product's own Trainer, decisions and presets included; of the ways to attend to trees, the given one."""

    def run(ready: Ready, samples: Sequence[Sample], gate: Gate) -> None:
        if ready.device == "cpu":
            keep_freed_memory()  # as `prepare` does
        values = {key: value for key, value in load_presets()["founding"].items() if key != "about"}
        values |= {"batch_size": ROWS_A_PASS, "grad_accum": SAMPLES_A_STEP // ROWS_A_PASS, "max_length": 4096}
        values |= {"max_grad_norm": _UNCLIPPED, "save_steps": _NEVER, "eval_steps": _NEVER, "rank": ready.rank}
        settings = Settings(**values, batching=batching, dtype=ready.dtype, device=ready.device)
        corpus = _Given(samples)
        decisions = replace(decide(settings, corpus.longest), tree_attention=tree)
        ready.base.model.set_attn_implementation(decisions.attention)
        with tempfile.TemporaryDirectory() as output:
            job = SimpleNamespace(
                run=SimpleNamespace(checkpoints=Path(output)),
                config=SimpleNamespace(settings=settings, decisions=decisions),
                corpus=corpus,
                material=SimpleNamespace(has_heldout=False),
                base=ready.base,
                tuned=ready.tuned,
            )
            callback = GateCallback(gate)
            beside = Beside(callbacks=[callback])
            callback.trainer = make_trainer(job, heldout=[], beside=beside)  # type: ignore[arg-type]
            callback.trainer.train()

    return run


def _loop(ready: Ready, samples: Sequence[Sample], gate: Gate) -> None:
    """Trees without any Trainer: the least that an optimizer step can be."""
    if ready.device == "cpu":
        keep_freed_memory()
    tuned = ready.tuned
    attend_to_trees(tuned, GROUPED)
    weights = [weight for weight in tuned.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=_LEARNING_RATE, fused=True)
    for i in range(0, len(samples), SAMPLES_A_STEP):
        tree = tree_of(samples[i : i + SAMPLES_A_STEP])
        with torch.autocast(ready.device, torch.bfloat16, enabled=ready.dtype == "bfloat16"):
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


def _products(ready: Ready, samples: Sequence[Sample], gate: Gate) -> None:
    """The products of frozen weights with the tokens of a tree, forwards and backwards, and nothing else."""
    tuned = ready.tuned
    linears = [part for part in tuned.modules() if type(part) is torch.nn.Linear and not part.weight.requires_grad]
    head = tuned.get_output_embeddings()
    for i in range(0, len(samples), SAMPLES_A_STEP):
        tree = tree_of(samples[i : i + SAMPLES_A_STEP])
        with torch.inference_mode():
            for part in linears:
                tokens = len(set(tree.predicts)) if part is head else len(tree.ids)
                wide, narrow = (part.weight.new_ones(tokens, size) for size in part.weight.shape)
                torch.nn.functional.linear(narrow, part.weight)
                torch.mm(wide, part.weight)
        if not gate.step_done():
            return


def _arguments(ready: Ready, rows: int, output: str) -> dict[str, Any]:
    gpu = ready.device == "cuda"
    return {
        "output_dir": output,
        "num_train_epochs": 1,
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": SAMPLES_A_STEP // rows,
        "learning_rate": _LEARNING_RATE,
        "lr_scheduler_type": "cosine",
        "max_grad_norm": _UNCLIPPED,
        "train_sampling_strategy": "sequential",
        "bf16": ready.dtype == "bfloat16",
        "use_cpu": not gpu,
        "logging_steps": 10,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": gpu,
        "dataloader_num_workers": 0,  # as the product has it
    }


def _plain(ready: Ready, samples: Sequence[Sample], gate: Gate) -> None:
    """`transformers.Trainer` with peft, padded to the right."""
    from transformers import Trainer, TrainingArguments

    pad = int(ready.base.tokenizer.pad_token_id)
    ready.base.model.set_attn_implementation("sdpa")
    callback = GateCallback(gate)
    with tempfile.TemporaryDirectory() as output:
        callback.trainer = Trainer(
            model=ready.tuned,
            args=TrainingArguments(**_arguments(ready, ROWS_A_PASS, output), remove_unused_columns=False),
            train_dataset=list(samples),  # type: ignore[arg-type]
            data_collator=lambda rows: pad_right(rows, pad),
            callbacks=[callback],
        )
        callback.trainer.train()


def _trl(rows: int, attention: str = "sdpa", **options: Any) -> Contender:
    """TRL's SFTTrainer on ready ids and completion masks; checkpointing of activations is off, which is faster."""

    def run(ready: Ready, samples: Sequence[Sample], gate: Gate) -> None:
        from datasets import Dataset, disable_progress_bars
        from trl import SFTConfig, SFTTrainer

        disable_progress_bars()
        ready.base.model.set_attn_implementation(attention)
        rows_of = [{"input_ids": list(s.ids), "completion_mask": [int(t) for t in s.trained]} for s in samples]
        callback = GateCallback(gate)
        with tempfile.TemporaryDirectory() as output:
            callback.trainer = SFTTrainer(
                model=ready.tuned,
                processing_class=ready.base.tokenizer,
                train_dataset=Dataset.from_list(rows_of),
                args=SFTConfig(
                    **_arguments(ready, rows, output),
                    max_length=None,
                    completion_only_loss=True,
                    gradient_checkpointing=False,
                    **options,
                ),
                callbacks=[callback],
            )
            callback.trainer.train()

    return run


CONTENDERS: dict[str, Contender] = {
    "tree": _ours("tree"),
    "tree-dense": _ours("tree", DENSE),
    "tree-flex": _ours("tree", FLEX),
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
    "tree-dense": "roleplay, trees, the whole mask",
    "tree-flex": "roleplay, trees, FlexAttention",
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

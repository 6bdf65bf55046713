"""`transformers.Trainer`, subclassed at its seams: order, held-out loss, checkpoints that are whole or absent."""

import functools
import json
import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft.optimizers import create_loraplus_optimizer
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer

from roleplay.dataset.build import Corpus, Row
from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import TokenTree, split_step, tree_of
from roleplay.errors import RunError
from roleplay.measures.likelihood import likelihoods, mean_loss, pad_right, token_losses, tree_losses
from roleplay.paths import storing
from roleplay.training.batching import TREE
from roleplay.training.run import Decisions
from roleplay.training.settings import Settings

_KEPT_CHECKPOINTS = 2
_UNTOLD = "untold_loss.json"


class EpochRows(Dataset[Sample]):
    """The rows of the epoch at hand; the data loader announces each epoch through `set_epoch`."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.rows: list[Row] = []
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Draw order and prefixes of `epoch`."""
        self.rows = self.corpus.epoch(epoch)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        return self.corpus.sample(self.rows[index])


class PersonaTrainer(Trainer):
    """Trains the adapter on `corpus`; the best one by held-out loss goes to `save_best` as soon as it is known."""

    optimizer: torch.optim.Optimizer | None

    def __init__(
        self,
        *,
        corpus: Corpus,
        heldout: Sequence[Sample],
        pad: int,
        decisions: Decisions,
        settings: Settings,
        save_best: Callable[[], None],
        **options: Any,
    ) -> None:
        super().__init__(
            train_dataset=EpochRows(corpus),
            eval_dataset=list(heldout) or None,
            data_collator=(
                functools.partial(_as_trees, limit=settings.max_tokens_per_pass)
                if decisions.batching == "tree"
                else functools.partial(pad_right, pad=pad)
            ),
            **options,
        )
        self.heldout, self.pad, self.save_best = heldout, pad, save_best
        self.decisions, self.settings = decisions, settings
        self._attend()
        self._staging: str | None = None
        self.model_accepts_loss_kwargs = True  # the loss is divided by the step's tokens here, not by its passes

    def _attend(self) -> None:
        if self.decisions.batching == "tree":
            self.model.set_attn_implementation(TREE)

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset or self.train_dataset)

    def _run_epoch(self, *args: Any, **options: Any) -> None:
        """Nothing where a run was killed between its last step and its summary: Trainer would take one step more."""
        if self.state.global_step < self.state.max_steps:
            super()._run_epoch(*args, **options)

    def _save_rng_state(self, output_dir: str) -> None:
        """With it, the loss since the last log entry, which Trainer forgets: the next entry would be another."""
        super()._save_rng_state(output_dir)
        untold = {"loss": self._tr_loss.item(), "since": self._globalstep_last_logged}
        (Path(output_dir) / _UNTOLD).write_text(json.dumps(untold), encoding="utf-8")

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Called on resume alone, before the first batch."""
        super()._load_rng_state(checkpoint)
        untold = json.loads((Path(str(checkpoint)) / _UNTOLD).read_text(encoding="utf-8"))
        self._tr_loss += untold["loss"]
        self._globalstep_last_logged = untold["since"]

    def create_optimizer(self, *args: Any, **options: Any) -> torch.optim.Optimizer:
        """AdamW; with LoRA+ (arXiv 2402.12354) its rate is that of the A matrices, the B matrices have a multiple."""
        ratio = self.settings.loraplus_lr_ratio
        if self.optimizer is None and ratio > 1:
            kind, kinds = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            kinds["loraplus_weight_decay"] = self.args.weight_decay
            self.optimizer = create_loraplus_optimizer(self.model, kind, loraplus_lr_ratio=ratio, **kinds)
        optimizer: torch.optim.Optimizer = super().create_optimizer(*args, **options)
        return optimizer

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """A whole optimizer step where it comes as trees: a pass for each, one loss for all."""
        if "trees" not in inputs:
            padded: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
            return padded
        model.train()
        trees: list[TokenTree] = inputs["trees"]
        count = sum(int(tree.times.sum()) for tree in trees)
        losses = []
        for tree in trees:
            with self.compute_loss_context_manager():
                loss = tree_losses(model, tree).sum() / count
            self.accelerator.backward(loss)
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Nats per trained token of the whole optimizer step, whatever the passes it is split into."""
        count = (inputs["labels"] != -100).sum() if num_items_in_batch is None else num_items_in_batch
        return token_losses(self.model, inputs).sum() / count

    def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
        """Raises RunError where a loss is no number any more: nothing good is learned from there on."""
        for name in ("loss", "eval_loss"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise RunError(
                    f"training has diverged: the loss at step {self.state.global_step} is {logs[name]}; start a new "
                    "run with a lower --learning-rate"
                )
        super().log(logs, *args, **options)

    def evaluate(self, *args: Any, **options: Any) -> dict[str, float]:
        """Held-out loss in nats per trained token, exact over all held-out samples."""
        self.model.eval()
        self.model.set_attn_implementation(self.decisions.attention)
        with self.compute_loss_context_manager():
            metrics = {"eval_loss": mean_loss(likelihoods(self.model, self.heldout, self.pad))}
        self.model.train()
        self._attend()
        self.log(metrics)
        self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        is_best = bool(super()._determine_best_metric(metrics, trial))
        if is_best:
            self.save_best()
        return is_best

    def _get_output_dir(self, trial: Any) -> str:
        return self._staging or str(super()._get_output_dir(trial))

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """Write under a temporary name, flush, rename: a checkpoint that can be seen is whole."""
        output = Path(self.args.output_dir)
        name = f"checkpoint-{self.state.global_step}"
        staging = output / ".writing"
        self._staging = str(staging)
        try:
            with storing(output / name):
                shutil.rmtree(staging, ignore_errors=True)
                super()._save_checkpoint(model, trial)
                for path in staging.rglob("*"):
                    if path.is_file():
                        with path.open("rb") as file:
                            os.fsync(file.fileno())
                shutil.rmtree(output / name, ignore_errors=True)
                (staging / name).rename(output / name)
        finally:
            self._staging = None
            shutil.rmtree(staging, ignore_errors=True)
        for old in checkpoints(output)[:-_KEPT_CHECKPOINTS]:
            shutil.rmtree(old, ignore_errors=True)


def _as_trees(samples: Sequence[Sample], limit: int | None) -> dict[str, Any]:
    """The samples of an optimizer step as trees of at most `limit` tokens each."""
    groups = [range(len(samples))] if limit is None else split_step([sample.ids for sample in samples], limit)
    trees = [tree_of([samples[i] for i in group]) for group in groups]
    return {"input_ids": torch.from_numpy(trees[0].ids)[None], "trees": trees}


def checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints in `folder`, the oldest first."""
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return sorted(found, key=lambda path: int(path.name.rsplit("-", 1)[1]))

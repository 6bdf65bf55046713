"""`transformers.Trainer`, subclassed at its seams: whole optimizer steps, held-out loss, the best kept at once."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.data_loader import prepare_data_loader
from peft.optimizers import create_loraplus_optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset, SequentialSampler
from transformers import Trainer, TrainerControl

from roleplay.dataset.sample import Sample
from roleplay.dataset.trainable import Trainable
from roleplay.errors import RunError
from roleplay.measures.likelihood import likelihoods
from roleplay.training.batching import attend_to_trees
from roleplay.training.checkpoints import newest_step, whole_or_absent
from roleplay.training.processes import process, processes
from roleplay.training.run import Decisions
from roleplay.training.settings import Settings
from roleplay.training.steps import Collator, Step, pass_losses

_UNTOLD = "untold_loss.json"


class EpochRows(Dataset[Sample]):
    """The rows of the epoch at hand; the data loader announces each epoch through `set_epoch`."""

    def __init__(self, corpus: Trainable[Any]) -> None:
        self.corpus = corpus
        self.rows: list[Any] = []
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Draw order and prefixes of `epoch`."""
        self.rows = self.corpus.epoch(epoch)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        return self.corpus.sample(self.rows[index])


class PersonaTrainer(Trainer):
    """Trains on `corpus`; the best by held-out loss goes to `save_best` as soon as it is known."""

    optimizer: torch.optim.Optimizer | None
    control: TrainerControl

    def __init__(
        self,
        *,
        corpus: Trainable[Any],
        heldout: Sequence[Sample],
        pad: int,
        decisions: Decisions,
        settings: Settings,
        save_best: Callable[[], None],
        took: Callable[[Step], None] = lambda step: None,
        **options: Any,
    ) -> None:
        """`took` hears of each step."""
        rows = settings.batch_size
        if decisions.max_tokens_per_pass is not None:
            rows = max(1, min(rows, decisions.max_tokens_per_pass // corpus.longest))
        collator = Collator(
            tree=decisions.batching == "tree",
            rows=rows,
            limit=decisions.max_tokens_per_pass,
            pad=pad,
            process=process(),
            processes=processes(),
        )
        super().__init__(
            train_dataset=EpochRows(corpus), eval_dataset=list(heldout) or None, data_collator=collator, **options
        )
        self.heldout, self.pad, self.save_best = heldout, pad, save_best
        self.decisions, self.settings, self.took = decisions, settings, took
        self._attend()
        self._staging: str | None = None
        self._norm: torch.Tensor | float = 0.0
        self.model_accepts_loss_kwargs = True  # the loss is divided by the step's tokens here, not by its passes

    def _attend(self) -> None:
        if self.decisions.batching == "tree":
            attend_to_trees(self.model, self.decisions.tree_attention)

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """The model as chat has it: without dropout, attending to rows."""
        self.model.eval()
        self.model.set_attn_implementation(self.decisions.attention)
        try:
            yield
        finally:
            self.model.train()
            self._attend()

    def get_train_dataloader(self) -> Any:
        """Whole optimizer steps in every process: the collator takes the share of each."""
        loader = DataLoader(
            self.train_dataset,
            batch_size=self._train_batch_size,
            sampler=SequentialSampler(self.train_dataset),
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
            num_workers=self.args.dataloader_num_workers,
            prefetch_factor=self.args.dataloader_prefetch_factor,
        )
        return prepare_data_loader(loader, self.args.device, num_processes=1, process_index=0, put_on_device=False)

    def _run_epoch(self, *args: Any, **options: Any) -> None:
        """Nothing where a run was killed between its last step and its summary: Trainer would take one step more."""
        if self.state.global_step < self.state.max_steps:
            super()._run_epoch(*args, **options)

    def _save_rng_state(self, output_dir: str) -> None:
        """With it, the loss since the last log entry, which Trainer forgets: the next entry would be another."""
        super()._save_rng_state(output_dir)
        if process() == 0:
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
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])  # not every scheduler notes the peak
        return optimizer

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """What is learned of the gradients stays; peak rates, betas and decay are those of the settings.

        Where the settings are those of the checkpoint, nothing changes by a bit.
        """
        if checkpoint is None or self.optimizer is None:
            return
        fresh = [{k: v for k, v in group.items() if k != "params"} for group in self.optimizer.param_groups]
        super()._load_optimizer_and_scheduler(checkpoint)
        for group, values in zip(self.optimizer.param_groups, fresh, strict=True):
            peak, rate = group["initial_lr"], group["lr"]
            group.update(values)
            group["lr"] = rate if peak == values["initial_lr"] else rate * values["initial_lr"] / peak
        if isinstance(self.lr_scheduler, LambdaLR):
            self.lr_scheduler.base_lrs = [group["initial_lr"] for group in fresh]
            for group, shape in zip(self.optimizer.param_groups, self.lr_scheduler.lr_lambdas, strict=True):
                group["lr"] = group["initial_lr"] * shape(self.lr_scheduler.last_epoch)
        self.lr_scheduler._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """A whole optimizer step, its passes one after the other; processes meet in the last backward pass only."""
        model.train()
        step: Step = inputs["step"]
        losses = []
        for i, part in enumerate(step.passes):
            alone = i < len(step.passes) - 1
            with self.accelerator.no_sync(model) if alone else contextlib.nullcontext():
                with self.compute_loss_context_manager():
                    # Processes average their gradients: times their number, that is the sum over the step's tokens.
                    loss = pass_losses(model, part).sum() / step.trained_tokens * processes()
                self.accelerator.backward(loss)
            losses.append(loss.detach())
        self.took(step)
        return torch.stack(losses).sum()

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted: Trainer's estimate knows nothing of what samples share."""
        return 0

    def _clip_grad_norm(self, model: Any) -> Any:
        """On a CPU a gradient that is no number ends the run before it reaches a weight; a GPU is not waited for."""
        self._norm = super()._clip_grad_norm(model)
        if self.decisions.device == "cpu":
            self._refuse_divergence("gradient", self._norm, self.state.global_step + 1)
        return self._norm

    def _refuse_divergence(self, what: str, value: torch.Tensor | float, step: int) -> None:
        if not math.isfinite(float(value)):
            kept = newest_step(Path(self.args.output_dir))
            told = "nothing was saved before" if kept is None else f"the checkpoint of step {kept} is kept"
            raise RunError(
                f"training has diverged: the {what} at step {step} is {float(value)}; {told}; start a new run with a "
                "lower --learning-rate"
            )

    def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
        """Raises RunError where a loss is no number any more: nothing good is learned from there on."""
        for name in ("loss", "eval_loss"):
            self._refuse_divergence("loss", logs.get(name, 0.0), self.state.global_step)
        super().log(logs, *args, **options)

    def evaluate(self, *args: Any, **options: Any) -> dict[str, float]:
        """Held-out loss in nats per trained token, exact over all held-out samples; each process scores its share."""
        mine = self.heldout[process() :: processes()]
        with self.at_rest(), self.compute_loss_context_manager():
            scores = likelihoods(self.model, mine, self.pad)
        sums = torch.tensor(
            [sum(s.nats for s in scores), float(sum(s.tokens for s in scores))],
            dtype=torch.float64,
            device=self.args.device,
        )
        nats, tokens = self.accelerator.reduce(sums, reduction="sum").tolist()
        metrics = {"eval_loss": nats / max(1, tokens)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        is_best = bool(super()._determine_best_metric(metrics, trial))
        if is_best:
            self.save_best()
        return is_best

    def _get_output_dir(self, trial: Any) -> str:
        return self._staging or str(super()._get_output_dir(trial))

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """Whole or absent; never one of weights that are no numbers any more."""
        if self.decisions.dtype != "float16":  # whose scaler passes over such steps
            self._refuse_divergence("gradient", self._norm, self.state.global_step)
        with whole_or_absent(Path(self.args.output_dir), self.state.global_step) as staging:
            self._staging = str(staging)
            try:
                super()._save_checkpoint(model, trial)
            finally:
                self._staging = None

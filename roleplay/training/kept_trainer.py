"""`transformers.Trainer`, subclassed at its seams for every stage: what it keeps is whole, and goes on exactly."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from peft.optimizers import create_loraplus_optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, TrainerControl
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from roleplay.errors import RunError
from roleplay.training.checkpoints import newest_step, whole_or_absent
from roleplay.training.processes import process
from roleplay.training.run import Decisions
from roleplay.training.settings import Settings

_UNTOLD = "untold_loss.json"


class KeptTrainer(Trainer):
    """Checkpoints whole or absent, the best kept at once, an end where training diverges.

    It comes before the class that computes a loss, which may be any subclass of Trainer.
    """

    optimizer: torch.optim.Optimizer | None
    control: TrainerControl

    def __init__(
        self, *, decisions: Decisions, settings: Settings, save_best: Callable[[], None], **options: Any
    ) -> None:
        """`save_best` is called as soon as what was learned is the best so far; `options` are those of Trainer."""
        super().__init__(**options)
        self.remove_callback(PrinterCallback)
        self.remove_callback(ProgressCallback)
        self.decisions, self.settings, self.save_best = decisions, settings, save_best
        self.ended_early = False
        """Whether the run is over before its last step."""
        self._staging: str | None = None
        self._norm: torch.Tensor | float = 0.0

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

    def _attend(self) -> None:
        """Let the model attend as it is trained."""

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

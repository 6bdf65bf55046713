"""TRL's trainers as they are, between our rendering and our way of keeping runs: no loss is computed here."""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import Trainer
from trl import DPOTrainer, GRPOTrainer, KTOTrainer, RewardTrainer, RLOOTrainer

from roleplay.errors import RunError
from roleplay.preference.reference import LEARNING
from roleplay.training.kept_trainer import KeptTrainer
from roleplay.training.watch import Took

_UNTOLD = "untold_figures.json"


class Measured(Protocol):
    """The held-out half of a run's lessons."""

    def measure(self, tuned: Any) -> dict[str, float]:
        """Figures of the model as it is, `eval_loss` among them: the lower the better."""
        ...


class ChoiceTrainer(KeptTrainer):
    """What our trainers do otherwise than TRL's: they take tokens as we render them, and measure by `heldout`.

    Nothing is sent to anybody, and no model card is written beside a checkpoint.
    """

    _metrics: dict[str, dict[str, list[float]]]

    def __init__(self, *, heldout: Measured, took: Took, max_kl: float | None = None, **options: Any) -> None:
        """`took` hears of each pass; beyond `max_kl` nats a reply no step is the best, and the run ends."""
        self.heldout, self.took, self.max_kl = heldout, took, max_kl
        self._told = 0.0
        super().__init__(**options)
        for weight in self.model.parameters():
            if weight.requires_grad:  # TRL halves them on a quantised base, where small steps would be rounded away
                weight.data = weight.data.float()

    def _send_telemetry(self) -> None:
        pass

    def create_model_card(self, *args: Any, **options: Any) -> None:
        """None: a run has one of its own."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **options: Any) -> Any:
        return dataset

    def training_step(self, *args: Any, **options: Any) -> torch.Tensor:
        """One pass; TRL counts its tokens from the beginning of the run, and so do those who resume it."""
        with self._drawing():
            loss: torch.Tensor = super().training_step(*args, **options)
        total = sum(self._metrics["train"].get("num_tokens", [self._told]))
        self.took(self.args.per_device_train_batch_size, int(total - self._told) if self._told else 0)
        self._told = total
        return loss

    def evaluate(self, *args: Any, **options: Any) -> dict[str, float]:
        """Held-out figures of now."""
        with self.at_rest(), self.compute_loss_context_manager(), self._drawing():
            metrics = self.heldout.measure(self.model)
        self._refuse_divergence("held-out loss", metrics["eval_loss"], self.state.global_step)
        Trainer.log(self, dict(metrics))  # TRL's would take the figures of training for those of this evaluation
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        if self.state.global_step and not self._is_near(metrics):
            self._refuse_nothing_near(metrics["eval_kl"])
            self.ended_early = self.control.should_training_stop = True
            self.control.should_save = False  # whoever goes on from a checkpoint takes a step, and this was the last
        return metrics

    @contextlib.contextmanager
    def _drawing(self) -> Iterator[None]:
        """Raises RunError where no token can be drawn, for the model's numbers are none any more."""
        try:
            yield
        except RuntimeError as error:
            # As a CPU says it, and as a GPU does, whose check is an assertion in a kernel.
            if "probability tensor" in str(error) or "device-side assert" in str(error):
                self._refuse_divergence("likelihood of drawn tokens", math.nan, self.state.global_step)
            raise

    def _determine_best_metric(self, metrics: Mapping[str, float], trial: Any) -> bool:
        """The best has the highest held-out pair accuracy; among equals, and without pairs, the lowest loss."""
        known = [entry for entry in self.state.log_history if "eval_loss" in entry and self._is_near(entry)]
        past = [entry for entry in known if 0 < entry["step"] < self.state.global_step]
        if not self._is_near(metrics) or any(_worth(entry) >= _worth(metrics) for entry in past):
            return False
        self.state.best_metric = metrics["eval_loss"]
        self.state.best_global_step = self.state.global_step
        self.save_best()
        return True

    def _is_near(self, metrics: Mapping[str, float]) -> bool:
        return self.max_kl is None or metrics.get("eval_kl", 0.0) <= self.max_kl

    def _refuse_nothing_near(self, distance: float) -> None:
        """Raises RunError where no step was within `max_kl`: there is nothing to keep as the best."""
        if self.state.best_metric is None:
            raise RunError(
                f"no step was within --max-kl {self.max_kl:g}: at step {self.state.global_step} a reply is "
                f"{distance:.1f} nats from where it began; start a new run with a lower --learning-rate, a higher "
                "--beta, or --eval-steps that look sooner"
            )

    def _save_rng_state(self, output_dir: str) -> None:
        """With it, the figures since the last log entry: the next entry tells their mean."""
        super()._save_rng_state(output_dir)
        (Path(output_dir) / _UNTOLD).write_text(json.dumps(dict(self._metrics["train"])), encoding="utf-8")

    def _load_rng_state(self, checkpoint: str | None) -> None:
        super()._load_rng_state(checkpoint)
        untold = json.loads((Path(str(checkpoint)) / _UNTOLD).read_text(encoding="utf-8"))
        self._metrics["train"].update(untold)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """The adapter that learns; its reference is where the run began, and is not to be loaded in its place."""
        self.model.save_pretrained(
            output_dir, state_dict=state_dict, selected_adapters=[LEARNING], save_embedding_layers=False
        )


def _worth(metrics: Mapping[str, float]) -> tuple[float, float]:
    return metrics.get("eval_pair_accuracy", 0.0), -metrics["eval_loss"]


class Dpo(ChoiceTrainer, DPOTrainer):
    """Direct preference optimization (Rafailov et al. 2023, arXiv 2305.18290)."""


class Kto(ChoiceTrainer, KTOTrainer):
    """Kahneman-Tversky optimization (Ethayarajh et al. 2024, arXiv 2402.01306): each reply is good or bad by itself."""


class Rewarder(ChoiceTrainer, RewardTrainer):
    """A reward model of pairs (Bradley and Terry 1952; Ouyang et al. 2022, arXiv 2203.02155)."""


class _Drawn(ChoiceTrainer):
    """Replies are drawn to prompts that are tokens already."""

    eos_token_ids: list[int]

    def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return prompts, None, {}


class Rloo(_Drawn, RLOOTrainer):
    """REINFORCE leave-one-out (Ahmadian et al. 2024, arXiv 2402.14740)."""


class Grpo(_Drawn, GRPOTrainer):
    """Group relative policy optimization (Shao et al. 2024, arXiv 2402.03300)."""

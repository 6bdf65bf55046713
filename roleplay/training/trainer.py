"""Trains on dialogues or raw text: whole optimizer steps, and the held-out loss of all samples."""

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from accelerate.data_loader import prepare_data_loader
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from roleplay.dataset.sample import Sample
from roleplay.dataset.trainable import Trainable
from roleplay.measures.likelihood import likelihoods
from roleplay.training.batching import attend_to_trees
from roleplay.training.kept_trainer import KeptTrainer
from roleplay.training.processes import process, processes
from roleplay.training.run import Decisions
from roleplay.training.settings import Settings
from roleplay.training.steps import Collator, Step, pass_losses
from roleplay.training.watch import Took, unheard

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


class PersonaTrainer(KeptTrainer):
    """Trains on `corpus`; the best by held-out loss goes to `save_best` as soon as it is known."""

    def __init__(
        self,
        *,
        corpus: Trainable[Any],
        heldout: Sequence[Sample],
        pad: int,
        decisions: Decisions,
        settings: Settings,
        took: Took = unheard,
        **options: Any,
    ) -> None:
        """`took` hears of each step; `options` are those of `KeptTrainer`."""
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
            decisions=decisions,
            settings=settings,
            train_dataset=EpochRows(corpus),
            eval_dataset=list(heldout) or None,
            data_collator=collator,
            **options,
        )
        self.heldout, self.pad, self.took = heldout, pad, took
        self._attend()
        self.model_accepts_loss_kwargs = True  # the loss is divided by the step's tokens here, not by its passes

    def _attend(self) -> None:
        if self.decisions.batching == "tree":
            attend_to_trees(self.model, self.decisions.tree_attention)

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
        self.took(step.samples, step.tokens)
        return torch.stack(losses).sum()

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted: Trainer's estimate knows nothing of what samples share."""
        return 0

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

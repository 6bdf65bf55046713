"""Muon for the matrices of the blocks, AdamW for everything else, as one optimizer."""

from collections.abc import Callable
from typing import Any

import torch


class MuonAdamW(torch.optim.Optimizer):
    """Two optimizers behind one interface, so that one scheduler and one checkpoint serve both.

    Muon (Jordan et al. 2024) orthogonalises the momentum of a matrix; its step is scaled to AdamW's size
    ("match_rms_adamw", arXiv 2502.16982), which lets both share a learning rate.
    """

    def __init__(self, model: torch.nn.Module, lr: float, weight_decay: float) -> None:
        matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
        chosen = {id(p) for p in matrices}
        others = [p for p in model.parameters() if id(p) not in chosen]
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=lr, weight_decay=0.0, betas=(0.9, 0.95)),
        ]
        super().__init__([{"params": matrices}, {"params": others}], {"lr": lr})
        self._share_groups()

    def _share_groups(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both parts."""
        loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of both parts."""
        return {"parts": [part.state_dict() for part in self.parts], "param_groups": [], "state": {}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()

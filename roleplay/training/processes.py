"""The processes of one training, where a launcher started several: who is first, and what all of them agree on."""

import os
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def process() -> int:
    """Number of this process, 0 for the one that speaks and writes."""
    return int(os.environ.get("RANK", "0"))


def processes() -> int:
    """How many processes train together; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join(device: str | None) -> None:
    """Meet the other processes: over gloo where `device` is `cpu` or no GPU is here, else over NCCL."""
    if processes() > 1:
        import torch
        from accelerate import PartialState

        PartialState(cpu=device == "cpu" or not torch.cuda.is_available())


def from_first(make: Callable[[], T]) -> T:
    """What `make` returns in the first process; where it fails there, the others end quietly."""
    if processes() == 1:
        return make()
    from accelerate.utils import broadcast_object_list

    told: list[T | None] = [None]
    if process() == 0:
        try:
            told = [make()]
        finally:
            broadcast_object_list(told)
    else:
        broadcast_object_list(told)
    if told[0] is None:
        sys.exit(1)
    return told[0]


def asked_anywhere(asked: bool) -> bool:
    """Whether `asked` is true in any process."""
    if processes() == 1:
        return asked
    import torch
    from accelerate import PartialState

    flag = torch.tensor(int(asked), device=PartialState().device)
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
    return bool(flag)


def wait() -> None:
    """Until every process is here."""
    if processes() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()

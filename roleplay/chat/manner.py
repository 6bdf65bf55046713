"""How a chat is held, as typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a screen is drawn before any of them is needed
    from roleplay.chat.remotes import Remote


@dataclass(frozen=True)
class Manner:
    """What was typed; the same for every character opened in one run of the program."""

    base: str | None = None
    """The typed base; `None` leaves the choice to adapter and card."""
    run: str | None = None
    """The run whose adapter is wanted; `None` takes the newest."""
    which: str = "best"
    """`best`, `last`, or `epoch-N` where that was kept."""
    trust_remote_code: bool = False
    """Whether the base's own code may run."""
    quant: str | None = None
    """How the base is kept in memory, `none`, `int8` or `nf4`; `None` keeps it as the adapter's run did."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    dtype: str | None = None
    """Precision of the weights, `float32` or `bfloat16`; `None` is the device's."""
    compile: bool = False
    """Whether generation is compiled, with a static cache; on CUDA only."""
    backend: str | None = None
    """URL of the server that answers in every lane of the character and its base; `None` loads them here."""
    remotes: tuple[Remote, ...] = ()
    """Models of other programs that may answer in lanes beside the conversation."""
    greet: bool = True
    """Whether a new chat begins with the card's greeting."""
    sampling: tuple[tuple[str, float | int | None], ...] = ()
    """Typed sampling settings, and a seed."""
    switches: tuple[tuple[str, bool], ...] = ()
    """Typed prefix switches."""

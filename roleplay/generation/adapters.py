"""The adapters that lie beside one base, by the labels that lanes name them by."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from roleplay.errors import BaseModelError
from roleplay.generation.lanes import Lane
from roleplay.models.adapter import PERSONA, load_adapter, load_beside
from roleplay.models.base import Base
from roleplay.models.rows import BARE

if TYPE_CHECKING:
    from peft import PeftModel

_LOADED = 6
"""Adapters that stay in memory where no lane asks for more at once."""


class Adapters:
    """Those of one base; the one loaded first has the empty label."""

    def __init__(self, base: Base, tuned: "PeftModel | None") -> None:
        self.base, self.tuned = base, tuned
        self._names = {"": PERSONA} if tuned is not None else {}
        """Label to name inside the model; the least recently used first."""
        self._fresh = (f"{PERSONA}{number}" for number in itertools.count(2))
        """Names for those to come: never one twice, so that nothing kept for one is taken for another's."""

    def attach(self, which: str, folder: Path) -> None:
        """Load the adapter in `folder` as `which`, unless it is there. Raises AdapterError."""
        if which in self._names:
            self._names[which] = self._names.pop(which)
            return
        name = next(self._fresh)
        if self.tuned is None:
            self.tuned = load_adapter(self.base, folder, name)
        else:
            load_beside(self.tuned, self.base, folder, name)
        self._names[which] = name

    def weights(self, lanes: Sequence[Lane], chosen: str, strength: float) -> list[tuple[str, float]]:
        """Name of the adapter and strength of each lane; at a strength of 0 it is the base itself.

        `chosen` is the label that a lane's empty one stands for. Raises BaseModelError for one that is not attached.
        """
        found = []
        for lane in lanes:
            if not lane.adapter:
                found.append((BARE, 0.0))
                continue
            which = lane.which or chosen
            if which not in self._names:
                missing = f"'{which}' is not attached" if which else "none is loaded; train one or choose base lanes"
                raise BaseModelError(f"a persona lane needs an adapter, and {missing}")
            self._names[which] = self._names.pop(which)
            found.append((self._names[which], strength) if strength else (BARE, 0.0))
        return found

    def release(self, used: Sequence[str]) -> list[str]:
        """Drop those beyond a handful, the least recently used first but none of `used`; the names of those dropped."""
        if self.tuned is None:
            return []
        spare = [label for label, name in self._names.items() if name not in {*used, *self.tuned.active_adapters}]
        gone = [self._names.pop(label) for label in spare[: max(len(self._names) - _LOADED, 0)]]
        for name in gone:
            self.tuned.delete_adapter(name)
        return gone

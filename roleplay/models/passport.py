"""Whose an adapter is and which base it was trained on: readable without loading any weights."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from roleplay.errors import AdapterError
from roleplay.paths import shown
from roleplay.text import one_line

PASSPORT = "roleplay.json"


@dataclass(frozen=True)
class BaseIdentity:
    """What an adapter depends on."""

    name: str
    """`pocket`, the last part of a folder's path, or a hub id: never a path of somebody's machine."""
    revision: str | None
    """Commit of a hub id."""
    config: str
    """Hash of the configuration."""
    tokenizer: str
    """Hash of vocabulary, merges and added tokens."""
    template: str
    """Hash of the chat template."""
    weights: str | None
    """Fingerprint of the files of weights; `None` where it is not known."""

    def differences(self, other: "BaseIdentity") -> list[str]:
        """Names of the parts that differ in what matters to an adapter."""
        mine, theirs = asdict(self), asdict(other)
        parts = ["config", "tokenizer", "template"]
        if self.weights is not None and other.weights is not None:
            parts.append("weights")
        return [part for part in parts if mine[part] != theirs[part]]


@dataclass(frozen=True)
class Passport:
    """What a folder of weights cannot say by itself; kept beside them."""

    character: str
    """Name of the card."""
    base: BaseIdentity
    """The base it was trained on."""
    run: str
    """Name of the run."""
    step: int
    """Optimizer step the weights were taken at."""
    heldout_loss: float | None
    """Held-out loss at that step, nats per trained token."""

    @property
    def label(self) -> str:
        """The adapter in a few characters: `character/run@step`."""
        return f"{self.character}/{self.run}@{self.step}"


def read_passport(folder: Path) -> Passport:
    """The passport beside an adapter. Raises AdapterError."""
    try:
        value = json.loads((folder / PASSPORT).read_text(encoding="utf-8"))
        return Passport(**{**value, "base": BaseIdentity(**value["base"])})
    except FileNotFoundError as error:
        raise AdapterError(
            f"{shown(folder)} has no {PASSPORT}: it was not made by roleplay, so nobody can tell its base; train one "
            "with 'roleplay train'"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise AdapterError(f"{shown(folder / PASSPORT)} is damaged: {one_line(str(error))}; train again") from error

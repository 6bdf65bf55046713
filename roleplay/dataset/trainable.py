"""What training asks of a dataset, whether it holds dialogues or raw text."""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

from roleplay.dataset.sample import Sample
from roleplay.dataset.unit import Losses, Voice


class Row(Protocol):
    """One training sequence of an epoch; hashable."""

    @property
    def group(self) -> str:
        """What it is resampled with in an interval: its dialogue or its block of text."""


class Part(Protocol):
    """One corpus of a dataset."""

    @property
    def path(self) -> str:
        """File, as the person would type it, or the label of what is replayed."""

    @property
    def kind(self) -> str:
        """`desc`, `dialogue`, `general` or `text`."""

    @property
    def weight(self) -> float:
        """Passes in an epoch."""

    @property
    def dialogues(self) -> int:
        """Entries: dialogues with the greetings, or documents."""

    @property
    def samples(self) -> int:
        """Trained sequences in a pass."""

    @property
    def heldout_samples(self) -> int:
        """Sequences never trained."""

    @property
    def losses(self) -> Losses:
        """What the limit cost."""


R = TypeVar("R", bound=Row)


class Trainable(Protocol[R]):
    """Everything a character is trained on in one run."""

    @property
    def voice(self) -> Voice:
        """Card, prefixes and renderer."""

    @property
    def corpora(self) -> Sequence[Part]:
        """In card order, then what is replayed."""

    @property
    def limit(self) -> int:
        """Longest sequence in tokens."""

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence; known after `check`."""

    @property
    def fingerprint(self) -> str:
        """Hash of every text, its corpus and its split."""

    def epoch(self, number: int) -> list[R]:
        """Rows of one epoch in training order, always the same and always as many."""

    def mix(self, number: int) -> tuple[int, ...]:
        """How many rows of that epoch come from each of `corpora`."""

    def sample(self, row: R) -> Sample:
        """The rendered row."""

    def heldout(self, active: Collection[str] | None = None) -> list[R]:
        """Rows never trained, with the prefixes `active`; `None` means those that a new chat has on."""

    def check(self, epochs: int) -> int:
        """The gate for `epochs` epochs and evaluation; returns the number of rows. Raises GateError."""

"""Everything that is posted to the screens where characters are made and trained; threads post, handlers draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from roleplay.cards.load import CardFile
    from roleplay.dataset.sheet import HeldCorpus
    from roleplay.evaluation.background import Evaluating
    from roleplay.evaluation.listing import ListedEvaluation
    from roleplay.training.listing import ListedRun
    from roleplay.training.progress import RunProgress
    from roleplay.training.resolve import Resolved
    from roleplay.training.run import Run


@dataclass
class CardRead(Message):
    """The marked character's card was read."""

    name: str
    """Name of the character."""
    card_file: CardFile | None
    """Its card; `None` where that is faulty."""
    faults: tuple[str, ...]
    """What is wrong with it."""


@dataclass
class CorpusCounted(Message):
    """A corpus of the marked character was read."""

    name: str
    """Name of the character."""
    corpus: HeldCorpus
    """What it holds."""


@dataclass
class StatisticsTold(Message):
    """The corpora of a character were measured."""

    name: str
    """Name of the character."""
    text: str
    """What `roleplay data stats` says."""


@dataclass
class CharacterAdded(Message):
    """A character was written or imported."""

    name: str
    """Name of the character."""
    report: str
    """What was written, and what to do next."""


@dataclass
class NotAdded(Message):
    """What was typed makes no character."""

    way: str
    """`new` or `import`."""
    typed: Mapping[str, str]
    """What was typed."""
    problem: str
    """What happened and what to do."""


@dataclass
class SettingsResolved(Message):
    """What would be trained with."""

    number: int
    """Number of the question; only the newest is drawn."""
    resolved: Resolved | None
    """Settings and their sources; `None` where what is typed makes none."""
    problem: str
    """Why not; else empty."""


@dataclass
class PlanTold(Message):
    """A training was planned."""

    text: str
    """What `roleplay train --plan` says, or why it cannot."""
    failed: bool
    """Whether it cannot."""


@dataclass
class RunChosen(Message):
    """A run is to be watched."""

    run: Run
    """Its folder."""


@dataclass
class LookedAt(Message):
    """The run that is watched was read anew."""

    progress: RunProgress
    """Where it is."""


@dataclass
class RunsRead(Message):
    """The runs in reach are known."""

    runs: Sequence[ListedRun]
    """All of them, in the order in which they are shown."""
    promoted: Mapping[Path, str]
    """By folder of a run: which of its adapters is promoted, `best`, `last` or `epoch-N`."""


@dataclass
class AnswersNow(Message):
    """An adapter was promoted, or that was taken back."""

    character: str
    """Whose it is."""
    label: str
    """The adapter that answers now, `RUN@which`; empty where there is none."""


@dataclass
class EvaluationsAsked(Message):
    """A run is to be evaluated."""

    run: Run
    """Its folder."""


@dataclass
class EvaluationsRead(Message):
    """The evaluations in reach are known, and how far the one in the background is."""

    evaluations: Sequence[ListedEvaluation]
    """All of them, in the order in which they are shown."""
    character: str | None
    """Who would be evaluated next; `None` where nobody is chosen."""
    adapter: str
    """Which adapter that would be; empty for the base alone."""
    evaluating: Evaluating | None
    """The evaluation of that character that was begun last; `None` without any."""

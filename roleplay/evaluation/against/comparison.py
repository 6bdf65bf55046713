"""What a comparison of two adapters found: each figure before and after, and what they say."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from roleplay.evaluation.report import SECTIONS, Finding
from roleplay.evaluation.report import Section as Measured
from roleplay.measures.interval import Interval
from roleplay.paths import write_file

Section = Measured | Literal["choices", "reward"]
"""Under which heading a figure stands."""
HEADINGS: tuple[tuple[Section, str], ...] = (
    ("choices", "What people chose"),
    ("reward", "What was rewarded, and how far it moved"),
    *SECTIONS.items(),
)
"""Headings, in the order in which they are shown."""


@dataclass(frozen=True)
class Figure:
    """One figure of both adapters."""

    name: str
    """In JSON: `pair_accuracy`; a term of a reward is `reward TERM`."""
    section: Section
    """Where it is shown."""
    title: str
    """For people: `held-out pairs in the right order`."""
    better: Literal["lower", "higher", "neither"]
    """Which way is good."""
    lane: str
    """Which lane it is about."""
    before: Interval | None
    """Of the adapter before; `None` for a figure that only both together have."""
    after: Interval
    """Of the adapter after, or of both together."""
    difference: Interval | None = None
    """After minus before, over the same prompts; `None` where values are not per prompt."""
    scale: Literal["number", "percent"] = "number"
    """`percent`: a share from 0 to 1 that people read as per cent."""
    note: str = ""
    """What it is, in a sentence."""


@dataclass(frozen=True)
class SideBySide:
    """A prompt with what both adapters said."""

    part: str
    """As `Sample.part`, or `drawn` for a reply that was drawn for the reward."""
    prompt: str
    """The person's last turn."""
    before: str
    """Reply of the adapter before."""
    after: str
    """Reply of the adapter after."""


@dataclass(frozen=True)
class Comparison:
    """One adapter against another, on one base."""

    character: str
    """Name of the card."""
    display_name: str
    """Name the character goes by."""
    language: str
    """Language tag of the card."""
    base: str
    """Name of the base."""
    before: str
    """The adapter before: `RUN@which`, `shipped@best`."""
    after: str
    """The adapter after, likewise."""
    counts: dict[str, int]
    """What was compared: `held-out pairs`, `drawn replies`, and so on."""
    settings: dict[str, Any]
    """What decides the figures."""
    figures: tuple[Figure, ...]
    """In the order in which they are shown."""
    samples: tuple[SideBySide, ...]
    """A few, to read."""
    findings: tuple[Finding, ...]
    """The worst first."""

    def figure(self, name: str) -> Figure | None:
        """The figure called `name`; `None` where this comparison has none."""
        return next((figure for figure in self.figures if figure.name == name), None)


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write it as JSON, whole or not at all. Raises StorageError."""
    write_file(path, json.dumps(asdict(comparison), ensure_ascii=False, indent=2) + "\n")

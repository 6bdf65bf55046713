"""What an evaluation found: figures by lane, a few replies to read, and what they say."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from roleplay.errors import EvaluationError
from roleplay.measures.interval import Interval
from roleplay.paths import shown, write_file
from roleplay.text import one_line

Section = Literal["likelihood", "overlap", "style", "manner", "probes", "knowledge", "retention"]
"""Under which heading a measure stands."""
SECTIONS: Mapping[Section, str] = {
    "likelihood": "How likely the character's own lines are",
    "overlap": "Overlap with the character's own answers",
    "style": "Does it sound like the character?",
    "manner": "Manner of the replies",
    "probes": "Questions about the character and its world",
    "knowledge": "What its books in the prompt are worth",
    "retention": "What the base still knows without the prefix",
}
"""Headings, in the order in which they are shown."""


@dataclass(frozen=True)
class Measure:
    """One figure, in every lane that has it."""

    name: str
    """In JSON: `heldout_bits`."""
    section: Section
    """Where it is shown."""
    title: str
    """For people: `held-out lines, bits per character`."""
    better: Literal["lower", "higher", "neither"]
    """Which way is good."""
    lanes: dict[str, Interval]
    """By lane name."""
    scale: Literal["number", "percent"] = "number"
    """`percent`: a share from 0 to 1 that people read as per cent."""
    references: dict[str, float] | None = None
    """Figures to hold it against, such as `corpus`, `floor`, `ceiling`."""
    note: str = ""
    """What it is, in a sentence."""


@dataclass(frozen=True)
class Sample:
    """A prompt with what each lane said."""

    part: str
    """`heldout`, `trained`, `identity`, `out_of_world`, `with_knowledge`, `without_knowledge` or `general`."""
    prompt: str
    """The person's last turn."""
    reference: str
    """What the corpus or a book says; empty where none says anything."""
    replies: dict[str, str]
    """By lane name."""


@dataclass(frozen=True)
class Finding:
    """What the figures say together."""

    level: Literal["good", "note", "warning"]
    """How to take it."""
    text: str
    """A sentence or two, with what to do about it."""


@dataclass(frozen=True)
class Report:
    """One evaluation of one adapter."""

    character: str
    """Name of the card."""
    display_name: str
    """Name the character goes by."""
    language: str
    """Language tag of the card."""
    adapter: str
    """`RUN@which`, or `shipped@best`."""
    base: str
    """Name of the base."""
    lanes: tuple[str, ...]
    """Names of the lanes, in the order in which they are shown."""
    counts: dict[str, int]
    """What was measured: `heldout dialogues`, `heldout prompts`, and so on."""
    settings: dict[str, Any]
    """What decides the figures: sampling, limits, seed."""
    measures: tuple[Measure, ...]
    """In the order in which they are shown."""
    samples: tuple[Sample, ...]
    """A few, to read."""
    findings: tuple[Finding, ...]
    """The worst first."""
    seconds: float
    """How long it took, since it was last interrupted."""
    versions: dict[str, str]
    """Of Python and the libraries that compute figures."""

    def measure(self, name: str) -> Measure | None:
        """The measure called `name`; `None` where this evaluation has none."""
        return next((measure for measure in self.measures if measure.name == name), None)


_REPORT = TypeAdapter(Report)


def write_report(report: Report, path: Path) -> None:
    """Write it as JSON, whole or not at all. Raises StorageError."""
    write_file(path, json.dumps(asdict(report), ensure_ascii=False, indent=2) + "\n")


def read_report(path: Path) -> Report:
    """Read one back. Raises EvaluationError where it is missing or damaged."""
    try:
        return _REPORT.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvaluationError(
            f"{shown(path)} is missing or damaged ({one_line(str(error))}); remove it and evaluate again"
        ) from error

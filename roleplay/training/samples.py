"""What a character answered while it learned: `samples.jsonl` of a run, a line a reply."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from roleplay.paths import storing, write_file
from roleplay.training.run import read_metrics


@dataclass(frozen=True)
class TrainingSample:
    """The likeliest reply to a held-out prompt, with the prefixes of a new chat."""

    step: int
    """Optimizer steps done."""
    epoch: float
    """Passes over the dataset done."""
    prompt: str
    """What the person says."""
    written: str
    """The answer in the corpus, which was never trained."""
    reply: str
    """What the character says by now."""


def read_samples(path: Path) -> list[TrainingSample]:
    """Every whole line, in the order in which it was written; a line cut off by a crash is skipped."""
    found: list[TrainingSample] = []
    for entry in read_metrics(path):
        try:
            found.append(TrainingSample(**entry))
        except TypeError:
            continue
    return found


def keep_until(path: Path, step: int) -> list[TrainingSample]:
    """Drop what lies beyond a resumed `step`; returns what is left."""
    kept = [sample for sample in read_samples(path) if sample.step <= step and step]
    if path.exists():
        write_file(path, _lines(kept))
    return kept


def append_samples(path: Path, samples: Sequence[TrainingSample]) -> None:
    """Add a round of replies. Raises StorageError."""
    with storing(path), path.open("a", encoding="utf-8") as file:
        file.write(_lines(samples))


def _lines(samples: Sequence[TrainingSample]) -> str:
    return "".join(json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in samples)

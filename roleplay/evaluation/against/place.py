"""Where a comparison is kept, under a name that stands for everything that decides its figures.

evaluations/yui/liked@best-against-shipped@best-1f0c33ab/
    notebook.jsonl     drawn replies and likelihoods as they are found; an interrupted comparison goes on from it
    before.jsonl       the same of the adapter before, where its own evaluation cut dialogues elsewhere
    comparison.json    every figure
    comparison.html    the same to look at, one file
    differences.png    what changed
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from roleplay.evaluation.scope import Scope
from roleplay.paths import Home
from roleplay.text import fingerprint


@dataclass(frozen=True)
class Place:
    """The files of one comparison."""

    folder: Path
    """`evaluations/<character>/<after>-against-<before>-<hash>`."""

    @property
    def notebook(self) -> Path:
        """What was found so far."""
        return self.folder / "notebook.jsonl"

    @property
    def before(self) -> Path:
        """What was found of the adapter before, where its own evaluation cannot be used."""
        return self.folder / "before.jsonl"

    @property
    def comparison(self) -> Path:
        """Every figure."""
        return self.folder / "comparison.json"

    @property
    def page(self) -> Path:
        """The same to look at."""
        return self.folder / "comparison.html"

    @property
    def picture(self) -> Path:
        """What changed."""
        return self.folder / "differences.png"


def place_of(home: Home, character: str, labels: tuple[str, str], decided: Sequence[str], scope: Scope) -> Place:
    """`labels` are before and after; `decided` hashes of what else counts: weights, base, card, corpora."""
    before, after = (label.replace("/", "-") for label in labels)
    told = json.dumps([*decided, asdict(scope) | {"batch": None}], sort_keys=True)
    return Place(home.evaluations / character / f"{after}-against-{before}-{fingerprint(told)[:8]}")

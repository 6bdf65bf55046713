"""Where an evaluation is kept, under a name that stands for everything that decides its figures.

evaluations/yui/2026-05-01-quick@best-full-1f0c33ab/
    notebook.jsonl    replies and likelihoods as they are found; an interrupted evaluation goes on from it
    report.json       every figure; written last but for the page
    report.html       the same to look at, one file
    lanes.png         …
    predictions/      prompt, predict and label of each held-out prompt, a file a lane, as LLaMA-Factory writes them
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roleplay.chat.open import Opened
from roleplay.dataset.corpus import Corpus
from roleplay.evaluation.general import general_questions, languages
from roleplay.evaluation.prompts import Prompt
from roleplay.evaluation.scope import FULL, QUICK, Scope
from roleplay.measures.lines import RealLines
from roleplay.models.find import adapter_choices
from roleplay.paths import Home
from roleplay.text import fingerprint


@dataclass(frozen=True)
class Place:
    """The files of one evaluation."""

    folder: Path
    """`evaluations/<character>/<adapter>-<scope>-<hash>`."""

    @property
    def notebook(self) -> Path:
        """What was found so far."""
        return self.folder / "notebook.jsonl"

    @property
    def report(self) -> Path:
        """Every figure."""
        return self.folder / "report.json"

    @property
    def page(self) -> Path:
        """The same to look at."""
        return self.folder / "report.html"

    def picture(self, name: str) -> Path:
        """A PNG."""
        return self.folder / f"{name}.png"

    def predictions(self, lane: str) -> Path:
        """Of one lane."""
        return self.folder / "predictions" / f"{lane}.jsonl"


def place_of(
    home: Home, opened: Opened, corpus: Corpus, lines: RealLines, scope: Scope, known: Sequence[Prompt] = ()
) -> Place:
    """The place of an evaluation; the same for the same weights, base, card, corpora, voices of others and scope.

    `known` are the questions about its books, with what these say.
    """
    card = opened.voice.card
    decided: dict[str, Any] = {
        "card": card.model_dump_json(),
        "corpora": corpus.fingerprint,
        "base": asdict(opened.engine.base.identity),
        "dtype": str(opened.engine.base.model.dtype),
        "adapter": weights_of(opened),
        "general": [asdict(one) for language in languages() for one in general_questions(language)],
        "lines": {language: asdict(found) for language, found in lines.languages.items()},
        "scope": asdict(scope) | {"batch": None},
    }
    if known:
        decided["known"] = [[one.part, one.asked, one.reference, one.accept, one.passages] for one in known]
    print_ = fingerprint(json.dumps(decided, sort_keys=True))[:8]
    size = {QUICK: "quick", FULL: "full"}.get(scope, "own")
    return Place(home.evaluations / card.name / f"{adapter_label(opened)}-{size}-{print_}")


def adapter_label(opened: Opened) -> str:
    """`RUN@which`, `shipped@best`, or `base` where no adapter answers."""
    choices = adapter_choices(opened.home, opened.voice.card.name)
    return next((choice.label for choice in choices if choice.folder == opened.folder), "base")


def weights_of(opened: Opened) -> str:
    """Hash of the adapter in memory; empty where there is none."""
    if opened.engine.tuned is None:
        return ""
    digest = hashlib.sha256()
    for name, weight in sorted(opened.engine.tuned.named_parameters()):
        if "lora_" in name:
            digest.update(name.encode() + weight.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()

"""Training settings: preset < card < typed flag, resolved once, each value with where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from roleplay.cards.load import CardFile
from roleplay.errors import Fault, FileFaults, UsageError
from roleplay.models.spec import POCKET
from roleplay.text import did_you_mean, one_line
from roleplay.training.contradictions import refuse_contradictions
from roleplay.training.settings import PREFERENCE, Settings


@dataclass(frozen=True)
class Resolved:
    """Settings and their sources."""

    preset: str
    """Name of the preset underneath."""
    settings: Settings
    """The values in force."""
    sources: Mapping[str, str]
    """Setting -> `preset NAME`, `card`, `typed` or `default`."""


def load_presets(name: str = "presets.yaml") -> dict[str, dict[str, Any]]:
    """Name -> values and `about`, as they ship: those for dialogues and texts."""
    presets: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return presets


def every_preset() -> dict[str, dict[str, Any]]:
    """Those for dialogues and texts, then one for each stage of choices."""
    return load_presets() | load_presets("choice_presets.yaml")


def resolve(card_file: CardFile, base_name: str, preset: str | None, typed: Mapping[str, Any]) -> Resolved:
    """Preset < card < typed. Raises FileFaults for the card's values, UsageError for typed ones.

    The preset is the typed one, else that of the typed stage where it is one of choices, else the card's, else `quick`
    on `pocket` and `founding` elsewhere. A card's values are about dialogues: a stage of choices goes without them.
    """
    presets = every_preset()
    chosen = preset or _default_preset(card_file, base_name, typed.get("stage"))
    stage = typed.get("stage") or presets.get(chosen, {}).get("stage")
    card_values = {} if stage in PREFERENCE else dict(card_file.card.training.model_extra or {})
    if chosen not in presets:
        problem, remedy = f"there is no preset '{one_line(chosen)}'", did_you_mean(chosen, presets)
        if preset is None:
            raise FileFaults([_card_fault(card_file, "preset", problem, remedy)])
        raise UsageError(f"{problem}; {remedy}")
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    typed = {key: value for key, value in typed.items() if value is not None}
    preset_values = {key: value for key, value in presets[chosen].items() if key != "about"}
    for layer, source in ((preset_values, f"preset {chosen}"), (card_values, "card"), (typed, "typed")):
        values |= layer
        sources |= dict.fromkeys(layer, source)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise _as_faults(card_file, sources, error) from error
    refuse_contradictions(settings)
    return Resolved(chosen, settings, {key: sources[key] for key in Settings.model_fields})


def _default_preset(card_file: CardFile, base_name: str, stage: object) -> str:
    """Where none is typed: a stage of choices has one of its own name, the others the card's or the base's."""
    if stage in PREFERENCE:
        return str(stage)
    return card_file.card.training.preset or ("quick" if base_name == POCKET else "founding")


def retyped(settings: Settings, typed: Mapping[str, Any]) -> Settings:
    """`settings` with typed values in their place. Raises UsageError for values that are none."""
    values = settings.model_dump() | {key: value for key, value in typed.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        wrong = [_wrong(str(issue["loc"][0]), _problem(issue)[0]) for issue in error.errors()]
        raise UsageError("; ".join(wrong)) from error


def _as_faults(card_file: CardFile, sources: Mapping[str, str], error: ValidationError) -> FileFaults | UsageError:
    faults, wrong = [], []
    for issue in error.errors():
        key = str(issue["loc"][0])
        problem, remedy = _problem(issue)
        if sources.get(key) == "typed":
            wrong.append(_wrong(key, problem))
        else:
            faults.append(_card_fault(card_file, key, problem, remedy))
    return UsageError("; ".join(wrong)) if wrong else FileFaults(faults)


def _problem(issue: Any) -> tuple[str, str]:
    """What is wrong with a value, and the remedy."""
    if issue["type"] == "extra_forbidden":
        return "is not a setting of training", did_you_mean(str(issue["loc"][0]), Settings.model_fields)
    problem = f"{issue['msg'][0].lower()}{issue['msg'][1:]} (seen: {one_line(repr(issue['input']))})"
    return problem, "correct the value"


def _wrong(key: str, problem: str) -> str:
    return f"--{key.replace('_', '-')}: {problem}"


def _card_fault(card_file: CardFile, key: str, problem: str, remedy: str) -> Fault:
    line = card_file.lines.line(("training", key))
    return Fault(card_file.lines.file, line, f"training.{key}", problem, remedy)

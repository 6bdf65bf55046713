"""What a sweep tries: lists of values, one after another in one line, and every way to combine them.

lr=1e-3,2e-3,rank=8,16,epochs=5      four points; the setting named first changes last
"""

import itertools
from typing import Any

from pydantic import ValidationError

from roleplay.errors import UsageError
from roleplay.text import did_you_mean, one_line
from roleplay.training.resolve import load_presets
from roleplay.training.settings import Settings

_SHORT = {"lr": "learning_rate"}
_SAME_FOR_ALL = (
    "stage",
    "tuning",
    "freeze_layers",
    "from_adapter",
    "scheduler_options",
    "keep_epochs",
    "samples",
    "batching",
    "max_tokens_per_pass",
    "device",
    "dtype",
    "quant",
    "gradient_checkpointing",
    "compile",
)
"""How the base is loaded and computed, and what takes more than one word to say."""
_OF_CHOICES = ("pairs", "beta", "reward", "generations", "temperature", "max_new_tokens", "max_kl")
"""Settings of the stages that learn by choices, of which a sweep makes no runs."""
_TRIED = tuple(name for name in Settings.model_fields if name not in (*_SAME_FOR_ALL, *_OF_CHOICES))


def parse_grid(text: str) -> list[dict[str, Any]]:
    """Settings of every point, in order. Raises UsageError with all faults at once.

    A part of `text` without `=` is one more value of the setting before it.
    """
    faults: list[str] = []
    lists: dict[str, list[Any]] = {}
    name: str | None = None
    for part in text.split(","):
        said, equals, value = part.rpartition("=")
        if equals:
            name = _name(said.strip(), lists, faults)
        elif not lists and not faults:
            faults.append(f"'{one_line(part)}' belongs to no setting; write one such as rank=8,16")
        if name is not None:
            _add(lists[name], name, value.strip(), faults)
    if faults:
        raise UsageError("--grid: " + "; ".join(faults))
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def short(name: str) -> str:
    """A setting as people call it."""
    return next((word for word, whole in _SHORT.items() if whole == name), name)


def _name(said: str, lists: dict[str, list[Any]], faults: list[str]) -> str | None:
    """The setting that was `said`, with an empty list begun for it; `None` where it is a fault."""
    name = _SHORT.get(said, said.replace("-", "_"))
    if name in lists:
        faults.append(f"{said} is given twice; put its values in one list")
    elif name in _TRIED:
        lists[name] = []
        return name
    elif name in _SAME_FOR_ALL:
        faults.append(f"{said} is the same for all runs of a sweep; leave it out of the grid")
    elif name in _OF_CHOICES:
        faults.append(f"{said} is about choices, and a sweep trains dialogues or texts; leave it out of the grid")
    else:
        faults.append(f"'{one_line(said)}' is not a setting of training; {did_you_mean(name, (*_SHORT, *_TRIED))}")
    return None


def _add(values: list[Any], name: str, text: str, faults: list[str]) -> None:
    """Read one more value of `name`, as its setting takes it."""
    whole = {key: value for key, value in load_presets()["founding"].items() if key != "about"}
    try:
        value = getattr(Settings.model_validate(whole | {name: text}), name)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        faults.append(f"{name}: {message[0].lower()}{message[1:]} (seen: '{one_line(text)}')")
        return
    if value in values:
        faults.append(f"{name}: {one_line(text)} is given twice; leave one out")
    values.append(value)

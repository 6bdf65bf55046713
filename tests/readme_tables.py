"""Tables of README and docs that are made from the code; `python -m tests.readme_tables` writes them anew."""

import re
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from roleplay.cards.model import Card, CorpusEntry, Generation, Prefix, Probe, Probes, TrainingChoice
from roleplay.chat.words import WORDS
from roleplay.training.resolve import every_preset, load_presets
from roleplay.training.settings import CHOICE_SETTINGS, Settings
from tui.palette import key_help

README = Path(__file__).parents[1] / "README.md"
PREFERENCES = README.parent / "docs" / "preferences.md"


def card_table() -> str:
    """Keys of a card with their attribute docstrings; nested parts are listed under the key that holds them."""
    parts = {"prefixes": Prefix, "corpora": CorpusEntry, "generation": Generation, "training": TrainingChoice}
    rows = ["| key | meaning |", "| --- | --- |"]
    for name, field in Card.model_fields.items():
        key = field.alias or name
        rows.append(_row(f"`{key}`", field.description, required=field.is_required()))
        if key in parts:
            rows += [
                _row(f"`{key}` › `{inner}`", part.description, required=part.is_required())
                for inner, part in parts[key].model_fields.items()
            ]
        if key == "probes":
            rows.append(_row("`probes` › `known`", Probes.model_fields["known"].description, required=False))
            rows += [
                _row(f"`{key}` › … › `{inner}`", part.description, required=part.is_required())
                for inner, part in Probe.model_fields.items()
            ]
    return "\n".join(rows)


def settings_table() -> str:
    """Training settings, their meaning, and what each preset says; but for those of choices."""
    return _settings([name for name in Settings.model_fields if name not in CHOICE_SETTINGS], load_presets())


def choices_table() -> str:
    """Settings of tuning by choices, and those that its presets set otherwise than each other."""
    presets = {name: values for name, values in every_preset().items() if name not in load_presets()}
    told = {name: {str(values.get(name)) for values in presets.values()} for name in Settings.model_fields}
    names = [name for name in Settings.model_fields if len(told[name]) > 1 or name in CHOICE_SETTINGS]
    return _settings([name for name in names if name != "stage"], presets)


def _settings(names: Sequence[str], presets: Mapping[str, Mapping[str, object]]) -> str:
    rows = [f"| setting | meaning | {' | '.join(presets)} |", "| --- " * (2 + len(presets)) + "|"]
    for name in names:
        values = [_value(preset.get(name, Settings.model_fields[name].default)) for preset in presets.values()]
        rows.append(f"| `{name}` | {_flat(_docstring(Settings, name))} | {' | '.join(values)} |")
    return "\n".join(rows)


def keys_table() -> str:
    """Keys of the chat screen, with the ids under which a person can choose others."""
    rows = ["| key | what it does | id |", "| --- | --- | --- |"]
    return "\n".join([*rows, *(f"| {key} | {what} | {f'`{id_}`' if id_ else ''} |" for key, what, id_ in key_help({}))])


def words_table() -> str:
    """Words with a slash."""
    rows = ["| word | what it does |", "| --- | --- |"]
    return "\n".join([*rows, *(f"| `{_flat(word.usage)}` | {_flat(word.what)} |" for word in WORDS.values())])


def _docstring(model: type[BaseModel], name: str) -> str:
    return typing.cast(str, model.model_fields[name].description)


def _row(key: str, description: str | None, *, required: bool) -> str:
    return f"| {key}{' (required)' if required else ''} | {_flat(description or '')} |"


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _value(value: object) -> str:
    return "—" if value in (None, "", ()) else f"{value:g}" if isinstance(value, float) else str(value)


def filled(text: str) -> str:
    """A page with its tables made anew between their markers."""
    for name, table in (
        ("card", card_table()),
        ("settings", settings_table()),
        ("choices", choices_table()),
        ("keys", keys_table()),
        ("words", words_table()),
    ):
        text = re.sub(
            rf"(<!-- {name} table -->\n).*?(<!-- end -->)", lambda m, t=table: m[1] + t + "\n" + m[2], text, flags=re.S
        )
    return text


if __name__ == "__main__":
    for page in (README, PREFERENCES):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")

"""A card as YAML that a person likes to read; `load_card` gives the same card back."""

import re
from typing import Any

import yaml

from roleplay.cards.model import Card
from roleplay.text import clean

_HEAD = (
    "schema",
    "name",
    "display_name",
    "user_name",
    "language",
    "version",
    "creator",
    "license",
    "description",
    "tags",
)
_ON_ONE_LINE = ("tags", "catchphrases", "accept", "forbid")
_LIKE_A_VALUE = re.compile(r"[-+.~0-9]|(true|false|null)$", re.IGNORECASE)


class _Key(str):
    """A key that is no plain word."""


class _Flow(list[Any]):
    """A list on one line."""


class _FlowMap(dict[str, Any]):
    """A mapping on one line."""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, list entries indented, whatever YAML would read as something else in quotes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    """How `text` is quoted; `None` leaves it to the emitter."""
    if clean(text) != text:  # among them are line ends of YAML, which would come back as newlines
        return '"'
    # A block that begins with a space needs a sign for its depth, one that ends in empty lines a sign for its end.
    if "\n" in text and text[0] not in " \t\n" and not text.endswith("\n\n"):
        return "|"
    return '"' if _LIKE_A_VALUE.match(text) else None


def _key(dumper: yaml.SafeDumper, key: _Key) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(key), style='"')


def _flow(dumper: yaml.SafeDumper, value: _Flow) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


def _flow_map(dumper: yaml.SafeDumper, value: _FlowMap) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Key, _key)
_Dumper.add_representer(_Flow, _flow)
_Dumper.add_representer(_FlowMap, _flow_map)


def card_yaml(card: Card, about: str = "") -> str:
    """The whole file; `about` becomes comment lines at its head. What has its default value is left out."""
    fields = card.model_dump(by_alias=True, exclude_defaults=True)
    head = {key: fields.pop(key) for key in _HEAD if key in fields}
    parts = [plain_yaml(head), *(plain_yaml({key: value}) for key, value in fields.items())]
    return "".join(f"# {line}\n" for line in about.splitlines()) + "\n".join(parts)


def plain_yaml(values: dict[str, Any]) -> str:
    """Any JSON object as YAML that `strictyaml.parse` reads as the same values."""
    return yaml.dump(_laid_out(values), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**9)


def _laid_out(value: Any, key: str = "") -> Any:
    """`value` with short lists, and entries of `corpora`, on one line."""
    if isinstance(value, dict):
        return {name if name.isidentifier() else _Key(name): _laid_out(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        if key in _ON_ONE_LINE and all(isinstance(item, str) and "\n" not in item for item in value):
            return _Flow(value)
        if key == "corpora":
            return [_FlowMap(item) if isinstance(item, dict) else item for item in value]
        return [_laid_out(item) for item in value]
    return value

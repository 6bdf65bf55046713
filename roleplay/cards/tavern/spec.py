"""Which format a card of another program is in, and the one shape that all of them are read as.

V2 and V3 keep their fields under `data`; V1, Pygmalion and text-generation-webui at the root. The common shape is that
of `data`: fields of the same name mean the same in all of them, and unknown ones stay where they are.
"""

from dataclasses import dataclass
from typing import Any, Literal

from roleplay.cards.tavern.examples import split_context
from roleplay.cards.tavern.refuse import refused
from roleplay.text import one_line

Spec = Literal["v1", "v2", "v3", "pygmalion", "webui"]

V1 = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
_PYGMALION = {
    "char_name": "name",
    "char_persona": "description",
    "world_scenario": "scenario",
    "char_greeting": "first_mes",
    "example_dialogue": "mes_example",
}
_KNOWN: dict[str, tuple[Spec, float]] = {"chara_card_v2": ("v2", 2.0), "chara_card_v3": ("v3", 3.0)}


@dataclass(frozen=True)
class Recognised:
    """A card whose format is known."""

    spec: Spec
    """What it was written as."""
    data: dict[str, Any]
    """Its fields in the common shape."""
    warnings: tuple[str, ...] = ()
    """What is odd about the format."""


def recognise(value: Any, file: str) -> Recognised:
    """Tell the format. Raises FileFaults for what is no card."""
    if not isinstance(value, dict):
        raise refused(file, "holds no card: a card is an object of fields", "give a card")
    spec, data = value.get("spec"), value.get("data")
    if isinstance(data, dict) and (isinstance(spec, str) or "name" in data):
        return _versioned(value, data)
    if "name" in value and any(key in value for key in V1[1:]):
        odd = ("names a spec but has no 'data'; read as V1",) if spec is not None else ()
        return Recognised("v1", value, odd)
    if "char_name" in value:
        return Recognised("pygmalion", {str(_PYGMALION.get(key, key)): field for key, field in value.items()})
    if "name" in value and ("greeting" in value or "context" in value):
        return Recognised("webui", _from_webui(value))
    seen = ", ".join(one_line(str(key), 20) for key in list(value)[:6]) or "nothing"
    what = "a lorebook" if "entries" in value or spec == "lorebook_v3" else "no card"
    raise refused(file, f"holds {what}, with the keys {seen}", "a card has 'data', or 'name' and 'description'")


def shaped(data: dict[str, Any], spec: Spec) -> dict[str, Any]:
    """The whole file of a card whose fields are `data`."""
    if spec in ("v2", "v3"):
        return {"spec": f"chara_card_{spec}", "spec_version": f"{spec[1]}.0", "data": data}
    if spec == "webui":
        rest = {key: field for key, field in data.items() if key not in V1}
        texts = [data.get(key) for key in ("description", "personality", "scenario", "mes_example")]
        talk = [text.replace("<START>\n", "") for text in texts if isinstance(text, str) and text]
        return {"name": data.get("name"), "greeting": data.get("first_mes"), "context": "\n\n".join(talk), **rest}
    return data


def _versioned(value: dict[str, Any], data: dict[str, Any]) -> Recognised:
    given = value.get("spec")
    spec, newest = _KNOWN.get(given if isinstance(given, str) else "", ("v3" if given is not None else "v2", 0.0))
    version = value.get("spec_version")
    try:
        number = float(version if isinstance(version, str | int | float) else "")
    except (ValueError, OverflowError):
        number = newest
    warnings = []
    if not newest and given is not None:
        warnings.append(f"says it is '{one_line(str(given))}', which is not known; read as {spec.upper()}")
    elif newest and number > newest:
        warnings.append(f"is of version {one_line(str(version))}, newer than {newest}; unknown fields are kept")
    return Recognised(spec, data, tuple(warnings))


def _from_webui(value: dict[str, Any]) -> dict[str, Any]:
    name, context = value.get("name"), value.get("context")
    persona, talk = (
        split_context(context, [name] if isinstance(name, str) else []) if isinstance(context, str) else ("", "")
    )
    fields = dict.fromkeys(V1, "") | {"name": name, "description": persona.strip()}
    fields |= {"first_mes": value.get("greeting", "")}
    rest = {key: field for key, field in value.items() if key not in ("name", "greeting", "context", *V1)}
    return {**fields, "mes_example": talk.strip(), **rest}

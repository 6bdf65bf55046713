"""A character into a tavern card and out of it, with nothing lost on either way.

Each side has fields that the other lacks or says otherwise. What the fields alone would not give back goes along as
changes with guards: of the tavern card in `extra.tavern` of the native one, of the native card in `extensions.roleplay`
of the tavern one. An edit on either side wins over what went along.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from roleplay.cards.model import Card
from roleplay.cards.tavern.changes import Path, difference, restore
from roleplay.cards.tavern.character import EXAMPLES, Character
from roleplay.cards.tavern.examples import examples_text
from roleplay.cards.tavern.from_card import tavern_fields
from roleplay.cards.tavern.json_text import same_json
from roleplay.cards.tavern.kept import FAMILY, TIES, Kept, kept_of
from roleplay.cards.tavern.luggage import KEY, Luggage, filler_print, stow, take
from roleplay.cards.tavern.spec import Recognised, Spec, recognise, shaped
from roleplay.cards.tavern.to_card import examples, native_fields
from roleplay.dialogue import Dialogue, Turn

UNNAMED = "Unnamed"
"""Display name of a card that gives none."""
_PLACEHOLDER = "unnamed"
_NATIVE_TIES: dict[Path, Path] = {("card", "corpora"): ("nothing of theirs",)}
# The list of corpora is ours whatever is edited elsewhere; `_settled` makes it follow the examples.


@dataclass(frozen=True)
class Arrival:
    """A character that came out of a tavern card."""

    character: Character
    """Its card is called as asked, else as before it travelled, else after the display name or the file; not at all
    where none of those has a Latin letter or digit."""
    spec: Spec
    """Format of the tavern card."""
    data: Mapping[str, Any]
    """The tavern card's fields, without what was ours."""
    kept: tuple[str, ...]
    """Fields of the tavern card that went to `extra.tavern`, dotted."""
    loose_examples: int
    """Blocks of `mes_example` that are no talk; they are kept, but not in the corpus."""
    warnings: tuple[str, ...]
    """What is odd."""


def arrive(value: Any, file: str, name: str | None, fallback: str) -> Arrival:
    """Read a tavern card. `fallback` names a character whose display name has no letter that a file name can have."""
    card_read = recognise(value, file)
    warnings = list(card_read.warnings)
    plain, luggage = take(card_read.data)
    made = _native(plain)
    character = _character(made)
    if luggage is not None:
        with_luggage = _settled(restore(made, luggage.changes, _NATIVE_TIES), luggage.files)
        if with_luggage is None:
            warnings.append(f"extensions.{KEY} does not fit this version of roleplay; kept, not used")
            plain, luggage = card_read.data, None
        else:
            character = with_luggage
    kept = _kept(value, card_read, plain, character)
    kept = replace(kept, named=luggage is not None and luggage.name is not None)
    display = character.card.display_name if character.card.display_name != UNNAMED else ""
    called = name or (luggage.name if luggage else None) or slug(display) or slug(fallback)
    extra = dict(character.card.extra)
    if kept != Kept(kept.spec):
        extra["tavern"] = kept.packed()
    card = character.card.model_copy(update={"name": called, "extra": extra})
    changes = [*kept.fields, *(change for change in kept.outer if change.at[0] not in plain)]
    named_fields = dict.fromkeys([*kept.crlf, *(".".join(change.at) for change in changes if not change.absent)])
    loose = examples(plain, UNNAMED).left_out
    return Arrival(replace(character, card=card), card_read.spec, plain, tuple(named_fields), loose, tuple(warnings))


def depart(
    character: Character, spec: Spec, sample: Sequence[Dialogue] = (), assets: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """The whole tavern card. Raises FileFaults where `extra.tavern` was damaged.

    `sample` shows how the character speaks where it has no examples of its own, `assets` names its pictures where the
    card names none; neither comes back as part of the character.
    """
    kept = kept_of(character.card)
    plain_card = _without_extra(character.card)
    plain = replace(character, card=plain_card)
    changes = [change for change in kept.fields if kept.spec == spec or not change.lacks_field]
    data: dict[str, Any] = restore(_with_crlf(tavern_fields(plain, spec), kept.crlf), changes, TIES)
    if spec in FAMILY:
        luggage = Luggage(
            name=plain_card.name if kept.named else None,
            changes=tuple(difference(_as_values(plain), _native(data), _NATIVE_TIES)),
            files=character.files,
        )
        fillers: dict[str, Any] = {}
        if sample and data.get("mes_example") == "":
            fillers["mes_example"] = examples_text(sample)
        if assets and "assets" not in data:
            fillers["assets"] = [dict(asset) for asset in assets]
        luggage = replace(luggage, fillers={key: filler_print(filler) for key, filler in fillers.items()})
        data = stow(data | fillers, luggage)
    whole = shaped(data, spec)
    if (kept.spec in FAMILY) != (spec in FAMILY):
        return whole
    mirror = {name: data[name] for name in kept.mirrored if name in data}
    outer: dict[str, Any] = restore(_outer(whole, spec), kept.outer)
    return mirror | outer | ({"data": whole["data"]} if spec in FAMILY else {})


def slug(text: str) -> str:
    """A name for files and commands made of the Latin letters and digits of `text`; may be empty."""
    latin = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", latin).strip("-")[:64].strip("-")


def _kept(value: dict[str, Any], card_read: Recognised, plain: dict[str, Any], character: Character) -> Kept:
    """What `plain` and the file around it have that `character` would not give back."""
    spec = card_read.spec
    written = spec in (*FAMILY, "webui")
    base = tavern_fields(character, spec if written else "v2")
    crlf = tuple(key for key in base if plain.get(key) != base[key] and plain.get(key) == _crlf(base[key]))
    fields = difference(plain, _with_crlf(base, crlf), TIES)
    if not written:  # and in the formats that are, every field has to be there
        fields = [change for change in fields if not change.lacks_field]
    outer, made = _outer(value, spec), _outer(shaped(plain, spec), spec)
    data = card_read.data
    mirrored = [key for key in outer if spec in FAMILY and key in data and same_json(outer[key], data[key])]
    rest = {key: field for key, field in outer.items() if key not in mirrored}
    return Kept(spec, tuple(fields), tuple(difference(rest, made)), tuple(mirrored), crlf)


def _crlf(value: Any) -> Any:
    return value.replace("\n", "\r\n") if isinstance(value, str) else value


def _with_crlf(fields: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {key: _crlf(field) if key in names else field for key, field in fields.items()}


def _outer(value: dict[str, Any], spec: Spec) -> dict[str, Any]:
    """What of a whole file is not among the fields."""
    if spec in FAMILY:
        return {key: field for key, field in value.items() if key != "data"}
    return value if spec == "webui" else {}


def _native(data: dict[str, Any]) -> dict[str, Any]:
    """Card and examples as plain values, from the fields alone."""
    card = Card.model_validate(native_fields(data, UNNAMED) | {"name": _PLACEHOLDER})
    return _as_values(Character(card, examples(data, UNNAMED).dialogues))


def _as_values(character: Character) -> dict[str, Any]:
    """What is compared; the name is not: it may change on the way."""
    card = character.card.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    turns = [[[turn.role, turn.text] for turn in dialogue.turns] for dialogue in character.examples]
    return {"card": {key: field for key, field in card.items() if key != "name"}, "examples": turns}


def _character(values: dict[str, Any], files: Mapping[str, str] | None = None) -> Character:
    card = Card.model_validate(values["card"] | {"name": _PLACEHOLDER})
    dialogues = [
        Dialogue(tuple(Turn(role, text) for role, text in turns), f"mes_example:{i}")
        for i, turns in enumerate(values["examples"], 1)
    ]
    return Character(card, tuple(dialogues), files or {})


def _settled(values: Any, files: Mapping[str, str]) -> Character | None:
    """The character of values that came from outside; `None` where they are none.

    An edit in another program may have brought examples or taken them away: the list of corpora follows.
    """
    try:
        card = dict(values["card"])
        present = set(files) | ({EXAMPLES} if values["examples"] else set())
        corpora = [entry for entry in card.get("corpora", []) if entry.get("path") in present]
        if values["examples"] and all(entry["path"] != EXAMPLES for entry in corpora):
            corpora.append({"path": EXAMPLES, "kind": "dialogue"})
        card = {key: field for key, field in card.items() if key not in ("avatar", "knowledge")}
        card["extra"] = {key: field for key, field in card.get("extra", {}).items() if key != "tavern"}
        card["probes"] = {key: field for key, field in card.get("probes", {}).items() if key != "known"}
        return _character({"card": card | {"corpora": corpora}, "examples": values["examples"]}, files)
    except (ValidationError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _without_extra(card: Card) -> Card:
    extra = {key: field for key, field in card.extra.items() if key != "tavern"}
    probes = card.probes.model_copy(update={"known": None})
    return card.model_copy(update={"extra": extra, "avatar": None, "knowledge": [], "probes": probes})

"""What is wrong with an unpacked pack, all of it at once; nothing of it has been run or loaded."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from roleplay.cards.load import load_card
from roleplay.cards.model import Card, is_identifier
from roleplay.cards.tavern.charx import CARD
from roleplay.cards.tavern.json_text import parse_json
from roleplay.cards.tavern.own_files import CHARACTERS
from roleplay.errors import AdapterError, FileFaults, PackError
from roleplay.generation.canaries import read_canaries
from roleplay.models.passport import BaseIdentity, Passport, read_passport
from roleplay.models.plain_adapter import PARTS, plain_config
from roleplay.models.shape import CONFIG, WEIGHTS, Shape
from roleplay.packs.manifest import MANIFEST, Manifest
from roleplay.packs.places import ADAPTER, CANARIES, KNOWLEDGE, beside_card, card_place, installed_place, is_text
from roleplay.packs.same_card import card_differences
from roleplay.packs.texts import MOST_TEXTS, json_problems, text_problem, unclean, yaml_problem
from roleplay.packs.weights import adapter_problems
from roleplay.strictyaml import parse
from roleplay.text import fingerprint, one_line

_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[\w.-]{1,96})?(@\w(?!.*\.\.)[\w./-]{0,99})?")
"""A base as a pack may name it: never a path."""
_MOST_TOLD = 50
_MOST_OBJECTS = 20_000
"""In canaries, which have a hundred; each that is wrong takes a kilobyte to say so."""
_CODE = (
    b"\x80\x02",
    b"\x80\x03",
    b"\x80\x04",
    b"\x80\x05",
    b"PK\x03\x04",
    b"\x7fELF",
    b"MZ",
    b"#!",
    b"\xca\xfe\xba\xbe",
)
"""What pickles, archives and programs begin with."""


def problems_of(folder: Path, manifest: Manifest) -> list[str]:
    """Everything that is wrong with the pack unpacked into `folder`, whose hashes were checked already."""
    found = [*islice(_texts(folder, manifest), _MOST_TOLD)]
    if found:  # what follows reads them
        return found
    found += _card(folder, manifest)
    try:
        found += _adapter(folder, manifest)
    except (PackError, AdapterError, OSError) as error:
        found.append(f"the adapter: {error}")
    if CANARIES in manifest.paths:
        place = folder / installed_place(CANARIES, manifest.name)
        try:
            if place.read_bytes().count(b"{") > _MOST_OBJECTS:
                raise AdapterError("its canaries have too many parts; get the pack again")
            canaries = read_canaries(place)
        except AdapterError as error:
            found.append(str(error))
        else:
            weights = next((one.sha256 for one in manifest.entries if one.path == f"{ADAPTER}{WEIGHTS}"), None)
            if canaries.adapter != weights:
                found.append("its canaries are of another adapter")
    return found[:_MOST_TOLD]


def _texts(folder: Path, manifest: Manifest) -> Iterator[str]:
    texts = sum(entry.size for entry in manifest.entries if is_text(entry.path))
    if texts > MOST_TEXTS:
        yield f"it has {texts:,} bytes of text; {MOST_TEXTS:,} are read"
        return
    for name in sorted(manifest.paths | {MANIFEST}):
        path, called = folder / installed_place(name, manifest.name), one_line(name, 120)
        if is_text(name):
            problem = text_problem(path, called)
            if problem is not None:
                yield problem
            elif name.lower().endswith(".json") and not name.startswith((CHARACTERS, KNOWLEDGE)):
                yield from json_problems(path, called)
        elif name != f"{ADAPTER}{WEIGHTS}":
            with path.open("rb") as file:
                if file.read(8).startswith(_CODE):
                    yield f"'{called}' is no picture or sound but a program, a pickle or an archive"


def _card(folder: Path, manifest: Manifest) -> list[str]:
    place = card_place(manifest.name)
    missing = [name for name in (CARD, place) if name not in manifest.paths]
    if missing:
        return [f"'{name}' is missing" for name in missing]
    path = folder / installed_place(place, manifest.name)
    slow = yaml_problem(path, place)
    if slow is not None:
        return [slow]
    try:
        value = parse(path).value
        # Before the card is checked: for each file that is not there, the nearest name would be looked for.
        found = [f"'{place}' holds control characters in {where}" for where in unclean(value)]
        found += _missing_corpora(value, manifest)
        if found:
            return found
        card_file = load_card(path)
        tavern = parse_json((folder / CARD).read_bytes(), CARD)
    except FileFaults as error:
        return [str(fault).replace(f"{folder}/", "") for fault in error.faults]
    found += _references(card_file.card, manifest)
    found += [f"'{place}': {problem}" for problem in _facts(card_file.card, manifest)]
    return found or card_differences(card_file, tavern)


def _missing_corpora(value: Any, manifest: Manifest) -> Iterator[str]:
    """Corpora that a card, not yet checked, names and that are not in the pack."""
    paths, entries = manifest.paths, value.get("corpora") if isinstance(value, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        path = entry.get("path") if isinstance(entry, dict) else None
        if isinstance(path, str) and f"{CHARACTERS}{path.strip()}" not in paths:
            yield f"its card names the corpus '{one_line(path)}', which is not in it"


def _references(card: Card, manifest: Manifest) -> Iterator[str]:
    """A card from a stranger names files of the pack and nothing else of this machine."""
    for entry in card.corpora:
        if entry.path is None:
            yield f"its card names the corpus {one_line(str(entry.registry or entry.character))}, which is not in it"
    if card.avatar is not None and f"{CHARACTERS}{card.avatar}" not in manifest.paths:
        yield f"its card names the picture '{one_line(card.avatar)}', which is not in it"
    yield from _books(card, manifest)
    if card.probes.known is not None:
        yield f"its card names the labelled questions '{one_line(card.probes.known)}', which no pack holds"
    if card.base is not None and not _HUB.fullmatch(card.base):
        yield f"its card names the base '{one_line(card.base)}', which is a place on a machine and no name"
    if card.training.model_extra and "from_adapter" in card.training.model_extra:
        yield "its card trains on from an adapter of somebody's machine (training.from_adapter)"


def _books(card: Card, manifest: Manifest) -> Iterator[str]:
    """The card names each book of the pack once, and none of anywhere else."""
    paths, named = manifest.paths, set[str]()
    beside = beside_card(paths, manifest.name)
    for name in card.knowledge:
        if f"{KNOWLEDGE}{name}" not in paths:
            yield f"its card names the book '{one_line(name)}', which is not in it"
        elif name in named:
            yield f"its card names the book '{one_line(name)}' twice"
        elif name.casefold() in beside:
            yield f"its card names the book '{one_line(name)}', and beside the card lies another file of that name"
        named.add(name)
    for path in sorted(path for path in paths if path.startswith(KNOWLEDGE)):
        if path.removeprefix(KNOWLEDGE) not in named:
            yield f"it holds the book '{one_line(path, 120)}', which its card does not name"


def _facts(card: Card, manifest: Manifest) -> Iterator[str]:
    """What the manifest says of the card."""
    for key in ("display_name", "version", "creator", "language", "license"):
        mine, told = getattr(card, key), getattr(manifest, key)
        if mine != told:
            yield f"{key} is '{one_line(mine)}', and the manifest says '{one_line(told)}'"


def _adapter(folder: Path, manifest: Manifest) -> list[str]:
    """Raises PackError or AdapterError for files that cannot be read at all."""
    there = [part for part in PARTS if f"{ADAPTER}{part}" in manifest.paths]
    if manifest.adapter is None or manifest.base is None:
        odd = there or manifest.adapter or manifest.base or CANARIES in manifest.paths
        return ["it holds parts of an adapter that its manifest does not describe"] if odd else []
    if len(there) < len(PARTS):
        return [f"'{ADAPTER}{part}' is missing" for part in PARTS if part not in there]
    adapter, place = manifest.adapter, folder / installed_place(ADAPTER.rstrip("/"), manifest.name)
    base = BaseIdentity(**manifest.base.model_dump())
    if not _HUB.fullmatch(base.name if base.revision is None else f"{base.name}@{base.revision}"):
        return [f"the manifest names the base '{one_line(base.name)}', which is a place on a machine and no name"]
    passport = read_passport(place)
    known = Passport(manifest.name, base, passport.run, adapter.step, adapter.heldout_loss)
    found = []
    # Equal is not enough: `true` is 1, and nothing else was said about the name of the run.
    odd = type(passport.step) is not int or type(passport.run) is not str or not is_identifier(passport.run)
    if passport != known or odd:
        found.append("the adapter's passport and the manifest differ in character, base, step or loss")
    shape = Shape(adapter.rank, adapter.alpha, adapter.rslora)
    wanted: dict[str, Any] = plain_config(shape, adapter.targets, base, fan_in_fan_out=adapter.fan_in_fan_out)
    config = parse_json((place / CONFIG).read_bytes(), CONFIG)
    if config != wanted or type(config["r"]) is not int:  # 2.0 is equal, and no size
        found.append(f"'{ADAPTER}{CONFIG}' is not that of the plain LoRA of the manifest")
    return found + [f"its adapter {problem}" for problem in adapter_problems(place / WEIGHTS, adapter)]


def pack_id(manifest_file: Path) -> str:
    """What tells one pack from any other: the hash of its manifest, which has the hashes of all else."""
    return fingerprint(manifest_file.read_bytes())

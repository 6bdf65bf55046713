"""A character gathered into the folder of an unpacked pack; the same inputs give the same bytes."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roleplay import __version__
from roleplay.authoring.tavern_out import Gathered, gather
from roleplay.cards.find import open_card
from roleplay.cards.load import CardFile
from roleplay.cards.model import Card, TrainingChoice, is_identifier
from roleplay.cards.tavern.character import OWN, Character
from roleplay.cards.tavern.charx import CARD, SCHEMES
from roleplay.cards.tavern.json_text import json_text
from roleplay.cards.tavern.own_files import CHARACTERS
from roleplay.cards.tavern.travel import depart
from roleplay.cards.write import card_yaml
from roleplay.corpora.write import native_yaml
from roleplay.errors import PackError
from roleplay.models.find import AdapterChoice, adapter_choices, answering_adapter
from roleplay.models.passport import read_passport
from roleplay.models.plain_adapter import plain_parts
from roleplay.models.shape import CONFIG, WEIGHTS, read_shape
from roleplay.packs.books import gather_books
from roleplay.packs.evidence import evidence_of, recipe_of
from roleplay.packs.manifest import (
    MANIFEST,
    Entry,
    Manifest,
    PackedAdapter,
    PackedBase,
    manifest_bytes,
)
from roleplay.packs.places import ADAPTER, CANARIES, KNOWLEDGE, PICTURES, card_place
from roleplay.packs.weights import read_header
from roleplay.paths import Home, shown, storing
from roleplay.text import clean, did_you_mean


@dataclass(frozen=True)
class Wanted:
    """What is to go into a pack."""

    corpora: bool = True
    """Whether the character's corpora do."""
    knowledge: bool = True
    """Whether its books do."""
    adapter: bool = True
    """Whether an adapter does."""
    label: str | None = None
    """Which, as `RUN@best`; `None` takes the one that answers."""
    avatar: Path | None = None
    """A picture in place of the card's own."""


def build_folder(
    name: str,
    home: Home,
    target: Path,
    wanted: Wanted = Wanted(),
    tell: Callable[[str], None] = lambda text: None,
) -> Manifest:
    """Write the unpacked pack of the character `name` into the empty folder `target`, laid out as in the archive.

    `tell` hears what takes long. Raises PackError, and what card, corpora and adapter raise where they are no good.
    """
    card_file = open_card(name, home)
    card, files, left_out = _own_files(card_file, home, wanted)
    adapter = _chosen(home, card.name, wanted) if wanted.adapter else None
    described: dict[str, Any] = {}
    if adapter is None:
        left_out.append("adapter: left out on request" if not wanted.adapter else "adapter: there is none")
    else:
        described = _describe(home, card.name, adapter)
        made_by = described["recipe"].preset if described["recipe"] else "roleplay"
        files |= {f"{ADAPTER}{part}": content for part, content in plain_parts(adapter.folder, made_by).items()}
        from roleplay.packs.canaries import canaries_of  # torch starts there

        canaries = canaries_of(card_file, home, adapter, tell)
        if isinstance(canaries, bytes):
            files[CANARIES] = canaries
        else:
            left_out.append(f"canaries: {canaries}")
    with storing(target):
        entries = [_written(target, path, content) for path, content in files.items()]
        if adapter is not None:
            entries.append(_copied(target, f"{ADAPTER}{WEIGHTS}", adapter.folder / WEIGHTS))
    facts = {key: getattr(card, key) for key in ("name", "display_name", "version", "creator", "language", "license")}
    manifest = Manifest(
        schema=1,
        **facts,
        **described,
        description=card.description[:2000],
        made_by=f"roleplay {__version__}",
        left_out=[line[:200] for line in left_out],
        entries=sorted(entries, key=lambda entry: (entry.path != CARD, entry.path)),
    )
    _written(target, MANIFEST, manifest_bytes(manifest))
    return manifest


def _own_files(card_file: CardFile, home: Home, wanted: Wanted) -> tuple[Card, dict[str, bytes], list[str]]:
    """The card as it goes along, all files but those of an adapter, and what stays behind."""
    # Other programs know nothing of books: those go along by themselves.
    gathered = gather(replace(card_file, card=card_file.card.model_copy(update={"knowledge": []})), "charx")
    card = _road_card(card_file, gathered, wanted)
    left_out = [*gathered.left_behind, *([] if wanted.corpora else ["corpora: left out on request"])]
    files: dict[str, bytes] = dict(gathered.archive)
    picture = _picture(gathered, wanted)
    if picture is not None:
        files[f"{CHARACTERS}{card.name}/avatar{picture[1]}"] = picture[0]
        card = card.model_copy(update={"avatar": f"{card.name}/avatar{picture[1]}"})
    texts = _texts(gathered) if wanted.corpora else {}
    files |= {f"{CHARACTERS}{card.name}/{path}": clean(text).encode() for path, text in texts.items()}
    if wanted.knowledge:
        books = gather_books(card_file, home, files)
        files |= {f"{KNOWLEDGE}{path}": content for path, content in books.files.items()}
        card = card.model_copy(update={"knowledge": list(books.files)})
        left_out += books.left_behind
    elif card_file.card.knowledge:
        left_out.append("knowledge: left out on request")
    files[card_place(card.name)] = card_yaml(card).encode()
    files[CARD] = _tavern(card, gathered, wanted)
    return card, files, left_out


def _road_card(card_file: CardFile, gathered: Gathered, wanted: Wanted) -> Card:
    """The card as it goes along: its files in its own folder, and no place of this machine on it."""
    card, own = card_file.card, f"{card_file.card.name}/"
    entries = [
        entry.model_copy(update={"path": own + (entry.path or "").removeprefix(OWN)})
        for entry in gathered.character.card.corpora
    ]
    extra = {key: value for key, value in (card.training.model_extra or {}).items() if key != "from_adapter"}
    return card.model_copy(
        update={
            "corpora": entries if wanted.corpora else [],
            "avatar": None,
            "knowledge": [],
            "probes": card.probes.model_copy(update={"known": None}),
            "base": Path(card.base).name if card.base is not None and _is_place(card.base) else card.base,
            "training": TrainingChoice(preset=card.training.preset, **extra),
        }
    )


def _is_place(base: str) -> bool:
    return Path(base).expanduser().is_dir() or base.startswith(("/", ".", "~", "\\")) or base[1:2] == ":"


def _picture(gathered: Gathered, wanted: Wanted) -> tuple[bytes, str] | None:
    """Content and ending of the picture that goes along. Raises PackError for one that is none."""
    if wanted.avatar is None:
        return None if gathered.picture is None else (gathered.picture[0], f".{gathered.picture[1]}")
    ending = wanted.avatar.suffix.lower()
    if not wanted.avatar.is_file() or ending not in PICTURES:
        raise PackError(
            f"--avatar {shown(wanted.avatar)} is no picture; give a file that ends in {', '.join(PICTURES)}"
        )
    return wanted.avatar.read_bytes(), ending


def _texts(gathered: Gathered) -> dict[str, str]:
    """Corpora by path in the character's own folder."""
    texts = {path.removeprefix(OWN): text for path, text in gathered.character.files.items()}
    if gathered.character.examples:
        about = f"How {gathered.character.card.display_name} speaks: the examples of the card."
        texts["examples.yaml"] = native_yaml(gathered.character.examples, about)
    return texts


def _tavern(card: Card, gathered: Gathered, wanted: Wanted) -> bytes:
    """`card.json`: the same card for other programs; its corpora lie beside it."""
    own = f"{card.name}/"
    entries = [entry.model_copy(update={"path": OWN + (entry.path or "").removeprefix(own)}) for entry in card.corpora]
    character = Character(
        card.model_copy(update={"corpora": entries, "avatar": None}),
        gathered.character.examples if wanted.corpora else (),
    )
    assets = []
    if card.avatar is not None:
        ending = Path(card.avatar).suffix.lstrip(".")
        assets = [{"type": "icon", "uri": f"{SCHEMES[0]}{CHARACTERS}{card.avatar}", "name": "main", "ext": ending}]
    whole = depart(character, "v3", gathered.sample if wanted.corpora else [], assets)
    return json_text(whole, indent=1).encode() + b"\n"


def _chosen(home: Home, name: str, wanted: Wanted) -> AdapterChoice | None:
    if wanted.label is None:
        return answering_adapter(home, name)
    choices = {choice.label: choice for choice in adapter_choices(home, name)}
    if wanted.label not in choices:
        raise PackError(f"{name} has no adapter '{wanted.label}'; {did_you_mean(wanted.label, choices)}")
    return choices[wanted.label]


def _describe(home: Home, name: str, adapter: AdapterChoice) -> dict[str, Any]:
    """What the manifest says of an adapter. Raises AdapterError or PackError for one that is no plain LoRA."""
    passport, shape = read_passport(adapter.folder), read_shape(adapter.folder)
    tensors, _ = read_header(adapter.folder / WEIGHTS)
    config = json.loads((adapter.folder / CONFIG).read_bytes())
    targets = sorted(str(target) for target in config["target_modules"])
    if not all(is_identifier(target) for target in targets):
        raise PackError(f"{shown(adapter.folder)} sits on modules that cannot be named in a pack: {', '.join(targets)}")
    base = passport.base
    return {
        "base": PackedBase(**vars(base)),
        "adapter": PackedAdapter.model_validate(
            {
                **vars(shape),
                "fan_in_fan_out": bool(config.get("fan_in_fan_out")),
                "targets": targets,
                "modules": len(tensors) // 2,
                "dtype": next(iter(tensors.values())).dtype,
                "parameters": sum(tensor.elements for tensor in tensors.values()),
                "step": passport.step,
                "heldout_loss": passport.heldout_loss,
            }
        ),
        "recipe": recipe_of(adapter),
        "evidence": evidence_of(home, name, adapter),
    }


def _written(target: Path, path: str, content: bytes) -> Entry:
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return Entry(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def _copied(target: Path, path: str, source: Path) -> Entry:
    """A large file, block by block."""
    digest = hashlib.sha256()
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as file, place.open("wb") as out:
        while block := file.read(2**20):
            digest.update(block)
            out.write(block)
    return Entry(path=path, size=source.stat().st_size, sha256=digest.hexdigest())

"""Read and check a card; every fault is reported at once, with file, line, key and remedy."""

import os
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from roleplay.cards.model import TEMPLATE_DEFAULT, Card, CorpusEntry
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shipped
from roleplay.strictyaml import Document, Key, dotted, parse
from roleplay.text import clean, did_you_mean, fingerprint, one_line

_REGISTRY = "dataset_info.json"


@dataclass(frozen=True)
class CardFile:
    """A checked card and where it lies."""

    card: Card
    """The card, its text cleaned of control characters."""
    path: Path
    """The YAML file."""
    lines: Document
    """The parsed file, for messages that name lines."""

    @property
    def identity(self) -> str:
        """Hash of the file's bytes."""
        return fingerprint(self.path.read_bytes())


def load_card(path: Path) -> CardFile:
    """Read the card at `path`. Raises FileFaults with every fault of the file."""
    document = parse(path)
    value = cleaned(document.value)
    if not isinstance(value, dict):
        problem = f"holds {_kind(value)} where keys and values are expected"
        raise FileFaults([Fault(document.file, 1, "", problem, "begin with 'schema: 1' and 'name: …'")])
    faults: list[Fault] = []
    card: Card | None = None
    try:
        card = Card.model_validate(value)
    except ValidationError as error:
        faults = [_fault(document, issue) for issue in error.errors()]
    faults += _name_faults(document, path)
    faults += _prefix_id_faults(document)
    faults += corpus_path_faults(document, path)
    faults += _registry_faults(document, path)
    if faults or card is None:
        raise FileFaults(sorted(faults, key=lambda fault: fault.line or 0))
    return CardFile(card, path, document)


def sound_corpora(path: Path) -> tuple[CardFile, list[int]]:
    """A card with other faults as far as its corpora go, and the indices of those that can be read for theirs.

    Raises FileFaults where the file is no YAML.
    """
    document = parse(path)
    listed = cleaned(document.value).get("corpora") if isinstance(document.value, dict) else None
    entries: list[CorpusEntry] = []
    sound: list[int] = []
    for i, value in enumerate(listed if isinstance(listed, list) else []):
        try:
            entry = CorpusEntry.model_validate(value)
            resolve_corpus(path, entry)
            sound.append(i)
        except (ValidationError, StopIteration):
            entry = CorpusEntry.model_construct()  # keeps the place, so that lines stay right
        entries.append(entry)
    return CardFile(Card.model_construct(corpora=entries), path, document), sound


def corpus_folders(card_path: Path) -> list[Path]:
    """Where corpus paths may lead: the card's folder and every `data/corpora/` in reach."""
    beside = card_path.resolve().parent
    return [beside, beside.parent / "data" / "corpora", shipped() / "data" / "corpora"]


def knowledge_folders(card_path: Path) -> list[Path]:
    """Where a card's books may lie: the card's folder and every `data/knowledge/` in reach."""
    beside = card_path.resolve().parent
    return [beside, beside.parent / "data" / "knowledge", shipped() / "data" / "knowledge"]


def resolve_corpus(card_path: Path, entry: CorpusEntry) -> Path:
    """The file a checked corpus entry names: with dialogues, or a registry, or the card of another character."""
    if entry.character is not None:
        return card_path.with_name(f"{entry.character}.yaml")
    if entry.registry is not None:
        found = _registries(card_path, entry.registry)
    else:
        found = _candidates(corpus_folders(card_path), entry.path or "")
    return next(path for path in found if os.path.isfile(path))


def _registries(card_path: Path, name: str) -> list[Path]:
    """Registry files that `name` could mean: where corpora may lie, and for `data` and what is in it the project's."""
    first, *rest = Path(name).parts or ("",)
    project = [card_path.resolve().parent.parent / "data"] if first == "data" else []
    return [
        *_candidates(project, "/".join([*rest, _REGISTRY])),
        *_candidates(corpus_folders(card_path), f"{name}/{_REGISTRY}"),
    ]


def _candidates(folders: list[Path], name: str) -> list[Path]:
    """Places `name` could mean; one that leads out of its folder is left out."""
    found = []
    for folder in folders:
        path = (folder / name).resolve()
        if path.is_relative_to(folder.resolve()) and not Path(name).is_absolute():
            found.append(path)
    return found


def _registry_faults(document: Document, card_path: Path) -> list[Fault]:
    """A fault for each registry that is missing or outside the folders."""
    faults: list[Fault] = []
    for key, name in _texts(document, "corpora", "registry"):
        if not any(os.path.isfile(path) for path in _registries(card_path, name)):
            problem = f"'{one_line(name)}' leads to no {_REGISTRY} in the card's folder, data/corpora/ or data/"
            faults.append(_at(document, key, problem, "name a folder below one of them that holds the file"))
    return faults


def corpus_path_faults(document: Document, card_path: Path) -> list[Fault]:
    """A fault for each corpus that is missing or outside both folders."""
    faults: list[Fault] = []
    for key, name in _texts(document, "corpora", "path"):
        candidates = _candidates(corpus_folders(card_path), name)
        # os.path says no where a method of Path raises: to names that are too long for the system.
        if any(os.path.isfile(path) for path in candidates):
            continue
        if not candidates or any(os.path.lexists(folder / name) for folder in corpus_folders(card_path)):
            problem = f"'{one_line(name)}' leads out of the card's folder and of data/corpora/, or to no file"
            faults.append(_at(document, key, problem, "move the corpus into one of the two"))
        else:
            folders = {path.parent for path in candidates if os.path.isdir(path.parent)}
            near = [str(Path(name).with_name(p.name)) for folder in folders for p in sorted(folder.iterdir())]
            problem = f"'{one_line(name)}' is not beside the card and not in data/corpora/"
            remedy = did_you_mean(name, near) if near else "write the path relative to one of the two"
            faults.append(_at(document, key, problem, remedy))
    return faults


def _name_faults(document: Document, card_path: Path) -> list[Fault]:
    name = document.value.get("name")
    if not isinstance(name, str) or name == card_path.stem:
        return []
    remedy = f"write 'name: {card_path.stem}' or rename the file to {one_line(name)}.yaml"
    return [_at(document, ("name",), f"is '{one_line(name)}' in a file called {card_path.name}", remedy)]


def _prefix_id_faults(document: Document) -> list[Fault]:
    faults: list[Fault] = []
    seen: set[str] = set()
    for key, name in _texts(document, "prefixes", "id"):
        if name in seen:
            faults.append(_at(document, key, f"'{one_line(name)}' is used twice", "give each prefix an id of its own"))
        if name == TEMPLATE_DEFAULT:
            problem = f"'{name}' is taken by the chat template's own system prompt"
            faults.append(_at(document, key, problem, "choose another id"))
        seen.add(name)
    return faults


def _texts(document: Document, part: str, field: str) -> Iterator[tuple[Key, str]]:
    """Key and text of `field` in every entry of the list `part`, whatever else is wrong with the card."""
    entries = document.value.get(part)
    for i, entry in enumerate(entries if isinstance(entries, list) else []):
        text = entry.get(field) if isinstance(entry, dict) else None
        if isinstance(text, str) and clean(text).strip():
            yield (part, i, field), clean(text).strip()


def cleaned(value: Any) -> Any:
    """`value` as a card holds it: every text in it without control characters."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): cleaned(item) for key, item in value.items()}
    return value


def _at(document: Document, key: Key, problem: str, remedy: str) -> Fault:
    return Fault(document.file, document.line(key), dotted(key), problem, remedy)


def _fault(document: Document, issue: Any) -> Fault:
    key = _real_key(document, issue["loc"])
    kind = issue["type"]
    if kind == "entry":
        told = issue["ctx"]
        return _at(document, (*key, told["key"]), told["problem"], told["remedy"])
    if kind == "extra_forbidden":
        return _at(document, key, "is not a key of a card", did_you_mean(str(key[-1]), _field_names(key[:-1])))
    if kind == "missing":
        return _at(document, key, "is missing", f"add '{key[-1]}: …'")
    seen = "" if isinstance(issue["input"], dict | list) else f" (seen: {one_line(repr(issue['input']))})"
    message = issue["msg"]
    named = re.findall("'([^']*)'", issue.get("ctx", {}).get("expected", "")) if kind == "literal_error" else []
    remedies = {
        "string_type": "put the text in quotes",
        "string_too_short": "write some text or leave the key out",
        "string_pattern_mismatch": "use letters, digits, '-' and '_' on one line",
        "literal_error": did_you_mean(str(issue["input"]), named) if named else "write the value named",
    }
    return _at(document, key, message[0].lower() + message[1:] + seen, remedies.get(kind, "correct the value"))


def _real_key(document: Document, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """`loc` without the parts pydantic adds for the branches of a union."""
    key: list[str | int] = []
    value: Any = document.value
    for i, part in enumerate(loc):
        if isinstance(value, dict):
            if part not in value and i < len(loc) - 1:
                break
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            break
        key.append(part)
    return tuple(key)


def _field_names(key: tuple[str | int, ...]) -> list[str]:
    """Keys allowed at `key` of a card."""
    model: Any = Card
    for part in key:
        if isinstance(part, str) and isinstance(model, type) and issubclass(model, BaseModel):
            names = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            model = names.get(part)
        while (origin := typing.get_origin(model)) is not None:
            arguments = [a for a in typing.get_args(model) if a is not type(None)]
            if origin not in (list, typing.Union, types.UnionType, typing.Annotated):
                break
            model = arguments[0]
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _kind(value: Any) -> str:
    return {str: "text", list: "a list", type(None): "nothing"}.get(type(value), f"a {type(value).__name__}")

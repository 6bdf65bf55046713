"""A character's corpora as a folder that LLaMA-Factory reads as it is."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from roleplay.cards.find import open_card
from roleplay.cards.load import CardFile
from roleplay.cards.prompt import assemble, default_prefixes
from roleplay.corpora.registry import FILE_NAME
from roleplay.dataset.entries import entry_dialogues, entry_texts
from roleplay.dialogue import Turn
from roleplay.errors import NotFound, StorageError
from roleplay.paths import Home, new_folder, shown, write_file

Format = Literal["sharegpt", "alpaca", "llamafactory"]
FORMATS: tuple[Format, ...] = ("sharegpt", "alpaca", "llamafactory")
"""Dialogues alone as ShareGPT or Alpaca rows; or as ShareGPT rows with the card's prefixes, and its raw text."""


@dataclass(frozen=True)
class ExportedSet:
    """One data set of the folder."""

    name: str
    """Its name in the registry."""
    file: str
    """Its file in the folder."""
    kind: str
    """Kind of the corpus it comes from; what only a card can say."""
    weight: float
    """Passes in an epoch on the card, likewise."""
    rows: int
    """Dialogues or documents."""
    unanswered: int
    """Last turns left out, since nothing answers them there."""


@dataclass(frozen=True)
class Exported:
    """The folder."""

    folder: Path
    """Holds `dataset_info.json` and a file for each set."""
    sets: tuple[ExportedSet, ...]
    """In card order."""


def export_corpora(name: str, home: Home, layout: Format, out: Path | None = None, *, force: bool = False) -> Exported:
    """Write every corpus of the character to a folder; macros are filled in. Raises what its parts raise.

    A dialogue that the character opens begins with an empty question: rows of both forms must begin with the user.
    """
    card_file = open_card(name, home)
    folder = out or Path.cwd() / f"{card_file.card.name}-{layout}"
    _check_folder(folder, force=force)
    made: list[tuple[ExportedSet, dict[str, Any], str]] = []
    for at in range(len(card_file.card.corpora)):
        made += _exported(card_file, at, layout, [one.name for one, _, _ in made])
    if not made:
        raise NotFound(f"{shown(card_file.path)} names no corpus that '{layout}' can hold; add one to its corpora")
    with new_folder(folder) as fresh:
        for one, _, text in made:
            write_file(fresh / one.file, text)
        registry = {one.name: entry for one, entry, _ in made}
        write_file(fresh / FILE_NAME, json.dumps(registry, ensure_ascii=False, indent=2) + "\n")
    return Exported(folder, tuple(one for one, _, _ in made))


def _exported(
    card_file: CardFile, at: int, layout: Format, taken: Sequence[str]
) -> list[tuple[ExportedSet, dict[str, Any], str]]:
    """(what it is, its entry in the registry, its file's text) of a corpus; nothing where the layout has no place."""
    entry = card_file.card.corpora[at]
    unanswered = 0
    if entry.kind == "text":
        if layout != "llamafactory":
            return []
        rows: list[dict[str, Any]] = [{"text": text.text} for text in entry_texts(card_file, at).texts]
        about: dict[str, Any] = {"columns": {"prompt": "text"}}
    else:
        active = default_prefixes(card_file.card.prefixes) if layout == "llamafactory" else []
        if entry.kind == "general":
            active = []
        rows = []
        for dialogue in entry_dialogues(card_file, at).dialogues:
            turns = assemble(card_file.card, card_file.card.prefixes, active, dialogue.turns)
            unanswered += turns[-1].role != "assistant"
            rows.append((_alpaca if layout == "alpaca" else _sharegpt)(turns))
        about = _ALPACA if layout == "alpaca" else _SHAREGPT
    name = _name(f"{card_file.card.name}_{entry.kind}", taken)
    text = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"
    sha1 = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    done = ExportedSet(name, f"{name}.json", entry.kind, entry.weight, len(rows), unanswered)
    return [(done, {"file_name": done.file, "file_sha1": sha1, **about}, text)]


_SHAREGPT = {"formatting": "sharegpt", "columns": {"messages": "conversations", "system": "system"}}
_ALPACA = {
    "formatting": "alpaca",
    "columns": {
        "prompt": "instruction",
        "query": "input",
        "response": "output",
        "system": "system",
        "history": "history",
    },
}


def _sharegpt(turns: Sequence[Turn]) -> dict[str, Any]:
    system, pairs = _paired(turns)
    messages = [
        {"from": who, "value": text} for pair in pairs for who, text in zip(("human", "gpt"), pair, strict=True)
    ]
    return {"conversations": messages, "system": system}


def _alpaca(turns: Sequence[Turn]) -> dict[str, Any]:
    system, pairs = _paired(turns)
    *history, (question, answer) = pairs
    return {
        "instruction": question,
        "input": "",
        "output": answer,
        "system": system,
        "history": [list(pair) for pair in history],
    }


def _paired(turns: Sequence[Turn]) -> tuple[str, list[tuple[str, str]]]:
    """The system prompt, and questions with their answers."""
    system = turns[0].text if turns[0].role == "system" else ""
    said = [turn for turn in turns if turn.role != "system"]
    if said[0].role == "assistant":
        said.insert(0, Turn("user", ""))
    texts = [turn.text for turn in said]
    return system, list(zip(texts[::2], texts[1::2], strict=False))


def _name(name: str, taken: Sequence[str]) -> str:
    number = 1
    while (found := name if number == 1 else f"{name}_{number}") in taken:
        number += 1
    return found


def _check_folder(folder: Path, *, force: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or not (folder / FILE_NAME).is_file():
        raise StorageError(f"{shown(folder)} is there already and no export; choose another --out")
    if not force:
        raise StorageError(f"{shown(folder)} is there already; add --force to replace it, or choose another --out")

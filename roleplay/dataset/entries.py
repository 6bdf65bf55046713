"""What a corpus entry of a card holds: native files, foreign ones, a registry's data sets, another character's talk."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.find import find_cards
from roleplay.cards.load import CardFile, load_card, resolve_corpus, sound_corpora
from roleplay.cards.model import CorpusEntry
from roleplay.corpora.documents import Text, read_documents
from roleplay.corpora.native import read_native
from roleplay.corpora.read import Reading, form_of, read
from roleplay.corpora.registered import read_registered
from roleplay.dialogue import Dialogue
from roleplay.errors import Fault, FileFaults, NotFound
from roleplay.paths import find_home, shown
from roleplay.text import did_you_mean


@dataclass(frozen=True)
class EntryDialogues:
    """The dialogues of one entry."""

    label: str
    """File, registry or character, as a person would name it."""
    dialogues: tuple[Dialogue, ...]
    """At least one."""
    losses: tuple[str, ...] = ()
    """What was dropped or changed on the way, for a person."""


@dataclass(frozen=True)
class EntryTexts:
    """The documents of one entry of `kind: text`."""

    label: str
    """File or registry."""
    texts: tuple[Text, ...]
    """At least one."""
    losses: tuple[str, ...] = ()
    """What was dropped on the way, for a person."""


def entry_dialogues(card_file: CardFile, at: int) -> EntryDialogues:
    """Dialogues of the card's corpus number `at`. Raises FileFaults; rows of foreign forms are counted instead."""
    entry = card_file.card.corpora[at]
    if entry.character is not None:
        return _of_character(card_file, at, entry.character, entry.max_samples)
    path = resolve_corpus(card_file.path, entry)
    if entry.path is not None and _is_native(path, entry):
        dialogues = read_native(path, allow_system=entry.kind == "general")
        return EntryDialogues(shown(path), tuple(dialogues[: entry.max_samples]))
    reading = _open(card_file, at, path)
    found = tuple(value for value in reading if isinstance(value, Dialogue))
    if not found:
        _refuse(card_file, at, reading, "dialogue")
    return EntryDialogues(reading.report.file, found, tuple(reading.report.losses()))


def entry_texts(card_file: CardFile, at: int) -> EntryTexts:
    """Documents of the card's corpus number `at`, of `kind: text`. Raises FileFaults."""
    entry = card_file.card.corpora[at]
    path = resolve_corpus(card_file.path, entry)
    if entry.path is not None and entry.form is None and path.suffix in (".txt", ".jsonl"):
        return EntryTexts(shown(path), tuple(read_documents(path)[: entry.max_samples]))
    if entry.path is not None and path.suffix in (".yaml", ".yml"):
        read_documents(path)  # which says what is wrong with it
    reading = _open(card_file, at, path)
    found = tuple(value for value in reading if isinstance(value, Text))
    if not found:
        _refuse(card_file, at, reading, "text")
    return EntryTexts(reading.report.file, found, tuple(reading.report.losses()))


def corpus_faults(card_file: CardFile, indices: Sequence[int] | None = None) -> list[Fault]:
    """Every fault of the corpora of a card; of all of them, or of those at `indices`."""
    faults: list[Fault] = []
    for at in range(len(card_file.card.corpora)) if indices is None else indices:
        try:
            entry_texts(card_file, at) if card_file.card.corpora[at].kind == "text" else entry_dialogues(card_file, at)
        except FileFaults as error:
            faults += error.faults
    return faults


def all_faults(path: Path) -> list[Fault]:
    """Every fault of a card and of its corpora, whichever of the two has some."""
    try:
        return corpus_faults(load_card(path))
    except FileFaults as error:
        with contextlib.suppress(FileFaults):  # where it is no YAML there is nothing more to tell
            return [*error.faults, *corpus_faults(*sound_corpora(path))]
        return list(error.faults)


def _is_native(path: Path, entry: CorpusEntry) -> bool:
    """Native files are read strictly; so is JSON Lines that no form fits."""
    if entry.form is not None or path.suffix != ".jsonl":
        return entry.form in (None, "native") and path.suffix in (".yaml", ".yml", ".jsonl")
    try:
        return form_of(path) in (None, "native")
    except FileFaults:
        return True  # the strict reader names each fault


def _open(card_file: CardFile, at: int, path: Path) -> Reading:
    entry = card_file.card.corpora[at]
    system = entry.kind == "general"
    if entry.registry is None:
        return read(path, entry.form, keep_system=system, max_samples=entry.max_samples)
    try:
        return read_registered(
            path, entry.name or "", verify=entry.verify, keep_system=system, max_samples=entry.max_samples
        )
    except NotFound as error:
        problem, _, remedy = str(error).partition("; ")
        raise FileFaults([_at(card_file, at, "name", problem, remedy)]) from error


def _refuse(card_file: CardFile, at: int, reading: Reading, wanted: str) -> None:
    """Raise FileFaults: not one row is of the kind that was wanted."""
    report, entry = reading.report, card_file.card.corpora[at]
    key = "path" if entry.path is not None else "name"
    if report.kept:
        other = {"raw text": "write 'kind: text' and train it with --stage pt"}
        remedy = other.get(report.form, "name a corpus of dialogues" if wanted == "dialogue" else "name raw text")
        raise FileFaults([_at(card_file, at, key, f"holds no {wanted}: it was read as {report.form}", remedy)])
    reason, dropped = max(report.dropped.items(), key=lambda item: item[1].rows)
    problem = f"holds no {wanted}: of {report.rows} rows, read as {report.form}, {dropped.rows} are dropped ({reason})"
    raise FileFaults([_at(card_file, at, key, problem, "name the right form with 'form: …', or repair the file")])


def _of_character(card_file: CardFile, at: int, name: str, max_samples: int | None) -> EntryDialogues:
    """The dialogues another character is taught to speak by; not who it is, and not what it takes from others."""
    beside = card_file.path.with_name(f"{name}.yaml")
    known = find_cards(find_home())
    path = beside if beside.is_file() else known.get(name, (None, ""))[0]
    if path is None:
        raise FileFaults([_at(card_file, at, "character", f"'{name}' is no character", did_you_mean(name, known))])
    if path.resolve() == card_file.path.resolve():
        remedy = "name another one, or take the entry out"
        raise FileFaults([_at(card_file, at, "character", f"'{name}' is the card's own", remedy)])
    other = load_card(path)
    parts = [
        entry_dialogues(other, i)
        for i, entry in enumerate(other.card.corpora)
        if entry.kind == "dialogue" and entry.character is None
    ]
    dialogues = tuple(dialogue for part in parts for dialogue in part.dialogues)[:max_samples]
    if not dialogues:
        remedy = "name another character"
        raise FileFaults([_at(card_file, at, "character", f"'{name}' has no corpus of 'kind: dialogue'", remedy)])
    return EntryDialogues(f"character {name}", dialogues, _told(parts))


def _told(parts: Sequence[EntryDialogues]) -> tuple[str, ...]:
    return tuple(f"{part.label}: {loss}" for part in parts for loss in part.losses)


def _at(card_file: CardFile, at: int, key: str, problem: str, remedy: str) -> Fault:
    where = ("corpora", at, key)
    return Fault(card_file.lines.file, card_file.lines.line(where), f"corpora[{at}].{key}", problem, remedy)

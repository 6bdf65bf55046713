"""A novel becomes a corpus of one of its characters."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from roleplay.authoring.passages import read_book
from roleplay.authoring.place import YAML, card_line, check_place, corpus_place
from roleplay.cards.find import open_card
from roleplay.corpora.novel.continuation import continuation_dialogues, documents
from roleplay.corpora.novel.dialogues import make_dialogues, spoken_text
from roleplay.corpora.novel.lines import Extraction, extract
from roleplay.corpora.novel.names import likely_aliases
from roleplay.corpora.novel.paragraphs import Language, guess_language
from roleplay.corpora.write import native_lines, native_yaml
from roleplay.dialogue import Dialogue
from roleplay.errors import NotFound
from roleplay.paths import Home, shown, write_file
from roleplay.text import one_line

Mode = Literal["dialogue", "continuation-sft", "continuation-pt"]

_SAMPLES = 8


@dataclass(frozen=True)
class Wish:
    """What a book is asked for."""

    book: Path
    """Text file."""
    character: str
    """Name of the character, or path of its card."""
    aliases: tuple[str, ...] = ()
    """Names the book has for the character beside the card's display name."""
    language: Language | None = None
    """Of the book; `None` is told by its letters."""
    narration: bool = False
    """Put narration between the lines into the partner's turns."""
    gap: int | None = None
    """Characters of narration that end a dialogue; `None` goes by the language."""
    mode: Mode = "dialogue"
    """Dialogues, or what follows in the text, for stage `sft` or `pt`."""
    length: int = 600
    """Longest piece of a continuation in characters."""
    out: Path | None = None
    """File to write; `None` is one beside the character's others."""
    force: bool = False
    """Replace the file if it is there."""


@dataclass(frozen=True)
class Sample:
    """One speech, to be checked by eye."""

    speaker: str
    """Who says it, as far as the rules can tell."""
    text: str
    """The words."""
    paragraph: str
    """The paragraph it was found in, cut."""


@dataclass(frozen=True)
class Novel:
    """What was found in a book and written."""

    language: Language
    """Of the book."""
    names: tuple[str, ...]
    """Names taken for the character's; empty for continuations."""
    speakers: tuple[tuple[str, int], ...]
    """Speakers with their count of quotations, most first."""
    likely_aliases: tuple[tuple[str, int], ...]
    """Speakers who may be the character under another name."""
    lines: int
    """Quotations that are speech."""
    unknown: int
    """Quotations whose speaker is unknown."""
    ignored: int
    """Quotations that are no speech."""
    written: int
    """Dialogues or documents in the file."""
    answers: int
    """Answers of the character in them."""
    openings: int
    """Dialogues that the character begins."""
    sample: tuple[Sample, ...]
    """A few speeches from all over the book."""
    out: Path
    """The file."""
    card_line: str
    """Entry for the card's `corpora`."""


def read_novel(wish: Wish, home: Home) -> Novel:
    """Read the book, find what the character says, and write it. Raises what its parts raise, and NotFound."""
    card = open_card(wish.character, home)
    default = f"{wish.book.stem}.jsonl" if wish.mode == "continuation-pt" else f"{wish.book.stem}.yaml"
    out = wish.out or corpus_place(card.path, card.card.name, default)
    endings = (".jsonl",) if wish.mode == "continuation-pt" else (*YAML, ".jsonl")
    check_place(out, force=wish.force, endings=endings, source=wish.book)
    text = read_book(wish.book)
    language = wish.language or guess_language(text)
    source = shown(wish.book)
    about = f"From {one_line(wish.book.name, 200)}."
    if wish.mode != "dialogue":
        return _continue(wish, text, language, out, card_line(card.path, out, _KINDS[wish.mode]), about)
    names = tuple(dict.fromkeys([card.card.display_name, *wish.aliases]))
    book = extract(text, language, [names], wish.gap)
    dialogues = make_dialogues(book, names[0], source, narration=wish.narration)
    if not dialogues:
        raise NotFound(_nobody(names, book, source))
    write_file(out, _native(dialogues, out, f"{about} {' / '.join(names)}."))
    return Novel(
        language=language,
        names=names,
        speakers=tuple(book.speakers()),
        likely_aliases=tuple(likely_aliases(names, book.speakers())),
        lines=book.lines,
        unknown=book.unknown,
        ignored=book.ignored,
        written=len(dialogues),
        answers=sum(turn.role == "assistant" for one in dialogues for turn in one.turns),
        openings=sum(one.turns[0].role == "assistant" for one in dialogues),
        sample=_sample(book),
        out=out,
        card_line=card_line(card.path, out, _KINDS[wish.mode]),
    )


_KINDS: dict[Mode, str] = {"dialogue": "dialogue", "continuation-sft": "general", "continuation-pt": "text"}


def _continue(wish: Wish, text: str, language: Language, out: Path, line: str, about: str) -> Novel:
    if wish.mode == "continuation-pt":
        found = documents(text, wish.length)
        written, content = len(found), "".join(json.dumps({"text": one}, ensure_ascii=False) + "\n" for one in found)
    else:
        pairs = continuation_dialogues(text, language, wish.length, shown(wish.book))
        written, content = len(pairs), _native(pairs, out, about)
    if not written:
        raise NotFound(
            f"{shown(wish.book)} is too short to go on in pieces of {wish.length} characters; lower the length"
        )
    write_file(out, content)
    answers = written if wish.mode == "continuation-sft" else 0
    return Novel(language, (), (), (), 0, 0, 0, written, answers, 0, (), out, line)


def _native(dialogues: list[Dialogue], out: Path, about: str) -> str:
    return "".join(native_lines(dialogues)) if out.suffix == ".jsonl" else native_yaml(dialogues, about)


def _nobody(names: tuple[str, ...], book: Extraction, source: str) -> str:
    found = ", ".join(f"{name} ({count})" for name, count in book.speakers()[:12])
    who = f"it lets speak: {found}" if found else "no quotation in it could be told as speech"
    return f"{' / '.join(names)} says nothing in {source}; {who}; give the name that the book uses with --alias"


def _sample(book: Extraction) -> tuple[Sample, ...]:
    """Speeches at even distances."""
    known = [one for one in book.speeches if one.speaker is not None]
    step = max(len(known) / _SAMPLES, 1.0)
    chosen = [known[int(i * step)] for i in range(_SAMPLES) if int(i * step) < len(known)]
    return tuple(
        Sample(
            one.speaker or "",
            spoken_text(one.speech, book.language),
            one_line(book.passages[one.speech.quotes[0].paragraph].text, 100),
        )
        for one in chosen
    )

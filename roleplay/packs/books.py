"""A character's books as they go along in a pack: texts, under the names by which their passages are cited."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from roleplay.cards.load import CardFile, knowledge_folders
from roleplay.corpora.encoding import find_encoding
from roleplay.errors import FileFaults, NotFound, PackError
from roleplay.knowledge.read.sources import find_sources
from roleplay.packs.places import BOOKS, KNOWLEDGE, beside_card, why_no_place
from roleplay.packs.texts import MOST_TEXT, MOST_TEXTS
from roleplay.paths import Home
from roleplay.text import clean, one_line

_MOST_BOOKS = 1500
"""A pack has 2,000 files, and what is no book needs room too."""
_NAMED = 3
"""How many are named of those that stay behind for one reason."""
_WITHOUT = "--no-knowledge leaves the books out"


@dataclass(frozen=True)
class Books:
    """What of a character's books goes into a pack."""

    files: Mapping[str, bytes]
    """Text in UTF-8 by name, in the order of the card."""
    left_behind: tuple[str, ...]
    """Lines that say what does not, and why."""


def gather_books(card_file: CardFile, home: Home, others: Iterable[str]) -> Books:
    """The books of a card for a pack that holds the files `others` besides.

    Raises PackError where the card names what is not there, or more than a pack holds.
    """
    beside, size = beside_card(others, card_file.card.name), 0
    files: dict[str, bytes] = {}
    places: dict[str, Path] = {}
    behind: dict[str, list[str]] = {}
    for name, path in _found(card_file, home):
        if places.get(name) == path:
            continue
        content = _why_not(name, places, beside) or _content(path)
        if isinstance(content, str):
            behind.setdefault(content, []).append(name)
            continue
        files[name], places[name] = content, path
        size += len(content)
        if len(files) > _MOST_BOOKS or size > MOST_TEXTS:
            most = f"{_MOST_BOOKS:,} files and {MOST_TEXTS:,} bytes of text"
            raise PackError(f"its books are more than a pack holds, {most}; name fewer on the card; {_WITHOUT}")
    return Books(files, tuple(_line(names, why) for why, names in behind.items()))


def _found(card_file: CardFile, home: Home) -> Iterator[tuple[str, Path]]:
    """Every file that the card names, with its name in the pack; those that no reader knows too."""
    own = not card_file.path.resolve().is_relative_to(home.packs.resolve())
    problems = []
    for named in card_file.card.knowledge:
        try:
            sources, unknown = find_sources([named], knowledge_folders(card_file.path), anywhere=own)
        except NotFound as error:
            problems.append(str(error))
            continue
        yield from ((_short(named, source.name), source.path.resolve()) for source in sources)
        yield from ((_short(named, name), Path(name)) for name in unknown)
    if problems:
        raise PackError("\n".join([*problems, _WITHOUT]))


def _short(named: str, name: str) -> str:
    """The name of a file that the card calls `named`, or has in a folder so called, without places of this machine."""
    called = PurePosixPath(named.replace("\\", "/") if os.sep == "\\" else named)
    parts: Sequence[str] = PurePosixPath(name).parts
    if called.is_absolute() or PureWindowsPath(named).anchor or ".." in called.parts:
        parts = parts[len(called.parent.parts) :]
    return "/".join(part for part in parts if part != "..")


def _why_not(name: str, taken: Iterable[str], beside: Collection[str]) -> str | None:
    """Why a book of this name stays behind; `None` where its name is no reason."""
    if not name.lower().endswith(BOOKS):
        return "books of this ending do not travel"
    if name.casefold() in beside:
        return "a file of that name lies beside the card in the pack"
    if any(name.casefold() == other.casefold() for other in taken):
        return "another book of that name goes along"
    return why_no_place(f"{KNOWLEDGE}{name}", "")


def _content(path: Path) -> bytes | str:
    """The text of a book in UTF-8, or why it stays behind."""
    most = f"has more than {MOST_TEXT:,} bytes"
    try:
        if path.stat().st_size > MOST_TEXT:
            return most
        with find_encoding(path).open(path) as file:
            content = clean(file.read()).encode()
    except FileFaults as error:
        return error.faults[0].problem.partition(":")[0]
    except OSError:
        return "cannot be read"
    return content if len(content) <= MOST_TEXT else most


def _line(names: Sequence[str], why: str) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{', '.join(one_line(name, 36) for name in names[:_NAMED])}{more}: {why}"

"""A tavern card put into a folder of characters: card, corpora, picture and the other files of its archive."""

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.find import card_places
from roleplay.cards.model import is_identifier
from roleplay.cards.tavern.became import Became, as_written, aside, became
from roleplay.cards.tavern.character import EXAMPLES, OWN
from roleplay.cards.tavern.open import TavernFile, icon_of, open_tavern
from roleplay.cards.tavern.own_files import ICON
from roleplay.cards.tavern.travel import Arrival, arrive
from roleplay.cards.write import card_yaml
from roleplay.corpora.write import native_yaml
from roleplay.errors import NotFound, StorageError, UsageError
from roleplay.paths import Home, new_folder, shown, write_file
from roleplay.text import one_line

ARCHIVE = "charx"
"""Folder, below the character's own, for the files of an archive."""

_PACK = "comes in a pack: 'roleplay pack install' brings its adapter, its books and its evidence too"


@dataclass(frozen=True)
class ImportedCard:
    """What an import wrote, and what it read."""

    name: str
    """Name of the character."""
    path: Path
    """The card."""
    corpora: tuple[Path, ...]
    """Files of its corpora."""
    avatar: Path | None
    """Its picture."""
    archive_files: int
    """Files of a `.charx` beside card and picture."""
    spec: str
    """Format of the tavern card."""
    became: tuple[Became, ...]
    """Fields and their places."""
    aside: tuple[str, ...]
    """Fields that nothing uses and an export gives back."""
    as_written: tuple[str, ...]
    """Fields whose exact spelling is kept beside."""
    loose_examples: int
    """Blocks of `mes_example` that are no talk."""
    warnings: tuple[str, ...]
    """What is odd."""

    def next_step(self, home: Home) -> str:
        """What the person does next."""
        in_reach = self.path.parent.resolve() in [place.folder.resolve() for place in card_places(home)]
        called = shlex.quote(self.name if in_reach else shown(self.path))
        if self.corpora:
            return f"next: roleplay train {called}, or talk to it untrained: roleplay chat {called}"
        talk = f"give it dialogues: roleplay data import FILE --character {called}"
        return f"next: roleplay chat {called}; to train it, {talk}"


def default_folder(home: Home) -> Path:
    """`./characters` where it is, else the home's."""
    here = Path.cwd() / "characters"
    return here if here.is_dir() else home.characters


def import_card(source: Path, folder: Path, *, name: str | None = None, force: bool = False) -> ImportedCard:
    """Write the character of `source` below `folder`, whole or not at all.

    Raises FileFaults for a file that is no good card, UsageError for a name that cannot be one, StorageError where a
    character of that name is there already and `force` is not set; with it, other files in its folder stay.
    """
    if name is not None and not is_identifier(name):
        raise UsageError(f"--name '{one_line(name)}' is no name: use letters, digits, '-' and '_', and begin with one")
    if not source.is_file():
        raise NotFound(f"there is no file {shown(source)}; give the path of a .png, .json, .charx or .yaml card")
    opened = open_tavern(source)
    arrival = arrive(opened.value, shown(source), name, source.stem)
    card = arrival.character.card
    if not card.name:
        raise UsageError(f"'{one_line(card.display_name)}' has no Latin letter to make a name of; add --name NAME")
    path, own = folder / f"{card.name}.yaml", folder / card.name
    if not force and (path.exists() or own.exists()):
        taken = path if path.exists() else own
        raise StorageError(f"{shown(taken)} is there already; add --force to replace it, or --name for another name")
    files, avatar = _files(opened, arrival)
    corpora = [entry.model_copy(update={"path": _placed(entry.path, card.name)}) for entry in card.corpora]
    picture = f"{card.name}/{avatar}" if avatar else None
    about = f"Imported from {one_line(source.name, 200)}."
    _write(path, own, card_yaml(card.model_copy(update={"corpora": corpora, "avatar": picture}), about), files)
    named = tuple(dict.fromkeys(folder / entry.path for entry in corpora if entry.path))
    return ImportedCard(
        name=card.name,
        path=path,
        corpora=named,
        avatar=own / avatar if avatar else None,
        archive_files=sum(file.startswith(f"{ARCHIVE}/") for file in files),
        spec=arrival.spec,
        became=tuple(became(arrival)),
        aside=tuple(aside(arrival)),
        as_written=tuple(as_written(arrival)),
        loose_examples=arrival.loose_examples,
        warnings=(*arrival.warnings, *([_PACK] if opened.pack else [])),
    )


def _files(opened: TavernFile, arrival: Arrival) -> tuple[dict[str, bytes], str | None]:
    """Content of the character's own folder by path, and which of it is the picture."""
    character = arrival.character
    files = {f"{ARCHIVE}/{path}": content for path, content in opened.files.items()}
    icon = icon_of(arrival.data, opened.files)
    avatar = f"{ARCHIVE}/{icon}" if icon else None
    ours = [path for path in opened.files if path.startswith(ICON)] if "assets" not in arrival.data else []
    if ours:
        avatar = f"avatar.{ours[0].removeprefix(ICON)}"
        files[avatar] = files.pop(f"{ARCHIVE}/{ours[0]}")
    if opened.picture is not None:
        avatar = "avatar.png"
        files[avatar] = opened.picture
    for path, text in character.files.items():
        files[path.removeprefix(OWN)] = text.encode()
    if character.examples:
        about = f"How {character.card.display_name} speaks: the examples of the imported card."
        files[EXAMPLES.removeprefix(OWN)] = native_yaml(character.examples, about).encode()
    return files, avatar


def _write(path: Path, own: Path, text: str, files: Mapping[str, bytes]) -> None:
    """The folder first, so that a card never names what is not there."""
    fresh = not own.exists()
    try:
        if files:
            _write_folder(own, files)
        write_file(path, text)
    except BaseException:
        if fresh:
            shutil.rmtree(own, ignore_errors=True)
        raise


def _write_folder(own: Path, files: Mapping[str, bytes]) -> None:
    with new_folder(own) as fresh:
        if own.is_dir():
            shutil.copytree(own, fresh, dirs_exist_ok=True, symlinks=True)
        for path, content in files.items():
            target = fresh / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.write_bytes(content)


def _placed(path: str | None, name: str) -> str | None:
    return path if path is None else f"{name}/{path.removeprefix(OWN)}"

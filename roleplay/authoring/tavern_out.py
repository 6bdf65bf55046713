"""A character written as a tavern card, with all that the format can carry."""

import base64
import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from roleplay.authoring.tavern_in import ARCHIVE
from roleplay.cards.load import CardFile, resolve_corpus
from roleplay.cards.model import Card, CorpusEntry
from roleplay.cards.tavern.character import EXAMPLES, OWN, Character
from roleplay.cards.tavern.charx import SCHEMES, write_charx
from roleplay.cards.tavern.json_text import json_text
from roleplay.cards.tavern.luggage import safe_path
from roleplay.cards.tavern.open import DRAWN
from roleplay.cards.tavern.own_files import ICON
from roleplay.cards.tavern.png import SIGNATURE, write_png
from roleplay.cards.tavern.refuse import refused
from roleplay.cards.tavern.spec import Spec
from roleplay.cards.tavern.travel import depart
from roleplay.cards.write import plain_yaml
from roleplay.corpora.native import read_native
from roleplay.dialogue import Dialogue
from roleplay.errors import FileFaults, StorageError, UsageError
from roleplay.paths import shown, write_file
from roleplay.strictyaml import read_utf8
from roleplay.text import did_you_mean, draw, one_line

Format = Literal["v3-png", "v2-png", "v3-json", "v2-json", "charx", "webui"]
FORMATS: tuple[Format, ...] = get_args(Format)

_ENDINGS = {"png": ".png", "json": ".json", "charx": ".charx", "webui": ".yaml"}
_SAMPLE = 1500  # characters of examples for a character that has none of its own
_MOST_FILE = 16 * 2**20


@dataclass(frozen=True)
class ExportedCard:
    """What an export wrote."""

    path: Path
    """The file."""
    format: Format
    """What it is."""
    carried: tuple[str, ...]
    """Corpora that went along, by their paths on the card."""
    left_behind: tuple[str, ...]
    """What the format or the program cannot carry, each with the reason."""


@dataclass
class Gathered:
    """A character with everything that goes along."""

    character: Character
    """Its card, the paths of its corpora written for the road, and their texts."""
    sample: list[Dialogue]
    """A few dialogues where it has no examples of its own."""
    picture: tuple[bytes, str] | None = None
    """Content and ending of its picture; `None` where it has none, or has it in `archive`."""
    archive: dict[str, bytes] = field(default_factory=dict)
    """Other files of the archive that it came from, by path."""
    carried: list[str] = field(default_factory=list)
    """Corpora that go along, by their paths on the card."""
    left_behind: list[str] = field(default_factory=list)
    """What cannot go along, each with the reason."""


def check_format(name: str) -> Format:
    """`name` as a format. Raises UsageError."""
    for known in FORMATS:
        if name == known:
            return known
    raise UsageError(f"--format '{one_line(name)}' is not known; {did_you_mean(name, FORMATS)}")


def export_card(card_file: CardFile, format_: Format, out: Path | None = None, *, force: bool = False) -> ExportedCard:
    """Write the character to `out`: a file, or a folder for it; `None` is the current folder.

    Raises StorageError for a file that is there already, unless `force` is set, and FileFaults for a corpus that has
    faults, or where the card is larger than the format can carry.
    """
    ending = _ENDINGS[format_.split("-")[-1]]
    path = Path(f"{card_file.card.name}{ending}") if out is None else out
    path = path / f"{card_file.card.name}{ending}" if path.is_dir() else path
    if path.exists() and (not force or path.resolve() == card_file.path.resolve()):
        raise StorageError(f"{shown(path)} is there already; choose another --out, or add --force to replace it")
    gathered = gather(card_file, format_)
    write_file(path, _content(gathered, format_, shown(path)))
    return ExportedCard(path, format_, tuple(gathered.carried), tuple(gathered.left_behind))


def _content(gathered: Gathered, format_: Format, file: str) -> bytes:
    if format_ == "webui":
        return plain_yaml(depart(gathered.character, "webui")).encode()
    if format_ in ("v2-json", "v3-json"):
        return _json(_whole(gathered, "v2" if format_ == "v2-json" else "v3"), file, indent=2) + b"\n"
    if format_ == "charx":
        files = dict(gathered.archive)
        assets = []
        if gathered.picture is not None:
            content, ending = gathered.picture
            files[f"{ICON}{ending}"] = content
            assets = [{"type": "icon", "uri": f"{SCHEMES[0]}{ICON}{ending}", "name": "main", "ext": ending}]
        return write_charx(_json(depart(gathered.character, "v3", gathered.sample, assets), file, indent=2), files)
    texts = {"chara": base64.b64encode(_json(_whole(gathered, "v2"), file))}
    if format_ == "v3-png":
        texts["ccv3"] = base64.b64encode(_json(_whole(gathered, "v3"), file))
    if gathered.picture is None:
        return write_png(_drawn(gathered.character.card), {DRAWN: b"1", **texts}, file)
    return write_png(_as_png(gathered.picture[0], file), texts, file)


def _whole(gathered: Gathered, spec: Spec) -> dict[str, Any]:
    return depart(gathered.character, spec, gathered.sample)


def _json(value: Any, file: str, indent: int | None = None) -> bytes:
    try:
        return json_text(value, indent=indent).encode()
    except ValueError as error:
        raise refused(file, "cannot hold a number of the card that is not finite", "correct it on the card") from error


def gather(card_file: CardFile, format_: Format) -> Gathered:
    """The character with its files, as `format_` can carry them. Raises FileFaults for a corpus that has faults."""
    card = card_file.card
    gathered = Gathered(Character(card), [])
    examples: list[Dialogue] = []
    files: dict[str, str] = {}
    entries: list[CorpusEntry] = []
    for entry in card.corpora:
        if entry.path is None:
            what = f"character {entry.character}" if entry.character else f"registry {entry.registry}"
            gathered.left_behind.append(f"corpus of the {what}: it is not the character's own")
            continue
        place = _road(entry, card.name)
        if place == EXAMPLES:
            examples = read_native(resolve_corpus(card_file.path, entry))
        elif format_ == "webui":
            gathered.left_behind.append(f"{entry.path}: the format has no place for it")
            continue
        elif (problem := _add_text(place, resolve_corpus(card_file.path, entry), files)) is not None:
            gathered.left_behind.append(f"{entry.path}: {problem}")
            continue
        entries.append(entry.model_copy(update={"path": place}))
        gathered.carried.append(entry.path)
    gathered.left_behind += [f"{name}: knowledge files do not travel" for name in card.knowledge]
    if card.probes.known is not None:
        gathered.left_behind.append("probes.known: labelled questions do not travel")
    if not examples:
        gathered.sample = _sample(card_file)
    gathered.character = Character(card.model_copy(update={"corpora": entries}), tuple(examples), files)
    _add_pictures(gathered, card_file, format_)
    return gathered


def _road(entry: CorpusEntry, name: str) -> str:
    """The path of a corpus while it travels; one outside the character's own folder gets a place in it."""
    path = PurePosixPath(entry.path or "")
    own = path.parts[0] == name and len(path.parts) > 1
    place = OWN + "/".join(path.parts[1:]) if own else f"{OWN}shared/{path}"
    plain = entry.kind == "dialogue" and entry.form in (None, "native")
    return place if place.casefold() != EXAMPLES or (plain and place == EXAMPLES) else f"{OWN}shared/{path.name}"


def _add_text(place: str, source: Path, files: dict[str, str]) -> str | None:
    """Put a corpus among `files`, or tell why not."""
    if not safe_path(place):
        return "its name or ending is not one that travels"
    if source.stat().st_size > _MOST_FILE:
        return f"it has more than {_MOST_FILE:,} bytes"
    if any(place != other and place.casefold() == other.casefold() for other in files):
        return "its name differs from another's in upper and lower case alone"
    text = read_utf8(source)
    if files.setdefault(place, text) != text:
        return "another corpus of that name goes along"
    return None


def _sample(card_file: CardFile) -> list[Dialogue]:
    """A few dialogues that show how the character speaks."""
    sample: list[Dialogue] = []
    for entry in card_file.card.corpora:
        if entry.kind != "dialogue" or entry.path is None or sample:
            continue
        with contextlib.suppress(FileFaults):  # not native: it is carried as it is, only not shown
            size = 0
            for dialogue in read_native(resolve_corpus(card_file.path, entry))[:3]:
                size += sum(len(turn.text) for turn in dialogue.turns)
                if size > _SAMPLE:
                    break
                sample.append(dialogue)
    return sample


def _add_pictures(gathered: Gathered, card_file: CardFile, format_: Format) -> None:
    card, folder = card_file.card, card_file.path.resolve().parent
    archive = folder / card.name / ARCHIVE
    found = [path for path in sorted(archive.rglob("*")) if path.is_file() and path.resolve().is_relative_to(archive)]
    if format_ == "charx":
        gathered.archive = {path.relative_to(archive).as_posix(): path.read_bytes() for path in found}
    elif found:
        gathered.left_behind.append(f"{len(found)} files of {shown(archive)}: only charx carries them")
    if card.avatar is None or format_ in ("webui", "v2-json", "v3-json"):
        if card.avatar is not None:
            gathered.left_behind.append(f"{card.avatar}: the format carries no picture")
        return
    avatar = (folder / card.avatar).resolve()
    if not avatar.is_relative_to(folder) or not avatar.is_file():
        gathered.left_behind.append(f"{card.avatar}: there is no such picture beside the card")
    elif not (format_ == "charx" and avatar.is_relative_to(archive)):
        gathered.picture = (avatar.read_bytes(), avatar.suffix.lstrip(".").lower() or "png")


def _as_png(data: bytes, file: str) -> bytes:
    if data.startswith(SIGNATURE):
        return data
    from PIL import Image

    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.convert("RGBA").save(out, "PNG")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        problem = f"cannot be made: the avatar is no picture that can be read ({one_line(str(error))})"
        raise refused(file, problem, "give the card an avatar in PNG") from error
    return out.getvalue()


def _drawn(card: Card) -> bytes:
    """A plain picture in a colour of the character's own."""
    from PIL import Image

    colour = tuple(int(70 + 110 * draw("avatar", card.display_name, channel)) for channel in "rgb")
    out = io.BytesIO()
    Image.new("RGB", (256, 384), (colour[0], colour[1], colour[2])).save(out, "PNG")
    return out.getvalue()

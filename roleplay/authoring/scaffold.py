"""A new character to begin with: a card and two small corpora, with comments, meant to be rewritten."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from string import Template

import yaml

from roleplay.authoring.identity import listed
from roleplay.cards.find import card_places
from roleplay.cards.model import is_identifier
from roleplay.errors import StorageError, UsageError
from roleplay.paths import Home, shipped, shown, write_file
from roleplay.text import clean, did_you_mean, one_line

_LONGEST = 200  # characters of what a card wants on one line
_CHINESE = re.compile("[\u3400-\u9fff]")
_FILES = ("desc", "dialogue")


@dataclass(frozen=True)
class Wishes:
    """What a person says of a new character."""

    display_name: str
    """Name it goes by."""
    language: str
    """`zh` or `en`."""
    description: str
    """What a person reads before choosing it."""
    persona: str
    """Who it is, as a model is told."""
    likes: tuple[str, ...]
    """What it is fond of."""


LANGUAGES = ("zh", "en")
_DEFAULTS = {
    "en": Wishes(
        "",
        "en",
        "A person in pencil who waits on your desk to be drawn further. Replace this line, and then the rest.",
        "You are {{char}}, a person drawn in pencil on a sheet of paper. You live on the desk of {{user}}, between a "
        "cup and a lamp, and you are not finished: the face is there, the hands are still to come. You are curious "
        "about everything that gets drawn next to you.",
        ("warm tea", "blank paper", "the smell of pencil shavings"),
    ),
    "zh": Wishes(
        "",
        "zh",
        "一个用铅笔画到一半的人，在书桌上等你接着画。先换掉这一句，再换掉其余的。",
        "你是{{char}}，一个用铅笔画在纸上的人，住在{{user}}的书桌上，左边是杯子，右边是灯。你还没有画完：脸有了，手还没有。"
        "旁边每多画出一样东西，你都很好奇。",
        ("热茶", "白纸", "削铅笔的味道"),
    ),
}


def check_name(name: str) -> None:
    """Raises UsageError for a name that is not safe as a file name on every system."""
    if not is_identifier(name):
        raise UsageError(
            f"'{one_line(name)}' is no name for a character; use letters, digits, '-' and '_', beginning with a letter "
            "or a digit, 64 at most (the name it goes by is --display-name)"
        )


def guess_language(*texts: str | None) -> str:
    """`zh` where one of `texts` has a Chinese character, else `en`."""
    return "zh" if any(_CHINESE.search(text) for text in texts if text) else "en"


def default_wishes(name: str, language: str) -> Wishes:
    """What stands for whatever is not said. Raises UsageError for a language without a scaffold."""
    if language not in _DEFAULTS:
        raise UsageError(
            f"--language {one_line(language)}: there is a scaffold in zh and en; {did_you_mean(language, _DEFAULTS)}; "
            "the card's language can be changed afterwards"
        )
    own = _DEFAULTS[language]
    display_name = name[0].upper() + name[1:]
    return Wishes(display_name, language, own.description, own.persona, own.likes)


def check_free(name: str, folder: Path, *, force: bool) -> None:
    """Raises StorageError where a file of the new character is there already and `force` is not given."""
    found = [shown(path) for path in _paths(name, folder) if path.exists() or path.is_symlink()]
    if found and not force:
        raise StorageError(
            f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} there already; choose another name, or add "
            "--force to replace what is there"
        )


def write_scaffold(name: str, folder: Path, wishes: Wishes, home: Home, *, force: bool) -> list[Path]:
    """Write `NAME.yaml`, `NAME/desc.yaml` and `NAME/dialogue.yaml` below `folder`; the card comes first in the list.

    Raises UsageError for values that no card can hold and StorageError where files are in the way.
    """
    check_name(name)
    check_free(name, folder, force=force)
    display_name, *likes = [
        _one_line(option, text)
        for option, text in (("--display-name", wishes.display_name), *(("--likes", like) for like in wishes.likes))
    ]
    persona = clean(wishes.persona).strip()
    if not persona:
        raise UsageError("--persona is empty; say in a sentence who the character is, or leave it out")
    card, *corpora = _paths(name, folder)
    reached_by_name = folder.resolve() in [place.folder.resolve() for place in card_places(home)]
    values = {
        "name": name,
        "where": name if reached_by_name else one_line(shlex.quote(shown(card)), 10**4),
        "display_name": _escaped(display_name),
        "description": _escaped(clean(wishes.description).strip()),
        "persona": _escaped(persona),
        "likes": ", ".join(f'"{_escaped(like)}"' for like in likes),
        "likes_said": _escaped(listed(likes, wishes.language)),
    }
    # The card is written last: where it is, its corpora are.
    for path, file in [*zip(corpora, _FILES, strict=True), (card, "card")]:
        source = shipped() / "data" / "scaffold" / wishes.language / f"{file}.yaml"
        write_file(path, Template(source.read_text(encoding="utf-8")).substitute(values))
    return [card, *corpora]


def _paths(name: str, folder: Path) -> list[Path]:
    """The card and its corpora."""
    return [folder / f"{name}.yaml", *(folder / name / f"{file}.yaml" for file in _FILES)]


def _one_line(option: str, text: str) -> str:
    """`text` as a card wants it. Raises UsageError."""
    value = clean(text).strip()
    if not value or "\n" in value or len(value) > _LONGEST:
        seen = one_line(repr(text))
        raise UsageError(f"{option} {seen} is not one line of 1 to {_LONGEST} characters; shorten it or leave it out")
    return value


def _escaped(text: str) -> str:
    """`text` as it stands between double quotes in YAML."""
    dumped = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9)
    return dumped.strip()[1:-1]

"""Whether an installed pack says on this machine what it said where it was made."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from roleplay.errors import AdapterError, BaseModelError, ContextFull, TemplateError
from roleplay.models.find import base_of_adapter
from roleplay.packs.bases import weights_here
from roleplay.packs.manifest import Manifest
from roleplay.packs.places import ADAPTER, CANARIES, card_place, installed_place
from roleplay.paths import Home, write_file
from roleplay.text import clean, one_line

_FILE = "verdict.json"


@dataclass(frozen=True)
class PackVerdict:
    """What the canaries said."""

    reproduces: bool | None
    """`None` where they could not be run."""
    sentence: str
    """For people: `reproduces …`, `differs …`, or why nobody can tell."""


def run_canaries(
    folder: Path,
    manifest: Manifest,
    home: Home,
    base: str | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> PackVerdict:
    """Run the canaries of the pack installed in `folder`, on `base` or the one it names, and keep what they say.

    Nothing is fetched: a base that is not on this machine is none.
    """
    verdict = _verdict(folder, manifest, home, base, tell)
    write_file(folder / _FILE, json.dumps(asdict(verdict), ensure_ascii=False) + "\n")
    return verdict


def read_verdict(folder: Path) -> str:
    """What the canaries of an installed pack said last; empty where they were never run."""
    try:
        return clean(str(json.loads((folder / _FILE).read_bytes())["sentence"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _verdict(
    folder: Path, manifest: Manifest, home: Home, base: str | None, tell: Callable[[str], None]
) -> PackVerdict:
    place = folder / installed_place(CANARIES, manifest.name)
    if manifest.adapter is None or manifest.base is None:
        return PackVerdict(None, "no adapter: there is nothing to reproduce")
    if not place.is_file():
        return PackVerdict(None, "no canaries in it: nobody can tell whether it says the same here")
    if base is None and not weights_here(manifest.base):
        revision = f" at {manifest.base.revision}" if manifest.base.revision else ""
        return PackVerdict(
            None,
            f"base not here: it needs {one_line(manifest.base.name)}{revision}; fetch it, or name its folder with "
            f"--base, and run 'roleplay pack verify {manifest.name}'",
        )
    from roleplay.cards.load import load_card
    from roleplay.chat.open import open_on
    from roleplay.generation.canaries import read_canaries
    from roleplay.generation.canary_check import check_canaries
    from roleplay.models.base import load_base
    from roleplay.models.spec import parse_spec

    adapter = folder / installed_place(ADAPTER.rstrip("/"), manifest.name)
    try:
        tell("loading the base for the canaries")
        loaded = load_base(parse_spec(base or base_of_adapter(adapter)))
        card_file = load_card(folder / installed_place(card_place(manifest.name), manifest.name))
        opened = open_on(card_file, home, loaded, adapter)
        tell("asking the canaries")
        found = check_canaries(opened.engine, opened.voice, read_canaries(place))
    except (BaseModelError, TemplateError, AdapterError, ContextFull) as error:
        return PackVerdict(False, f"differs: {one_line(str(error), 400)}")
    return PackVerdict(found.reproduces, found.sentence)

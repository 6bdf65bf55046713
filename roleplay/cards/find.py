"""Find characters: in `./characters`, then the home, then installed packs, then those that ship."""

from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.installed import active_packs
from roleplay.cards.load import CardFile, load_card
from roleplay.errors import NotFound
from roleplay.paths import Home, shipped, shown
from roleplay.text import did_you_mean


@dataclass(frozen=True)
class Place:
    """A folder of cards."""

    name: str
    """`project`, `home`, `pack` or `shipped`."""
    folder: Path
    """It may not exist."""


def card_places(home: Home) -> list[Place]:
    """Folders of cards; the first that has a name wins."""
    return [
        Place("project", Path.cwd() / "characters"),
        Place("home", home.characters),
        *(Place("pack", folder / "characters") for folder in active_packs(home).values()),
        Place("shipped", shipped() / "characters"),
    ]


def find_cards(home: Home) -> dict[str, tuple[Path, str]]:
    """Name -> card file and place, unread, in order of the name."""
    found: dict[str, tuple[Path, str]] = {}
    for place in card_places(home):
        for path in sorted(place.folder.glob("*.yaml")):
            found.setdefault(path.stem, (path, place.name))
    return dict(sorted(found.items()))


def open_card(name: str, home: Home) -> CardFile:
    """The checked card called `name`, or at the path `name`. Raises NotFound or FileFaults."""
    return load_card(find_card(name, home))


def find_card(name: str, home: Home) -> Path:
    """The card file called `name`, or at the path `name`, unread. Raises NotFound."""
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise NotFound(f"there is no card at {shown(path)}; give a name from 'roleplay cards list' or a YAML file")
        return path
    cards = find_cards(home)
    if name not in cards:
        folders = [home.packs if place.name == "pack" else place.folder for place in card_places(home)]
        looked = ", ".join(dict.fromkeys(shown(folder) for folder in folders))
        raise NotFound(f"there is no character '{name}' in {looked}; {did_you_mean(name, cards)}")
    return cards[name][0]

"""Files of ours beside a tavern card, in a pack: corpora are put back where the card looks for them."""

from collections.abc import Mapping
from typing import Any

from roleplay.cards.tavern.character import EXAMPLES, OWN
from roleplay.cards.tavern.luggage import KEY

OURS = "roleplay/"
"""In an archive, what begins with this is ours; the rest is a card for other programs."""
CHARACTERS = f"{OURS}characters/"
"""The card in YAML; the character's own folder, called like it, has corpora and picture."""
ICON = "assets/icon/main."
"""Where an archive of ours that is no pack has the picture, but for the ending."""


def own_files_taken(value: Any, files: Mapping[str, bytes]) -> tuple[Any, dict[str, bytes]]:
    """Card and files of an archive; of a pack without what is ours, but for corpora and picture."""
    rest = {path: content for path, content in files.items() if not path.startswith(OURS)}
    texts: dict[str, str] = {}
    for path, content in files.items():
        _, _, inner = path.removeprefix(CHARACTERS).partition("/")
        if not path.startswith(CHARACTERS) or not inner:
            continue
        if inner.startswith("avatar."):
            rest.setdefault(f"{ICON}{inner.removeprefix('avatar.')}", content)
        else:
            texts[inner] = content.decode(errors="replace")
    return with_own_files(value, texts) if texts else value, rest


def with_own_files(value: Any, texts: Mapping[str, str]) -> Any:
    """The card `value` with the corpora `texts`, by their path in the character's own folder, among its luggage."""
    data = value.get("data") if isinstance(value, dict) else None
    extensions = data.get("extensions") if isinstance(data, dict) else None
    ours = extensions.get(KEY) if isinstance(extensions, dict) else None
    if not isinstance(data, dict) or not isinstance(extensions, dict) or not isinstance(ours, dict):
        return value
    files = {f"{OWN}{path}": text for path, text in texts.items() if f"{OWN}{path}" != EXAMPLES}
    carried = ours.get("files")
    # What lies in the archive wins: it is what a manifest vouches for.
    ours = ours | {"files": (carried if isinstance(carried, dict) else {}) | files}
    return value | {"data": data | {"extensions": extensions | {KEY: ours}}}

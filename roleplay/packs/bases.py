"""Whether the base of a pack is on this machine, told without loading it."""

from pathlib import Path

from roleplay.models.spec import POCKET, weight_files
from roleplay.packs.manifest import PackedBase
from roleplay.paths import shipped


def weights_here(base: PackedBase | None) -> list[Path]:
    """Files of the weights of `base`; empty where it is not here, or none is needed."""
    folder = None if base is None else _folder(base)
    if folder is None:
        return []
    try:
        return [file for file in weight_files(folder) if file.is_file()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # a broken index; loading it will tell
        return []


def _folder(base: PackedBase) -> Path | None:
    """Where the base lies: with the program, or in the hub's cache."""
    if base.name == POCKET:
        return shipped() / "data" / POCKET
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(base.name, "config.json", revision=base.revision)
    except HFValidationError:  # the last part of somebody's folder
        return None
    return Path(found).parent if isinstance(found, str) else None

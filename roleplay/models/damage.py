"""Which file of a base's weights is missing or cut off, in words."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from roleplay.models.spec import weight_files
from roleplay.text import one_line

_INDEX = "model.safetensors.index.json"


def find_damage(folder: Path) -> str | None:
    """The first fault in the files of weights in `folder`, from their headers and lengths alone; `None` for none."""
    try:
        files = weight_files(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{_INDEX} is damaged ({one_line(str(error), 80)})"
    for path in files:
        name = one_line(path.name, 80)
        if not path.is_file():
            return f"{name} is missing, and {_INDEX} names it"
        try:
            with safe_open(path, framework="pt"):
                pass
        except (SafetensorError, OSError) as error:
            return f"{name} is damaged or cut off at {path.stat().st_size:,} bytes ({one_line(str(error), 80)})"
    return None

"""A theme that a person wrote: a YAML file of colours, all of its faults told at once."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from roleplay.errors import Fault, FileFaults
from roleplay.strictyaml import Document, parse
from roleplay.text import did_you_mean, one_line

COLOURS = tuple(field.name for field in fields(Theme) if field.type in ("str", "str | None") and field.name != "name")
"""What a theme colours, as Textual names it."""


def read_theme(path: Path) -> Theme:
    """The theme in a file, named as the file is. Raises FileFaults.

    `primary` must be given; `dark: false` makes it a light one.
    """
    document = parse(path, typed=False)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", path.stem) is None:
        raise FileFaults(
            [Fault(document.file, None, "", "has a name that no theme can have", "use letters, digits and -")]
        )
    if not isinstance(document.value, dict):
        remedy = "write a colour a line, such as 'primary: \"#7aa2d6\"'"
        raise FileFaults([Fault(document.file, 1, "", "holds no keys and values", remedy)])
    values = {str(key): value for key, value in document.value.items()}
    faults = [fault for key, value in values.items() if (fault := _fault(document, key, value)) is not None]
    if "primary" not in values:
        faults.append(Fault(document.file, None, "primary", "is missing", "add 'primary: \"#7aa2d6\"', or any colour"))
    if faults:
        raise FileFaults(faults)
    dark = values.pop("dark", "true") == "true"
    return Theme(name=path.stem, dark=dark, **values)


def _fault(document: Document, key: str, value: Any) -> Fault | None:
    line = document.line([key])
    if key == "dark":
        if value in ("true", "false"):
            return None
        return Fault(document.file, line, key, f"is '{one_line(str(value))}'", "write true or false")
    if key not in COLOURS:
        return Fault(document.file, line, one_line(key), "is no colour of a theme", did_you_mean(key, COLOURS))
    try:
        Color.parse(value)
    except (ColorParseError, TypeError, AttributeError):
        remedy = "write '#rrggbb' in quotes, or a colour's English name"
        return Fault(document.file, line, key, f"is '{one_line(str(value))}', no colour", remedy)
    return None

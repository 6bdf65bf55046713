"""Raw text rows: `{"text": "…"}`, for `kind: text`."""

from typing import Any

from roleplay.corpora.forms.row import Made, document, fields


def make(row: Any, source: str) -> Made:
    """A text. Raises Drop."""
    cells = fields(row)
    return Made(document(cells.get("text", cells.get("content")), source))

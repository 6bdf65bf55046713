"""Text of strangers as the terminal may have it: no markup, no control characters."""

from typing import Literal

from textual.content import Content
from textual.widget import Widget

from roleplay.text import clean


def plain(text: str, style: str = "") -> Content:
    """`text` as it is, in one style."""
    return Content.styled(clean(text), style)


def tell(widget: Widget, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
    """Show `text` for a few seconds."""
    widget.notify(clean(text), severity=severity, markup=False)

"""The keys of a screen or widget, and how they are written for people."""

from textual.binding import Binding
from textual.dom import DOMNode

_SPOKEN = {
    "escape": "Esc",
    "pageup": "Page Up",
    "pagedown": "Page Down",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "plus": "+",
    "minus": "-",
}


def named(*nodes: type[DOMNode]) -> list[Binding]:
    """The bindings of these that have an id, and so can be given other keys."""
    return [
        binding
        for node in nodes
        for binding in vars(node).get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.id
    ]


def spoken(keys: str) -> str:
    """`ctrl+j,shift+enter` as people write it."""
    return ", ".join("+".join(_SPOKEN.get(part, part.title()) for part in key.split("+")) for key in keys.split(","))

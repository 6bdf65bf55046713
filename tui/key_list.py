"""Every key of every screen, with the id under which a person can choose another."""

import importlib
import pkgutil

from textual.binding import Binding
from textual.dom import DOMNode

import tui
from tui.keys import named


def every_key() -> list[Binding]:
    """The keys that have an id, in order of that; imports every screen."""
    return sorted(named(*owners()), key=lambda binding: binding.id or "")


def owners() -> list[type[DOMNode]]:
    """Every screen and widget that has keys of its own."""
    modules = [importlib.import_module(one.name) for one in pkgutil.walk_packages(tui.__path__, f"{tui.__name__}.")]
    return [
        one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, DOMNode) and one.__module__ == module.__name__
        if "BINDINGS" in vars(one)
    ]

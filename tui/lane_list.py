"""The lanes to choose from: which of them is the conversation, which are shown beside it, whose history they know."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.messages import HistoryChosen, LanesChosen
from tui.plain import plain

SIZES = (1, 2, 4)
"""How many lanes Ctrl+B goes through."""


class LaneList(OptionList):
    """A lane a line: `●` the conversation, `✓` shown beside it; below them whether each remembers its own replies."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "converse", "Talk here", id="lanes.converse", tooltip="Make the marked lane the conversation"),
    ]

    def __init__(self) -> None:
        super().__init__(id="lane-list")
        self.choices: list[str] = []
        self.shown: list[str] = []
        self.own_history = False

    def show(self, choices: Sequence[str], shown: Sequence[str], *, own_history: bool) -> None:
        """Draw the lanes; the first of those shown is the conversation."""
        at = self.highlighted
        self.choices, self.shown, self.own_history = list(choices), list(shown), own_history
        signs = dict.fromkeys(shown, "✓") | dict.fromkeys(shown[:1], "●")
        self.clear_options()
        self.add_options([Option(plain(f"{signs.get(name, ' ')} {name}")) for name in self.choices])
        self.add_option(Option(plain(f"{'✓' if own_history else ' '} each its own history")))
        self.highlighted = at if at is not None and at < self.option_count else None

    @on(OptionList.OptionSelected)
    def _toggle(self, event: OptionList.OptionSelected) -> None:
        """Show or hide a lane; the conversation is always shown."""
        event.stop()
        if event.option_index == len(self.choices):
            self.post_message(HistoryChosen(not self.own_history))
        else:
            self.post_message(LanesChosen(toggled(self.choices[event.option_index], self.shown)))

    def action_converse(self) -> None:
        """Make the highlighted lane the conversation."""
        if self.highlighted is not None and self.highlighted < len(self.choices):
            self.post_message(LanesChosen(led_by(self.choices[self.highlighted], self.shown)))


def toggled(lane: str, shown: Sequence[str]) -> tuple[str, ...]:
    """The lanes with `lane` shown, or no more; the first one stays."""
    if lane in shown[1:]:
        return tuple(name for name in shown if name != lane)
    return tuple(dict.fromkeys((*shown, lane)))


def led_by(lane: str, shown: Sequence[str]) -> tuple[str, ...]:
    """The same lanes, `lane` the conversation."""
    return tuple(dict.fromkeys((lane, *shown)))


def next_lanes(shown: Sequence[str], choices: Sequence[str]) -> tuple[str, ...]:
    """One lane → two → four → one; the first stays, and the second is what most differs by the adapter alone."""
    first = shown[0]
    half, plus, _ = first.partition("+")
    other = {"persona": "base", "base": "persona"}.get(half, half) + plus + ("prefix" if plus else "")
    order = list(dict.fromkeys(name for name in (first, other, *choices) if name in choices or name == first))
    size = next((size for size in SIZES if size > len(shown) and len(order) >= size), 1)
    return tuple(order[:size])

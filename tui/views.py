"""The tabs of a narrow terminal, which has room for one part of the chat only."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from tui.messages import ViewChosen

VIEWS = ("chat", "lanes", "character")
"""Parts of the screen, in the order in which Ctrl+T goes through them."""


class Tab(Static):
    """The name of a part; a click shows it."""

    ALLOW_SELECT = False

    def on_click(self, event: events.Click) -> None:
        """Pass on which part is wanted."""
        event.stop()
        self.post_message(ViewChosen(self.name or ""))


class Views(Horizontal):
    """One line of tabs."""

    def __init__(self) -> None:
        super().__init__(id="views")

    def compose(self) -> ComposeResult:
        """The parts, the conversation first."""
        for view in VIEWS:
            yield Tab(view.title(), name=view, classes="tab")

    def show(self, view: str) -> None:
        """Mark the part that is shown."""
        for tab in self.query(Tab):
            tab.set_class(tab.name == view, "-shown")

"""What to do with decisions that are not saved when the review is left."""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.plain import plain

Leaving = Literal["save", "later", "discard"]


class LeaveScreen(ModalScreen[Leaving | None]):
    """Three ways to leave; Escape stays, and gives `None`."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "dismiss('save')", "Save", id="leave.save", tooltip="Write the file and leave"),
        Binding("l", "dismiss('later')", "Later", id="leave.later", tooltip="Leave; opened again, the review goes on"),
        Binding("x", "dismiss('discard')", "Discard", id="leave.discard", tooltip="Forget the decisions and leave"),
        Binding("escape", "dismiss(None)", "Stay", id="leave.stay", tooltip="Back to the review"),
    ]

    def __init__(self, told: str) -> None:
        super().__init__()
        self.told = told

    def compose(self) -> ComposeResult:
        """What is not saved, and the keys that answer."""
        with VerticalScroll(id="leave", classes="dialog"):
            yield Static(plain(self.told))
            yield Static(Content("s saves and leaves\nl leaves; opened again, the review goes on"), classes="keys")
            yield Static(Content("x forgets what was decided, and leaves\nEsc stays"))

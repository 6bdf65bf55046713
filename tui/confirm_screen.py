"""A question before what cannot be undone."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.plain import plain


class ConfirmScreen(ModalScreen[bool]):
    """One question that only `y` affirms."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape", "dismiss(False)", "No", id="confirm.no", tooltip="Leave all as it is"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """The question, and the keys that answer it."""
        with VerticalScroll(classes="dialog"):
            yield Static(plain(self.question))
            yield Static(Content("y does it · n or Esc leaves all as it is"), classes="keys")

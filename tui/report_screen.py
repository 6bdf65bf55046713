"""What came of something that was asked for."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.plain import plain


class ReportScreen(ModalScreen[None]):
    """What came of something, until it was read."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "dismiss", "Close", id="report.close", tooltip="Back to where it was asked"),
    ]

    def __init__(self, report: str) -> None:
        super().__init__()
        self.report = report

    def compose(self) -> ComposeResult:
        """One column that scrolls."""
        with VerticalScroll(classes="dialog"):
            yield Static(plain(self.report))
            yield Static(Content("Enter closes"), classes="keys")

"""What the keys do."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_WORDS = """\
The panel at the right holds the character's prefixes: pieces of persona text that are sent before the conversation. \
A switch works from your next message on; the margin of every reply names the prefixes that were sent for it.

The base is the model before it was tuned. Beside the character it answers the same messages, with the same prefixes; \
the conversation goes on with the character's replies.

Everything said is kept as it comes; with --no-save nothing is."""


class HelpScreen(ModalScreen[None]):
    """Keys with what they do, then the two words one needs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "app.pop_screen", "Close", id="help.close", tooltip="Back to the chat"),
    ]

    def __init__(self, keys: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self.keys = list(keys)

    def compose(self) -> ComposeResult:
        """One column that scrolls."""
        width = max(len(key) for key, _ in self.keys)
        rows = [Content.assemble((key.ljust(width + 2), "bold"), what) for key, what in self.keys]
        with VerticalScroll(id="help"):
            yield Static(Content("\n").join(rows))
            yield Static(Content(_WORDS), id="help-words")

    def on_mount(self) -> None:
        """Arrow keys scroll."""
        self.query_one("#help").focus()

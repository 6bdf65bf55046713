"""What the keys and the words with a slash do."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_PREFIXES = """\
Prefixes are pieces of persona text that are sent before the conversation. A switch works from your next message on; \
the margin of every reply names the prefixes that were sent for it.

The base is the model before it was tuned. In a lane beside the character it answers the same messages; the \
conversation goes on with the first lane's replies, or with any reply that you take over.

Everything said is kept as it comes; with --no-save nothing is."""
_SLASH = (
    "A message that begins with / is a word to the program, and Tab completes it; // begins a message with a slash."
)
_KEYS_FILE = "Other keys: write lines such as 'chat.send: ctrl+s' to {}. The words at the right are the ids."


class HelpScreen(ModalScreen[None]):
    """Keys with what they do, the words with a slash, then what one needs to know."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "app.pop_screen", "Close", id="help.close", tooltip="Back to the chat"),
    ]

    def __init__(self, keys: Iterable[tuple[str, str, str]], keys_file: str) -> None:
        super().__init__()
        self.keys, self.keys_file = list(keys), keys_file

    def compose(self) -> ComposeResult:
        """One column that scrolls."""
        from roleplay.chat.words import WORDS

        words = [(word.usage, word.what, "") for word in WORDS.values()]
        with VerticalScroll(id="help"):
            yield Static(_table(self.keys))
            yield Static(Content(_SLASH), classes="help-words")
            yield Static(_table(words))
            yield Static(Content(_PREFIXES), classes="help-words")
            yield Static(Content(_KEYS_FILE.format(self.keys_file)), classes="help-words")

    def on_mount(self) -> None:
        """Arrow keys scroll."""
        self.query_one("#help").focus()


def _table(rows: list[tuple[str, str, str]]) -> Content:
    width = max(len(name) for name, *_ in rows)
    lines = [Content.assemble((name.ljust(width + 2), "bold"), what, (f"  {id_}", "dim")) for name, what, id_ in rows]
    return Content("\n").join(lines)

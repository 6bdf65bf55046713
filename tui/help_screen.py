"""What the keys and the words with a slash do."""

import textwrap
from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.plain import plain

_CHAT = """\
Prefixes are pieces of persona text that are sent before the conversation. A switch works from your next message on; \
the margin of every reply names the prefixes that were sent for it.

The base is the model before it was tuned. In a lane beside the character it answers the same messages; the \
conversation goes on with the first lane's replies, or with any reply that you take over.

Everything said is kept as it comes; with --no-save nothing is."""
_SLASH = (
    "A message that begins with / is a word to the program, and Tab completes it; // begins a message with a slash."
)
_KEYS_FILE = "Other keys: write lines such as 'chat.send: ctrl+s' to {}. A wide screen shows their ids here."

_WIDE = 120
"""Columns from which on there is room for the ids of keys."""
_MARGIN = 14
"""Columns that the border, the space around it and the scroll bar take."""
_NARROWEST = 16
"""Columns that are left to what a key does, however narrow the screen is."""


class HelpScreen(ModalScreen[None]):
    """Keys with what they do, the words with a slash, then what one needs to know."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "app.pop_screen", "Close", id="help.close", tooltip="Back to the chat"),
    ]

    def __init__(self, keys: Iterable[tuple[str, str, str]], keys_file: str, *, words_first: bool) -> None:
        super().__init__()
        self.keys, self.keys_file, self.words_first = list(keys), keys_file, words_first

    def compose(self) -> ComposeResult:
        """One column that scrolls; what was asked for stands first."""
        from roleplay.chat.words import WORDS

        columns = self.app.size.width
        rows = self.keys if columns >= _WIDE else [(keys, what, "") for keys, what, _ in self.keys]
        words = [(word.usage, word.what, "") for word in WORDS.values()]
        own = Static(plain(_KEYS_FILE.format(self.keys_file)), classes="help-words")
        keys = Static(_table(rows, columns - _MARGIN)), own
        slash = Static(_table(words, columns - _MARGIN)), Static(Content(_SLASH), classes="help-words")
        with VerticalScroll(id="help"):
            yield from (*slash, *keys) if self.words_first else (*keys, *slash)
            yield Static(Content(_CHAT))

    def on_mount(self) -> None:
        """Arrow keys scroll."""
        self.query_one("#help").focus()


def _table(rows: list[tuple[str, str, str]], width: int) -> Content:
    """Names, what they do, ids; what is too long for its column goes on below, within it."""
    wide, what_wide = (max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    lines = []
    for name, what, id_ in rows:
        first, *more = [what] if id_ else textwrap.wrap(what, max(width - wide, _NARROWEST))
        lines.append(
            Content.assemble((name.ljust(wide), "bold"), first.ljust(what_wide) if id_ else first, (id_, "dim"))
        )
        lines += [Content(" " * wide + line) for line in more]
    return Content("\n").join(lines)

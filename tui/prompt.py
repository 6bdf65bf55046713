"""Where the person writes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key, Paste
from textual.widgets import TextArea

from roleplay.errors import UsageError
from roleplay.text import clean
from tui.messages import Commanded, Submitted
from tui.plain import plain, tell

if TYPE_CHECKING:  # read when the first word with a slash is written
    from roleplay.chat.words import Kind

LONGEST = 20_000
"""Characters; more than any base of today takes in a turn, few enough to edit without waiting."""
_NOTHING_TO_MOVE = ("cursor_left", "cursor_right", "cursor_up", "undo")
"""Keys that an empty prompt has no use for: the screen has."""


class Prompt(TextArea):
    """Several lines of plain text; Enter sends them. A word with a slash is completed as it is written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", id="chat.send", tooltip="Say what is written"),
        Binding(
            "ctrl+j,shift+enter", "new_line", "New line", id="chat.new-line", tooltip="Begin a line without sending"
        ),
        Binding(
            "tab", "complete", "Complete", id="chat.complete", show=False, tooltip="Complete a word that begins with /"
        ),
        Binding("f4", "editor", "Editor", id="chat.editor", tooltip="Write in $VISUAL or $EDITOR"),
        Binding("pageup", "screen.scroll(-1)", "Scroll up", id="chat.scroll-up", show=False),
        Binding("pagedown", "screen.scroll(1)", "Scroll down", id="chat.scroll-down", show=False),
    ]

    def __init__(self, invitation: str) -> None:
        super().__init__(id="prompt", soft_wrap=True, compact=True, highlight_cursor_line=False)
        self.placeholder = plain(invitation)
        self.names: Callable[[Kind], Sequence[str]] = lambda kind: ()
        """What the chat has of a kind: its prefixes, lanes, adapters."""
        self._ways: list[str] = []
        """What Tab goes through."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing here are left to the screen."""
        if action == "complete":
            return self._holds_word
        return bool(self.text) or action not in _NOTHING_TO_MOVE

    def action_submit(self) -> None:
        """Post what is written, if it is more than white space, and begin anew; a wrong word with a slash stays."""
        text = clean(self.text).strip()
        if not text:
            return
        posted: Submitted | Commanded = Submitted(text)
        if self._holds_word:
            from roleplay.chat.commands import Command, parse

            try:
                meant = parse(text)
            except UsageError as error:
                tell(self, str(error), "warning")
                return
            posted = Commanded(meant) if isinstance(meant, Command) else Submitted(meant)
        self.clear()
        self.post_message(posted)

    def action_new_line(self) -> None:
        """Break the line at the cursor."""
        self.insert("\n")

    def action_complete(self) -> None:
        """Go on as far as there is one way; where there are several, take one after the other."""
        if self.text in self._ways:
            self._write(self._ways[(self._ways.index(self.text) + 1) % len(self._ways)])
            return
        ways = self._completions()
        common = _common_beginning(ways)
        self._ways = ways if len(ways) > 1 and common == self.text else []
        if ways:
            self._write(ways[0] if self._ways else common)

    def action_editor(self) -> None:
        """Take what is written to the person's own editor, and back."""
        from tui.editor import write_in_editor

        try:
            text = write_in_editor(self.app, self.text, LONGEST)
        except UsageError as error:
            tell(self, str(error), "error")
        else:
            self._write(text)

    def update_suggestion(self) -> None:
        """Show how a word with a slash may go on."""
        ways = self._completions() if self._holds_word else []
        self.suggestion = ways[0][len(self.text) :] if ways and self.cursor_location == self.document.end else ""

    @property
    def _holds_word(self) -> bool:
        """Whether what is written may be a word to the program."""
        return self.text.lstrip().startswith("/")

    def _completions(self) -> list[str]:
        from roleplay.chat.commands import complete

        return complete(self.text, self.names)

    def _write(self, text: str) -> None:
        """Put `text` in place of what is written, as one step that can be undone."""
        self.replace(text, (0, 0), self.document.end)
        self.move_cursor(self.document.end)

    def give_back(self, text: str) -> None:
        """What was said or submitted cannot be said now: put it before what was written since."""
        text = f"/{text}" if text.startswith("/") else text  # as it was written
        self.insert(f"{text}\n" if self.text else text, (0, 0))
        self.move_cursor(self.document.end)

    async def _on_key(self, event: Key) -> None:
        """Keys that are bound here take effect in the order of typing.

        Left to Textual they would overtake letters typed before them, or fall behind letters typed after.
        """
        active = None if event.is_printable else self.screen.active_bindings.get(event.key)
        mine = active is not None and active.node is self and active.enabled
        if active is not None and mine and await self.app.run_action(active.binding.action, self):
            event.stop()
            event.prevent_default()
        else:
            await super()._on_key(event)

    async def _on_paste(self, event: Paste) -> None:
        """Take a paste as text; one that no turn can hold is refused whole, and what was written stays."""
        event.stop()
        event.prevent_default()
        text = clean(event.text)
        if len(self.text) + len(text) > LONGEST:
            told = f"The paste has {len(text):,} characters, and a turn takes {LONGEST:,} in all."
            tell(self, f"{told} Nothing was pasted; take a part of it.", "warning")
            return
        self.insert(text)


def _common_beginning(texts: Sequence[str]) -> str:
    common = min(texts, key=len, default="")
    while not all(text.startswith(common) for text in texts):
        common = common[:-1]
    return common

"""Where the person writes."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key, Paste
from textual.widgets import TextArea

from roleplay.text import clean
from tui.messages import Submitted
from tui.plain import plain, tell

LONGEST = 20_000
"""Characters; more than any base of today takes in a turn, few enough to edit without waiting."""


class Prompt(TextArea):
    """Several lines of plain text; Enter sends them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", id="chat.send", tooltip="Say what is written"),
        Binding(
            "ctrl+j,shift+enter", "new_line", "New line", id="chat.new-line", tooltip="Begin a line without sending"
        ),
        Binding("pageup", "screen.scroll(-1)", "Scroll up", id="chat.scroll-up", show=False),
        Binding("pagedown", "screen.scroll(1)", "Scroll down", id="chat.scroll-down", show=False),
    ]

    def __init__(self, invitation: str) -> None:
        super().__init__(id="prompt", soft_wrap=True, compact=True, highlight_cursor_line=False)
        self.placeholder = plain(invitation)

    def action_submit(self) -> None:
        """Post what is written, if it is more than white space, and begin anew."""
        text = clean(self.text).strip()
        if text:
            self.clear()
            self.post_message(Submitted(text))

    def action_new_line(self) -> None:
        """Break the line at the cursor."""
        self.insert("\n")

    def give_back(self, text: str) -> None:
        """What was submitted cannot be said now: put it before what was written since."""
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

"""The keys that walk through the tree of a conversation, and change it."""

from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

from roleplay.chat.said import Exchange, Said
from tui.conversation import Conversation
from tui.lanes import Lanes, beside
from tui.plain import plain, tell
from tui.prompt import Prompt

if TYPE_CHECKING:
    from roleplay.chat.talk import Talk

TREE_BINDINGS = (
    Binding(
        "left",
        "swipe(-1)",
        "Earlier way",
        id="chat.earlier",
        tooltip="With nothing written: the reply before in this place",
        show=False,
    ),
    Binding(
        "right",
        "swipe(1)",
        "Later way",
        id="chat.later",
        tooltip="With nothing written: the next reply in this place; past the last a new one is drawn",
        show=False,
    ),
    Binding(
        "up",
        "edit_own",
        "Edit mine",
        id="chat.edit",
        tooltip="With nothing written: edit your last message",
        show=False,
    ),
    Binding("ctrl+up", "mark(-1)", "Mark", id="chat.mark", tooltip="Mark a message, or the one above"),
    Binding("ctrl+down", "mark(1)", "Mark below", id="chat.mark-below", tooltip="Mark the message below", show=False),
    Binding(
        "ctrl+z", "undo", "Undo", id="chat.undo", tooltip="With nothing written: take back the last step", show=False
    ),
)
_MARK_FIRST = "Mark a message first: Ctrl+↑, or click on its name."


class TreeKeys(Screen[None]):
    """What a chat screen can do to the tree; `ChatScreen` says how it answers and draws."""

    talk: "Talk"
    """The chat."""
    editing: Said | None = None
    """The turn that is written anew in the prompt."""
    _opened = False
    _answering = False
    _draft = ""

    @property
    def is_open(self) -> bool:
        """Whether the card was read, so that there is a chat."""
        return self._opened

    # --- keys ---

    async def action_swipe(self, by: int) -> None:
        """Go to another way in the place of the marked turn, else of the last one; past the last draw a new reply."""
        said = self.marked or self.talk.session.tree.head
        if said is None or self.editing is not None or self.is_busy():
            return
        session, at = self.talk.session, len(self._line_to(said)) - 1
        if session.swipe(said, by):
            await self.draw()
            line = session.line
            self.mark(line[at] if self.marked is not None and at < len(line) else None)
        elif by < 0:
            tell(self, "This is the first in its place.")
        elif (said.role == "user" and said is not session.tree.head) or said.parent is None:
            tell(self, "There is no other in this place.")
        else:
            if said is not session.tree.head and said.parent is not None:
                session.branch(said.parent)
            self.mark(None)
            await self.draw_again()

    async def action_mark(self, by: int) -> None:
        """Mark the turn above or below."""
        conversation = self.query_one(Conversation)
        await conversation.move_mark(by)
        await self._draw_mark(conversation.marked)

    async def action_edit(self) -> None:
        """Write the marked turn anew, else one's own last one."""
        if self.marked is None:
            await self.action_edit_own()
        elif not self.is_busy():
            self._begin_edit(self.marked)

    async def action_edit_own(self) -> None:
        """Write one's own last turn anew."""
        said = next((said for said in reversed(self.talk.session.line) if said.role == "user"), None)
        if said is None:
            tell(self, "You said nothing yet.")
        elif not self.is_busy():
            self._begin_edit(said)

    async def action_branch(self) -> None:
        """Go on from the marked turn; what came after it stays another way."""
        said = self.marked
        if said is None:
            tell(self, _MARK_FIRST)
        elif not self.is_busy():
            self.talk.session.branch(said)
            self.mark(None)
            await self.draw()
            more = "; Ctrl+R answers it" if said.role == "user" else ""
            tell(self, f"The conversation goes on from here{more}. What came after stays: ←/→, or Ctrl+Z.")

    async def action_delete(self) -> None:
        """Take out the marked turn and what follows it."""
        said = self.marked
        if said is None:
            tell(self, _MARK_FIRST)
        elif not self.is_busy():
            count = self.talk.session.delete(said)
            self.mark(None)
            await self.draw()
            tell(self, f"{'One message' if count == 1 else f'{count} messages'} taken out; Ctrl+Z brings back.")

    async def action_undo(self) -> None:
        """Take back the last step; what was said with it comes back to the prompt."""
        if self.is_busy():
            return
        text = self.talk.session.undo()
        if text is None:
            tell(self, "There is nothing to undo.")
            return
        self.leave_edit()
        self.mark(None)
        await self.draw()
        if text:
            self.query_one(Prompt).give_back(text)

    async def action_go_on(self) -> None:
        """Have a reply that was cut go on."""
        session = self.talk.session
        said = self.marked or session.tree.head
        if self.is_busy():
            return
        if said is None or not said.can_continue:
            tell(self, "Only a reply that was stopped or cut can go on; → or Ctrl+R draws another.")
            return
        if said is not session.tree.head:
            session.branch(said)
        self.mark(None)
        await self.draw()
        self.draw_on(said)

    async def action_take(self, lane: int | str = 0) -> None:
        """Take over what a lane said, by its number or name, into the conversation; 0 is the only one there is."""
        if self.is_busy():
            return
        said, views = beside(self.at_hand()), self.query_one(Lanes).views
        found = {str(view.number): said[view.lane] for view in views if view.lane in said} | dict(said)
        if not said:
            tell(self, "No lane beside has answered here; Ctrl+B shows more lanes.")
            return
        wanted = said[next(iter(said))] if not lane and len(said) == 1 else found.get(str(lane))
        if wanted is None:
            numbers = ", ".join(str(view.number) for view in views if view.lane in said)
            tell(self, f"Which lane? With a mark press its number: {numbers}.")
            return
        self.talk.session.take(wanted)
        self.mark(None)
        await self.draw()
        tell(self, f"The conversation goes on with what {wanted.lane} said; Ctrl+Z takes that back.")

    # --- editing ---

    async def finish_edit(self, text: str) -> None:
        """What was written takes the place of the turn; one's own is answered at once."""
        said = self.editing
        if said is None:
            return
        session = self.talk.session
        self.leave_edit()
        session.edit(said, text)
        self.mark(None)
        await self.draw()
        if session.waiting:
            await self.draw_again()

    def _begin_edit(self, said: Said) -> None:
        prompt = self.query_one(Prompt)
        if self.editing is None:
            self._draft = prompt.text
        self.editing = said
        whose = "your message" if said.role == "user" else "this reply"
        what = "it is answered anew" if said.role == "user" else "the former stays another way"
        self._note_edit(f"Editing {whose}: Enter keeps it, and {what} · Esc gives up")
        prompt.text = f"/{said.text}" if said.text.startswith("/") else said.text  # a slash alone begins a command
        prompt.move_cursor(prompt.document.end)
        prompt.focus()

    def leave_edit(self) -> None:
        """Give the prompt back to what was being written before."""
        if self.editing is not None:
            self.editing = None
            self._note_edit("")
            prompt = self.query_one(Prompt)
            prompt.text, self._draft = self._draft, ""
            prompt.move_cursor(prompt.document.end)

    def _note_edit(self, text: str) -> None:
        note = self.query_one("#editing", Static)
        note.update(plain(text))
        note.display = bool(text)
        self.query_one(Prompt).set_class(bool(text), "-editing")

    # --- the mark ---

    @property
    def marked(self) -> Said | None:
        """The turn that is marked."""
        return self.query_one(Conversation).marked

    def mark(self, said: Said | None) -> None:
        """Mark a turn; `None` takes the mark away, and typing goes on."""
        if said is not self.marked:
            self.query_one(Conversation).mark(said)
            if said is None:
                self.set_focus(self.query_one(Prompt))
            self.call_later(self._draw_mark, said)

    def at_hand(self) -> Exchange | None:
        """The exchange that is marked, else the last."""
        exchanges, marked = self.talk.session.exchanges, self.marked
        last = exchanges[-1] if exchanges else None
        if marked is None:
            return last
        return next((one for one in exchanges if marked is one.user or marked is one.reply), last)

    async def _draw_mark(self, said: Said | None) -> None:
        if said is not None and self.marked is None:
            await self.query_one(Conversation).reveal(said)
        if self.marked is None:
            self.set_focus(self.query_one(Prompt))
        await self.draw_lanes()

    def _line_to(self, said: Said) -> list[Said]:
        line = self.talk.session.line
        return line[: next((i for i, other in enumerate(line) if other is said), len(line) - 1) + 1]

    # --- what the chat screen does ---

    def is_busy(self) -> bool:
        """Whether a reply is under way, which is told."""
        raise NotImplementedError

    async def draw(self) -> None:
        """Draw the conversation as it is."""
        raise NotImplementedError

    async def draw_lanes(self) -> None:
        """Draw what the lanes beside said to the exchange at hand."""
        raise NotImplementedError

    async def draw_again(self) -> None:
        """Have the last message answered."""
        raise NotImplementedError

    def draw_on(self, said: Said) -> None:
        """Have the last reply go on."""
        raise NotImplementedError

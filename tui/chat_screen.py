"""The chat: what can be chosen at the left, the conversation, other lanes beside it, the prompt below."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Footer, Static

from roleplay.chat.said import Exchange, Said
from tui import jobs
from tui.answering import Answering
from tui.conversation import Conversation
from tui.lane_keys import LANE_BINDINGS
from tui.lanes import Lanes
from tui.messages import (
    ChatChosen,
    ChatsRead,
    Loaded,
    Loading,
    LoadingFailed,
    Marked,
    Opened,
    Refused,
    Resumed,
    RosterRead,
    Submitted,
    ViewChosen,
)
from tui.names import Names
from tui.plain import plain, tell
from tui.prompt import Prompt
from tui.sidebar import Sidebar
from tui.status import Status
from tui.tree_keys import TREE_BINDINGS
from tui.views import VIEWS, Views

if TYPE_CHECKING:
    from textual.widgets import Markdown

    from roleplay.chat.talk import Talk


class ChatScreen(Answering):
    """One character's chat; loading and answering happen in threads that post messages."""

    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (30, "-narrow"), (100, "-middle"), (150, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="chat.stop", tooltip="Stop the reply; else give up an edit; else unmark"),
        Binding("ctrl+n", "new_chat", "New chat", id="chat.new", tooltip="Begin anew; this conversation is kept"),
        Binding(
            "ctrl+r", "regenerate", "Regenerate", id="chat.regenerate", tooltip="Have the last message answered anew"
        ),
        *TREE_BINDINGS,
        *LANE_BINDINGS,
        Binding("ctrl+o", "app.choose", "Chats", id="chat.choose", tooltip="Other characters, earlier conversations"),
        Binding("ctrl+t", "next_view", "View", id="chat.view", tooltip="Where it is narrow: chat, lanes, character"),
        Binding("ctrl+c", "interrupt", "Interrupt", id="chat.interrupt", show=False, system=True),
    ]

    def __init__(self, open_talk: "Callable[[], Talk]", name: str) -> None:
        super().__init__(classes="-view-chat")
        self._open_talk, self._typed_name = open_talk, name
        self._early: list[str] = []

    def compose(self) -> ComposeResult:
        """As the screen is."""
        with Horizontal(id="head"):
            yield Static(plain(self._typed_name, "bold"), id="title")
            yield Views()
        with Horizontal(id="body"):
            yield Sidebar()
            with Vertical(id="talk"):
                with Horizontal(id="replies"):
                    yield Conversation()
                    yield Lanes()
                yield Static(id="editing")
                yield Prompt("Say something")
        yield Status()
        yield Static("Too small to chat: make it 30 columns by 8 lines.", id="too-small")

    def on_mount(self) -> None:
        """Draw first, then read the card."""
        self.query_one(Prompt).focus()
        self.query_one(Views).show("chat")
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        self._in_thread(partial(jobs.open_talk, self.post_message, self._open_talk))
        await self.query_one(Sidebar).fill()
        await self.mount(Footer(), after=self.query_one(Status))  # its many keys would hold up the first frame

    def on_resize(self) -> None:
        """A prompt that was hidden in a terminal too small has lost the focus, and nobody else asked for it."""
        if self.focused is None:
            self.call_after_refresh(self.query_one(Prompt).focus)

    def on_unmount(self) -> None:
        """Let the model go."""
        if self._opened:
            self.talk.close()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Before the card is read there is nothing that could be stopped, switched or begun."""
        if action == "edit_own":
            return self._opened and isinstance(self.focused, Prompt)
        return self._opened or action in {"interrupt", "next_view"} or not hasattr(self, f"action_{action}")

    # --- what is drawn when something was posted ---

    @on(Opened)
    async def _draw_opened(self, message: Opened) -> None:
        self.talk, self._opened = message.talk, True
        self.refresh_bindings()
        card, status = self.talk.card, self.query_one(Status)
        status.who, status.kept = card.display_name, self.talk.store is not None
        self._rename()
        self.query_one("#title", Static).update(
            Content("  ").join([plain(card.display_name, "bold"), plain(card.description, "dim")])
        )
        self.query_one(Prompt).placeholder = plain(f"Say something to {card.display_name}")
        self.talk.answers.tell = lambda stage: self.post_message(Loading(stage))
        self._in_thread(partial(jobs.load, self.post_message, self.talk))
        await self.draw()
        await self._tell_changes()
        self._read_chats()
        self._in_thread(partial(jobs.read_characters, self.post_message, self.talk))
        if self._early:
            await self._draw_submitted(Submitted("\n\n".join(self._early)))

    @on(Loading)
    async def _draw_loading(self, message: Loading) -> None:
        await self.query_one(Status).load(message.stage)

    @on(Loaded)
    async def _draw_loaded(self, message: Loaded) -> None:
        self._rename()
        self.draw_figures()
        await self.draw_sidebar()
        await self.draw_lanes()
        if message.ready.notice and not self._loaded:
            await self.query_one(Conversation).note(message.ready.notice, "notice")
        self._loaded = True
        await self._tell_changes()

    @on(LoadingFailed)
    async def _draw_loading_failed(self, message: LoadingFailed) -> None:
        self.query_one(Status).fail()
        if not self._answering:  # else the reply that waits for it says the same
            told = f"{message.problem}\nYour next message tries again."
            await self.query_one(Conversation).note(told, "trouble")

    @on(Resumed)
    async def _draw_resumed(self) -> None:
        self._told.clear()
        await self.draw()
        await self._tell_changes()

    @on(ChatsRead)
    def _draw_chats(self, message: ChatsRead) -> None:
        self.query_one(Sidebar).show_chats(message.chats)

    @on(RosterRead)
    def _draw_roster(self, message: RosterRead) -> None:
        self.query_one(Sidebar).show_characters(message.entries)

    @on(ChatChosen)
    def _draw_chat_chosen(self, message: ChatChosen) -> None:
        self.show_chat(message.chat)

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        tell(self, message.problem, "error")

    @on(Marked)
    def _draw_marked(self, message: Marked) -> None:
        self.mark(message.said if message.said is not self.marked else None)

    @on(ViewChosen)
    def _draw_view(self, message: ViewChosen) -> None:
        for view in VIEWS:
            self.set_class(view == message.view, f"-view-{view}")
        self.query_one(Views).show(message.view)
        if message.view == "character":
            self.query_one(Sidebar).query("Checkbox, OptionList").first().focus()
        else:
            self.query_one(Prompt).focus()

    @on(Submitted)
    async def _draw_submitted(self, message: Submitted) -> None:
        if not self._opened:
            self._early.append(message.text)
        elif self._answering:
            self.query_one(Prompt).give_back(message.text)
            tell(self, "A reply is under way; Esc stops it. What you wrote stays here.")
        elif self.editing is not None:
            await self.finish_edit(message.text)
        else:
            self.mark(None)
            await self.query_one(Conversation).add(Exchange(Said("user", message.text), None))
            self._ask(partial(jobs.answer, text=message.text))

    def on_markdown_link_clicked(self, message: "Markdown.LinkClicked") -> None:
        """Addresses come from a model: they are shown, not opened."""
        tell(self, f"Not opened: {message.href}")

    # --- keys, which the palette names too ---

    def action_stop(self) -> None:
        """Stop the reply that is under way; else give up an edit; else unmark."""
        if self._answering:
            self.talk.stop()
        elif self.editing is not None:
            self.leave_edit()
        else:
            self.mark(None)

    def action_interrupt(self) -> None:
        """What Ctrl-C means here: copy what is marked, else stop the reply, else say how to leave."""
        marked = self.get_selected_text()
        if marked:
            self.app.copy_to_clipboard(marked)
        elif self._answering:
            self.talk.stop()
        else:
            kept = not self._opened or self.talk.store is not None  # before the card is read nothing is lost either way
            tell(self, "Ctrl+Q leaves; everything said is kept." if kept else "Ctrl+Q leaves; nothing said is kept.")

    async def action_new_chat(self) -> None:
        """Begin anew."""
        self._leave_reply()
        self.talk.new_chat()
        await self.draw()
        self._read_chats()

    async def action_regenerate(self) -> None:
        """Have the last message answered anew."""
        if self.is_busy():
            return
        if not self.talk.session.can_regenerate:
            tell(self, "There is no message to answer yet.")
            return
        self.mark(None)
        await self.draw_again()

    async def action_scroll(self, pages: int) -> None:
        """Scroll the conversation; at its top, show what came before."""
        await self.query_one(Conversation).page(pages)

    def action_next_view(self) -> None:
        """Show the next part of the chat where there is room for one only."""
        if not self.has_class("-narrow"):
            tell(self, "With 100 columns or more all parts are in view.")
            return
        shown = next((view for view in VIEWS if self.has_class(f"-view-{view}")), VIEWS[0])
        self.post_message(ViewChosen(VIEWS[(VIEWS.index(shown) + 1) % len(VIEWS)]))

    # --- steps that several of the above take ---

    def holds(self, name: str) -> bool:
        """Whether this is the chat with the character called `name`."""
        return self._opened and self.talk.card.name == name

    def show_chat(self, chat: int | None) -> None:
        """Go on in a kept conversation of this character; `None` begins a new one."""
        if chat is None:
            self.run_worker(self.action_new_chat())
        else:
            self._leave_reply()
            self._in_thread(partial(jobs.resume, self.post_message, self.talk, chat))

    async def draw(self) -> None:
        """Draw the conversation as it is; what was told of the last reply is over."""
        await self.query("Conversation > .trouble").remove()
        await self.query_one(Conversation).show(self.talk.session.exchanges)
        await self.draw_sidebar()
        await self.draw_lanes()
        if self.marked is None:
            self.query_one(Prompt).focus()

    def _rename(self) -> None:
        card, base = self.talk.card, self.talk.figures.base or "base"
        names = Names(card.user_name, card.display_name, base, self.talk.has_adapter)
        self.query_one(Conversation).rename(names)
        self.query_one(Lanes).rename(names)

    async def _tell_changes(self) -> None:
        """Say what is different from when the conversation was held the last time, each thing once."""
        for change in self.talk.changed:
            if change not in self._told:
                self._told.add(change)
                await self.query_one(Conversation).note(change, "notice")

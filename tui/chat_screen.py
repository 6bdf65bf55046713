"""The chat: conversation in the middle, prefixes at the right, prompt and status below."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from roleplay.chat.said import Exchange, Said
from tui import jobs
from tui.conversation import Conversation
from tui.messages import (
    Loaded,
    Loading,
    LoadingFailed,
    Opened,
    Refused,
    ReplyEnded,
    Resumed,
    Submitted,
    Switched,
    Told,
)
from tui.plain import plain, tell
from tui.prompt import Prompt
from tui.status import Status
from tui.switches import SWITCH_BINDINGS, Switches

if TYPE_CHECKING:
    from textual.widgets import Markdown

    from roleplay.chat.talk import Talk

_DRAWS_PER_SECOND = 20
"""Of replies under way; more would hold up typing."""


class ChatScreen(Screen[None]):
    """One character's chat; loading and answering happen in threads that post messages."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="chat.stop", tooltip="Stop the reply; what was said of it is kept"),
        Binding("ctrl+n", "new_chat", "New chat", id="chat.new", tooltip="Begin anew; this conversation is kept"),
        Binding(
            "ctrl+r", "regenerate", "Regenerate", id="chat.regenerate", tooltip="Have the last message answered anew"
        ),
        Binding("ctrl+b", "compare", "Compare", id="chat.compare", tooltip="Show or hide the untouched base beside"),
        Binding("ctrl+o", "app.choose", "Chats", id="chat.choose", tooltip="Other characters, earlier conversations"),
        Binding("ctrl+c", "interrupt", "Interrupt", id="chat.interrupt", show=False, system=True),
        *SWITCH_BINDINGS,
    ]

    talk: "Talk"
    """The chat; there once the card was read."""

    def __init__(self, open_talk: "Callable[[], Talk]", name: str) -> None:
        super().__init__()
        self._open_talk, self._typed_name = open_talk, name
        self._opened = False
        self._loaded = False
        self._answering = False
        self._reply = 0
        self._early: list[str] = []

    def compose(self) -> ComposeResult:
        """As the screen is."""
        yield Static(plain(self._typed_name, "bold"), id="title")
        with Horizontal(id="body"):
            with Vertical(id="talk"):
                yield Conversation()
                yield Prompt("Say something")
            yield Switches()
        yield Status()
        yield Static("Too small to chat: make it 30 columns by 8 lines.", id="too-small")

    def on_mount(self) -> None:
        """Draw first, then read the card."""
        self.query_one(Prompt).focus()
        # A timer calls from a task of its own; drawing takes its turn among the handlers, or it would meet them midway.
        self.set_interval(1 / _DRAWS_PER_SECOND, partial(self.call_later, self._flush))
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        self._in_thread(partial(jobs.open_talk, self.post_message, self._open_talk))
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
        own = {"stop", "new_chat", "regenerate", "compare", "switch_prefix", "scroll"}
        return self._opened or action not in own

    # --- what is drawn when something was posted ---

    @on(Opened)
    async def _draw_opened(self, message: Opened) -> None:
        self.talk, self._opened = message.talk, True
        self.refresh_bindings()
        card, status, conversation = self.talk.card, self.query_one(Status), self.query_one(Conversation)
        status.who, status.kept = card.display_name, self.talk.store is not None
        conversation.user_name, conversation.reply_name = card.user_name, card.display_name
        self.query_one("#title", Static).update(
            Content("  ").join([plain(card.display_name, "bold"), plain(card.description, "dim")])
        )
        self.query_one(Prompt).placeholder = plain(f"Say something to {card.display_name}")
        self.talk.answers.tell = lambda stage: self.post_message(Loading(stage))
        self._in_thread(partial(jobs.load, self.post_message, self.talk))
        await self._draw()
        if self._early:
            await self._draw_submitted(Submitted("\n\n".join(self._early)))

    @on(Loading)
    async def _draw_loading(self, message: Loading) -> None:
        await self.query_one(Status).load(message.stage)

    @on(Loaded)
    async def _draw_loaded(self, message: Loaded) -> None:
        conversation = self.query_one(Conversation)
        conversation.base_name = message.ready.base
        self.query_one(Status).show(self.talk.figures)
        await self._draw_switches()
        if message.ready.notice and not self._loaded:
            await conversation.note(message.ready.notice, "notice")
        self._loaded = True

    @on(LoadingFailed)
    async def _draw_loading_failed(self, message: LoadingFailed) -> None:
        self.query_one(Status).fail()
        if not self._answering:  # else the reply that waits for it says the same
            told = f"{message.problem}\nYour next message tries again."
            await self.query_one(Conversation).note(told, "trouble")

    @on(Told)
    async def _draw_told(self, message: Told) -> None:
        if message.reply == self._reply:
            await self.query_one(Conversation).hear(message.heard, beside=message.heard.lane != self.talk.lanes[0])

    @on(ReplyEnded)
    async def _draw_reply_ended(self, message: ReplyEnded) -> None:
        if message.reply != self._reply:
            return
        self._answering = False
        conversation = self.query_one(Conversation)
        await conversation.finish(self.talk.session.exchanges)
        if message.problem:
            await conversation.note(f"{message.problem}\nCtrl+R tries again.", "trouble")
        elif self.talk.session.waiting:
            await conversation.note("Stopped before the first word. Ctrl+R asks again.", "trouble")
        if self.talk.answers.ready is not None:
            await self._draw_loaded(Loaded(self.talk.answers.ready))

    @on(Resumed)
    async def _draw_resumed(self) -> None:
        await self._draw()

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        tell(self, message.problem, "error")

    @on(Submitted)
    async def _draw_submitted(self, message: Submitted) -> None:
        if not self._opened:
            self._early.append(message.text)
            return
        if self._answering:
            self.query_one(Prompt).give_back(message.text)
            tell(self, "A reply is under way; Esc stops it. What you wrote stays here.")
            return
        await self.query_one(Conversation).add(Exchange(Said("user", message.text), None, None))
        self._ask(message.text)

    @on(Switched)
    async def _draw_switched(self, message: Switched) -> None:
        self.talk.session.switch({message.prefix: message.on})
        await self._draw_switches()
        self.query_one(Prompt).focus()

    def on_markdown_link_clicked(self, message: "Markdown.LinkClicked") -> None:
        """Addresses come from a model: they are shown, not opened."""
        tell(self, f"Not opened: {message.href}")

    # --- keys, which the palette names too ---

    def action_stop(self) -> None:
        """Stop the reply that is under way."""
        self.talk.stop()

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
        await self._draw()

    async def action_regenerate(self) -> None:
        """Have the last message answered anew."""
        if self._answering:
            tell(self, "A reply is under way; Esc stops it.")
        elif not self.talk.session.can_regenerate:
            tell(self, "There is no message to answer yet.")
        else:
            await self.query_one(Conversation).clear_last()
            self._ask(None)

    async def action_compare(self) -> None:
        """Show or hide the untouched base beside the character."""
        self.talk.comparing = not self.talk.comparing
        await self.query_one(Conversation).compare(self.talk.comparing)
        if self.talk.comparing and self.talk.answers.ready is not None and not self.talk.has_adapter:
            tell(self, "Without an adapter the base answers already: there is nothing to compare.")

    async def action_switch_prefix(self, number: int) -> None:
        """Switch the prefix at `number`, counted from 1."""
        switches = self.switches()
        if number <= len(switches):
            prefix, is_on = switches[number - 1]
            self.post_message(Switched(prefix, not is_on))

    async def action_scroll(self, pages: int) -> None:
        """Scroll the conversation; at its top, show what came before."""
        await self.query_one(Conversation).page(pages)

    # --- steps that several of the above take ---

    def holds(self, name: str) -> bool:
        """Whether this is the chat with the character called `name`."""
        return self._opened and self.talk.card.name == name

    def switches(self) -> list[tuple[str, bool]]:
        """Ids of the prefixes, and whether they are on."""
        if not self._opened:
            return []
        session = self.talk.session
        return [(prefix.id, prefix.id in session.active) for prefix in session.prefixes]

    def show_chat(self, chat: int | None) -> None:
        """Go on in a kept conversation of this character; `None` begins a new one."""
        if chat is None:
            self.run_worker(self.action_new_chat())
        else:
            self._leave_reply()
            self._in_thread(partial(jobs.resume, self.post_message, self.talk, chat))

    def _ask(self, text: str | None) -> None:
        self.query(".trouble").remove()
        self._reply += 1
        self._answering = True
        self._in_thread(partial(jobs.answer, self.post_message, self.talk, self._reply, text))

    def _in_thread(self, job: Callable[[], None]) -> None:
        self.run_worker(job, thread=True)

    def _leave_reply(self) -> None:
        """A reply under way belongs to the conversation that is left: it is kept there, and drawn no more."""
        self._reply += 1
        self._answering = False

    async def _flush(self) -> None:
        if self._answering:
            await self.query_one(Conversation).flush()
            if self._loaded:
                self.query_one(Status).show(self.talk.figures)

    async def _draw(self) -> None:
        await self.query_one(Conversation).show(self.talk.session.exchanges)
        await self._draw_switches()
        self.query_one(Prompt).focus()

    async def _draw_switches(self) -> None:
        session = self.talk.session
        await self.query_one(Switches).show(self.talk.card, session.prefixes, session.active)

"""The chat: conversation in the middle, prefixes at the right, prompt and status below."""

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Markdown, Static

from roleplay.chat.question import Asked
from roleplay.chat.session import Exchange, Said
from roleplay.chat.talk import Talk
from roleplay.errors import RoleplayError
from roleplay.generation.events import Piece
from tui.conversation import Conversation
from tui.messages import Loaded, Loading, LoadingFailed, Refused, ReplyEnded, Resumed, Submitted, Switched, Told
from tui.plain import plain, tell
from tui.prompt import Prompt
from tui.status import Status
from tui.switches import SWITCH_KEYS, Switches

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
        *(
            Binding(
                f"f{i + 1}",
                f"switch_prefix({i})",
                f"Switch prefix {i}",
                id=f"chat.prefix-{i}",
                show=False,
                priority=True,
            )
            for i in range(1, SWITCH_KEYS + 1)
        ),
    ]

    def __init__(self, talk: Talk, chat: int | None = None) -> None:
        super().__init__()
        self.talk, self.chat = talk, chat
        self._reply = 0
        self._answering = False
        self._loaded = False

    def compose(self) -> ComposeResult:
        """As the screen is."""
        card = self.talk.card
        yield Static(Content("  ").join([plain(card.display_name, "bold"), plain(card.description, "dim")]), id="title")
        with Horizontal(id="body"):
            with Vertical(id="talk"):
                yield Conversation(card.user_name, card.display_name)
                yield Prompt(f"Say something to {card.display_name}")
            yield Switches(card)
        yield Status(card.display_name, kept=self.talk.store is not None)
        yield Footer()
        yield Static("Too small to chat: make it 30 columns by 8 lines.", id="too-small")

    def on_mount(self) -> None:
        """Draw first, then load."""
        self.query_one(Prompt).focus()
        self.set_interval(1 / _DRAWS_PER_SECOND, self._flush)
        self.talk.answers.tell = lambda stage: self.post_message(Loading(stage))
        self.call_after_refresh(self._begin)

    def on_unmount(self) -> None:
        """Let the model go."""
        self.talk.close()

    async def _begin(self) -> None:
        self._load()
        if self.chat is not None:
            self._resume(self.chat)
        else:
            await self._draw()

    # --- threads: they block, and post what comes ---

    @work(thread=True, group="load", exit_on_error=True)
    def _load(self) -> None:
        try:
            ready = self.talk.load()
        except RoleplayError as error:
            self.post_message(LoadingFailed(str(error)))
        else:
            if ready is not None:
                self.post_message(Loaded(ready))

    @work(thread=True, group="answer", exit_on_error=True)
    def _answer(self, reply: int, text: str | None) -> None:
        problem = ""
        try:
            if text is not None:
                self.talk.say(text)
            for heard in self.talk.answer():
                self.post_message(Told(reply, heard))
        except RoleplayError as error:
            problem = str(error)
        self.post_message(ReplyEnded(reply, problem))

    @work(thread=True, group="resume", exit_on_error=True)
    def _resume(self, chat: int) -> None:
        try:
            self.talk.resume(chat)
        except RoleplayError as error:
            self.post_message(Refused(str(error)))
        self.post_message(Resumed())

    # --- what is drawn when something was posted ---

    @on(Loading)
    def _draw_loading(self, message: Loading) -> None:
        self.query_one(Status).load(message.stage)

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
    def _draw_told(self, message: Told) -> None:
        view = self.query_one(Conversation).last()
        if message.reply != self._reply or view is None:
            return
        heard = message.heard
        widget = view.reply if heard.lane == self.talk.lanes[0] else view.beside
        if isinstance(heard, Asked):
            widget.begin(Said("assistant", "", heard.lane.name, heard.prefixes))
        elif isinstance(heard, Piece):
            widget.hear(heard.text)

    @on(ReplyEnded)
    async def _draw_reply_ended(self, message: ReplyEnded) -> None:
        if message.reply != self._reply:
            return
        self._answering = False
        conversation = self.query_one(Conversation)
        view, exchanges = conversation.last(), self.talk.session.exchanges
        if view is not None and exchanges:
            await view.reply.finish(exchanges[-1].reply)
            await view.beside.finish(exchanges[-1].beside)
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

    @on(Markdown.LinkClicked)
    def _draw_link(self, message: Markdown.LinkClicked) -> None:
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
            tell(self, "Ctrl+Q leaves; everything said is kept.")

    async def action_new_chat(self) -> None:
        """Begin anew."""
        self._leave_reply()
        self.talk.new_chat()
        await self._draw()

    async def action_regenerate(self) -> None:
        """Have the last message answered anew."""
        view = self.query_one(Conversation).last()
        if self._answering:
            tell(self, "A reply is under way; Esc stops it.")
            return
        if view is None or not self.talk.session.can_regenerate:
            tell(self, "There is no message to answer yet.")
            return
        await view.reply.finish(None)
        await view.beside.finish(None)
        self._ask(None)

    def action_compare(self) -> None:
        """Show or hide the untouched base beside the character."""
        self.talk.comparing = not self.talk.comparing
        self.set_class(self.talk.comparing, "-comparing")
        if self.talk.comparing and self.talk.answers.ready is not None and not self.talk.has_adapter:
            tell(self, "Without an adapter the base answers already: there is nothing to compare.")

    async def action_switch_prefix(self, number: int) -> None:
        """Switch the prefix at `number`, counted from 1."""
        session = self.talk.session
        if number <= len(session.prefixes):
            prefix = session.prefixes[number - 1].id
            self.post_message(Switched(prefix, prefix not in session.active))

    async def action_scroll(self, pages: int) -> None:
        """Scroll the conversation; at its top, show what came before."""
        conversation = self.query_one(Conversation)
        if pages < 0 and conversation.scroll_y == 0:
            await conversation.show_earlier()
        conversation.scroll_relative(y=pages * (conversation.size.height - 2), animate=False)

    # --- steps that several of the above take ---

    def show_chat(self, chat: int | None) -> None:
        """Go on in a kept conversation of this character; `None` begins a new one."""
        if chat is None:
            self.run_worker(self.action_new_chat())
        else:
            self._leave_reply()
            self._resume(chat)

    def _ask(self, text: str | None) -> None:
        self.query(".trouble").remove()
        self._reply += 1
        self._answering = True
        self._answer(self._reply, text)

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
        await self.query_one(Switches).show(session.prefixes, session.active)

"""How a reply is asked for, heard and drawn as it comes, in every lane."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from roleplay.chat.said import Said
from tui import jobs
from tui.conversation import Conversation
from tui.lane_keys import LaneKeys
from tui.lanes import Lanes, LaneView
from tui.messages import Loaded, ReplyEnded, Told
from tui.plain import tell
from tui.status import Status

if TYPE_CHECKING:
    from roleplay.chat.talk import Talk
    from roleplay.generation.lanes import Lane

_DRAWS_PER_SECOND = 20
"""Of replies under way, all lanes together; more would hold up typing."""
_CONTEXT_FULL = "The context is full: the oldest turns are no longer sent. Prefixes stay; so does all that is kept."


class Answering(LaneKeys):
    """A chat screen as far as replies go; they come from threads that post messages."""

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self._loaded = False
        self._reply = 0
        self._first: Lane | None = None
        """The conversation's lane of the reply under way; `None` before anything was heard of it."""
        self._goes_on: Said | None = None
        """The reply that goes on; `None` where a new one is under way."""
        self._told: set[str] = set()
        """What was told of this conversation already."""
        self._turn = 0

    def on_mount(self) -> None:
        """Draw what is heard, so many times a second."""
        # A timer calls from a task of its own; drawing takes its turn among the handlers, or it would meet them midway.
        self._drawing = self.set_interval(1 / _DRAWS_PER_SECOND, partial(self.call_later, self._flush))

    def on_screen_suspend(self) -> None:
        """Behind another screen nothing is drawn: that one would be painted anew as often."""
        self._drawing.pause()

    def on_screen_resume(self) -> None:
        """What was heard in between is drawn next."""
        self._drawing.resume()

    async def draw_again(self) -> None:
        """Have the last message answered, or answered anew."""
        await self.query_one(Conversation).clear_last()
        self._ask(partial(jobs.answer, text=None))

    def draw_on(self, said: Said) -> None:
        """Have the last reply go on."""
        self._ask(jobs.go_on)
        self._goes_on = said

    def _ask(self, job: "Callable[[jobs.Post, Talk, int], None]") -> None:
        self.query("Conversation > .trouble").remove()
        self._reply += 1
        self._answering, self._first, self._goes_on = True, None, None
        self._in_thread(partial(job, self.post_message, self.talk, self._reply))

    @on(Told)
    async def _draw_told(self, message: Told) -> None:
        from roleplay.chat.question import Asked, Unanswered
        from roleplay.generation.events import Piece

        if message.reply != self._reply:
            return
        heard, conversation, lanes = message.heard, self.query_one(Conversation), self.query_one(Lanes)
        if self._first is None:
            self._first = heard.lane if self._goes_on is not None else self.talk.lanes[0]
            if self._goes_on is None:
                await lanes.show(self.shown_lanes[1:], None)
                await lanes.clear()
        if heard.lane == self._first:
            if isinstance(heard, Asked):
                conversation.begin(self._goes_on or Said("assistant", "", heard.lane.name, heard.prefixes))
            elif isinstance(heard, Piece):
                conversation.hear(heard.text)
        elif (view := lanes.view(heard.lane.name)) is not None:
            if isinstance(heard, Asked):
                view.begin(Said("assistant", "", heard.lane.name, heard.prefixes))
            elif isinstance(heard, Unanswered):
                view.fail(heard.problem)
            else:
                view.hear(heard)

    @on(ReplyEnded)
    async def _draw_reply_ended(self, message: ReplyEnded) -> None:
        if message.reply != self._reply:
            return
        conversation = self.query_one(Conversation)
        await conversation.show(self.talk.session.exchanges)
        self._answering = False
        if message.problem:
            await conversation.note(f"{message.problem}\nCtrl+R tries again.", "trouble")
        elif self.talk.session.waiting:
            await conversation.note("Stopped before the first word. Ctrl+R asks again.", "trouble")
        self._tell_left_out()
        if self.talk.answers.ready is not None:
            self.post_message(Loaded(self.talk.answers.ready))
        self._read_chats()

    def streams(self) -> "list[Conversation | LaneView]":
        """Where replies under way are drawn."""
        return [self.query_one(Conversation), *self.query_one(Lanes).views]

    async def _flush(self) -> None:
        """Draw what was heard since, one lane after the other: each costs its time."""
        if not self._answering:
            return
        behind = [lane for lane in self.streams() if lane.is_behind]
        if behind:
            self._turn += 1
            await behind[self._turn % len(behind)].flush()
        if self._loaded:
            self.draw_figures()

    def draw_figures(self) -> None:
        """Draw who answers and what it costs."""
        settings, figures = self.talk.session.settings, self.talk.figures
        figures = replace(figures, adapter=settings.adapter or figures.adapter)
        self.query_one(Status).show(figures, settings.strength)

    def is_busy(self) -> bool:
        """Whether a reply is under way, which is told."""
        if self._answering:
            tell(self, "A reply is under way; Esc stops it.")
        return self._answering

    def _tell_left_out(self) -> None:
        """Say once when the context is full."""
        if self.talk.figures.left_out and _CONTEXT_FULL not in self._told:
            self._told.add(_CONTEXT_FULL)
            tell(self, _CONTEXT_FULL, "warning")

    def _read_chats(self) -> None:
        self._in_thread(partial(jobs.read_chats, self.post_message, self.talk))

    def _in_thread(self, job: Callable[[], None]) -> None:
        self.run_worker(job, thread=True)

    def _leave_reply(self) -> None:
        """A reply under way belongs to the conversation that is left: it is kept there, and drawn no more."""
        self._reply += 1
        self._answering = False
        self._told.clear()
        self.query("Conversation > .notice").remove()
        self.leave_edit()
        self.mark(None)

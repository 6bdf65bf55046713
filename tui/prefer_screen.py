"""A blind comparison: one prompt, two replies side by side, keys that say which is better.

Nothing here knows who is at the left. Both replies are shown when both are whole, and how often A was preferred is
shown on demand alone: after a choice the figure tells which of the two was A.
"""

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from roleplay.cards.prompt import fill
from roleplay.errors import RoleplayError
from tui.plain import plain, tell
from tui.prefer_jobs import draw_match
from tui.prefer_messages import DrawingTold, MatchDrawn, NotDrawn

if TYPE_CHECKING:
    from roleplay.chat.prefer.comparison import Comparison
    from roleplay.chat.prefer.match import Match, Verdict

_OVER = "That was the last prompt. u takes the last choice back; q leaves, and tells who was who."
_TYPE = "Type a prompt below; two replies to it are drawn."
_WAIT = "Two replies are being drawn."
_SILENT = "said nothing"
WORDS = """\
Both replies answer the same prompt, the left one by lot, and nobody tells who is who before you leave.
Each choice is written at once; what one side won stands behind w, and may tell who is A.
"""
"""What one needs to know."""


class PreferScreen(Screen[None]):
    """The conversation above, the replies below it, at the bottom what is under way."""

    CSS_PATH = "prefer.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,1", "prefer('left')", "Left", id="prefer.left", tooltip="The left is better", priority=True),
        Binding("right,2", "prefer('right')", "Right", id="prefer.right", tooltip="The right is better", priority=True),
        Binding("b", "choose('both')", "Both", id="prefer.both", tooltip="Both replies are good"),
        Binding("n", "choose('neither')", "Neither", id="prefer.neither", tooltip="Neither reply is good"),
        Binding("s", "choose('skip')", "Skip", id="prefer.skip", tooltip="Say nothing of these two"),
        Binding("u", "undo", "Undo", id="prefer.undo", tooltip="Take the last choice back and look again"),
        Binding(
            "w", "rate", "Win rate", id="prefer.rate", tooltip="Show or hide how often A won; it may tell who is A"
        ),
        Binding("r", "again", "Try again", id="prefer.again", tooltip="Try again after a failure"),
        Binding("f1", "app.help", "Help", id="prefer.help", tooltip="Show what the keys do"),
        Binding("q,escape", "leave", "Leave", id="prefer.leave", tooltip="Leave; every choice is kept"),
        Binding("ctrl+c", "leave", "Leave", id="prefer.interrupt", show=False, priority=True),
    ]

    def __init__(self, comparison: "Comparison") -> None:
        super().__init__()
        self.comparison = comparison
        self.current: Match | None = None
        """The match that is shown."""
        self.waiting: deque[Match] = deque()
        """Matches to be shown next."""
        self.drawing = self.over = self.rate_shown = False
        self.busy = self.trouble = ""

    def compose(self) -> ComposeResult:
        """As the screen is."""
        yield Static(id="title")
        yield VerticalScroll(Static(id="said"), id="asked")
        with Horizontal(id="answers"):
            for place in ("left", "right"):
                answer = VerticalScroll(Static(id=place), classes="answer")
                answer.border_title = place
                yield answer
        if self.comparison.typed:
            yield Input(placeholder="What do you ask? Enter draws two replies", id="typed", compact=True)
        yield Static(id="progress")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to draw."""
        self._draw_ahead()
        self._draw()

    def on_unmount(self) -> None:
        """The person leaves: nothing goes on behind."""
        self.comparison.close()

    def action_leave(self) -> None:
        """Everything that was chosen is on disk."""
        self.app.exit()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that have nothing to do are grey; one that would only confuse is not there."""
        if action in ("prefer", "choose"):
            return True if self.current is not None else None
        if action == "undo":
            return True if self.comparison.can_undo else None
        if action == "again":
            return bool(self.trouble)
        return super().check_action(action, parameters)

    # --- what is drawn when something was posted ---

    @on(DrawingTold)
    def _draw_busy(self, message: DrawingTold) -> None:
        if self.drawing:
            self.busy = message.text
            self._draw_progress()

    @on(MatchDrawn)
    def _take_match(self, message: MatchDrawn) -> None:
        self.drawing, self.busy = False, ""
        for notice in message.notices:
            tell(self, notice, "warning")
        if message.match is not None:
            self.waiting.append(message.match)
        self.over = message.match is None and (not self.comparison.typed or self.comparison.is_full)
        if self.current is None:
            self._go_on()
        else:
            self._draw_progress()

    @on(NotDrawn)
    def _draw_trouble(self, message: NotDrawn) -> None:
        self.drawing, self.busy, self.trouble = False, "", message.problem
        self._draw()

    @on(Input.Submitted)
    def _ask(self, message: Input.Submitted) -> None:
        try:
            self.comparison.type(message.value)
        except RoleplayError as error:
            tell(self, str(error), "warning")
            return
        message.input.clear()
        self._draw_ahead()
        self._draw()

    # --- keys, which the palette names too ---

    def action_prefer(self, place: Literal["left", "right"]) -> None:
        """Keep that the reply at this place is better."""
        if self.current is not None:
            self.action_choose(self.current.at(place))

    def action_choose(self, verdict: "Verdict") -> None:
        """Keep a choice, and show the next prompt."""
        if self.current is None:
            return
        try:
            self.comparison.choose(self.current, verdict)
        except RoleplayError as error:
            tell(self, str(error), "error")
            return
        self._go_on()

    def action_undo(self) -> None:
        """Show what was chosen last once more; what is shown now comes after it."""
        try:
            match = self.comparison.undo()
        except RoleplayError as error:
            tell(self, str(error), "error")
            return
        if self.current is not None:
            self.waiting.appendleft(self.current)
        self.current = match
        self._draw()

    def action_rate(self) -> None:
        """Show how often A was preferred to B, or hide it."""
        self.rate_shown = not self.rate_shown
        self._draw_progress()

    def action_again(self) -> None:
        """Draw again what could not be drawn."""
        self.trouble = ""
        self._draw_ahead()
        self._draw()

    # --- steps that several of the above take ---

    def _go_on(self) -> None:
        self.current = self.waiting.popleft() if self.waiting else None
        self._draw_ahead()
        self._draw()

    def _draw_ahead(self) -> None:
        """While the person reads, the next two replies are drawn."""
        if not (self.drawing or self.trouble or self.waiting) and self.comparison.left:
            self.drawing, self.busy = True, _WAIT
            self.run_worker(partial(draw_match, self.post_message, self.comparison), thread=True)
        elif not (self.drawing or self.comparison.left):
            self.over = not self.comparison.typed or self.comparison.is_full

    def _draw(self) -> None:
        card, match = self.comparison.card, self.current
        self.query_one("#title", Static).update(
            Content.assemble("Which reply of ", plain(card.display_name, "bold"), " is better?")
        )
        if match is not None:
            names = {"user": card.user_name, "assistant": card.display_name, "system": "system"}
            told = [
                Content.assemble(plain(f"{names[turn.role]}: ", "bold"), plain(fill(turn.text, card)))
                for turn in match.turns
            ]
            self.query_one("#said", Static).update(Content("\n").join(told))
            self.call_after_refresh(self.query_one("#asked", VerticalScroll).scroll_end, animate=False)
        else:
            idle = _OVER if self.over else _WAIT if self.drawing else _TYPE if self.comparison.typed else ""
            self.query_one("#said", Static).update(plain(idle, "dim"))
        for place, text in zip(("left", "right"), match.shown if match is not None else ("", ""), strict=True):
            shown = plain(_SILENT, "dim italic") if match is not None and not text else plain(text)
            self.query_one(f"#{place}", Static).update(shown)
        if self.comparison.typed:
            box = self.query_one("#typed", Input)
            box.disabled = match is not None or self.drawing or self.over
            self.set_focus(None if box.disabled else box)
        self._draw_progress()
        self.refresh_bindings()

    def _draw_progress(self) -> None:
        line = self.query_one("#progress", Static)
        line.set_class(bool(self.trouble), "problem")
        if self.trouble:
            line.update(plain(f"{self.trouble} · r tries again"))
            return
        counted = self.comparison.tally
        parts = [f"choices: {counted.choices}", f"decided: {counted.decided}"]
        parts += [counted.words] if self.rate_shown else []
        left = self.comparison.left + len(self.waiting)
        parts += [] if self.comparison.typed else [f"{'after this one' if self.current else 'left'}: {left}"]
        line.update(plain(" · ".join([*parts, *([self.busy] if self.busy else [])])))

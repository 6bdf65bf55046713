"""What was sent: the exact request of the last reply, lane by lane."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.messages import Refused, SentRead
from tui.panels import jobs
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.chat.inspection import Sent
    from roleplay.chat.talk import Talk

_VIEWS = ("text", "tokens", "ids")


class SentPanel(ModalScreen[None]):
    """Counts above, the request below; another lane or view at a key."""

    CSS_PATH = "panels.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2", "dismiss", "Close", id="sent.close", tooltip="Back to the chat"),
        Binding("right", "lane(1)", "Next lane", id="sent.next-lane", tooltip="What the next lane was sent"),
        Binding("left", "lane(-1)", "Lane before", id="sent.lane-before", tooltip="What the lane before was sent"),
        Binding("t,tab", "view", "Text, tokens, ids", id="sent.view", tooltip="As text, as tokens, or as ids"),
    ]

    def __init__(self, talk: "Talk") -> None:
        super().__init__()
        self.talk = talk
        self.sent: list[Sent] = []
        self._lane, self._view = 0, 0

    def compose(self) -> ComposeResult:
        """The head tells what the body is made of."""
        with Vertical(classes="panel"):
            yield Static("looking it up …", classes="head")
            with VerticalScroll(classes="body"):
                yield Static(id="request")
            yield Static("t text, tokens, ids · ←/→ lane · ↑/↓ scroll · Esc closes", classes="keys")

    def on_mount(self) -> None:
        """Ask the process that answers."""
        self.query_one(".panel").border_title = "what was sent"
        self.query_one(".body").focus()
        self.run_worker(partial(jobs.read_sent, self.post_message, self.talk), thread=True)

    @on(SentRead)
    def _draw_sent(self, message: SentRead) -> None:
        self.sent = message.sent
        self._draw()

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        message.stop()
        self.query_one(".head", Static).update(plain(message.problem))

    def action_lane(self, by: int) -> None:
        """Show another lane."""
        if self.sent:
            self._lane = (self._lane + by) % len(self.sent)
            self._draw()

    def action_view(self) -> None:
        """Show text, tokens or ids."""
        self._view = (self._view + 1) % len(_VIEWS)
        self._draw()

    def _draw(self) -> None:
        if not self.sent:
            told = "Every lane here is another program's model: what its tokens are only that program knows."
            self.query_one(".head", Static).update(told)
            return
        sent, view = self.sent[self._lane], _VIEWS[self._view]
        self.query_one(".head", Static).update(_head(sent, view, self._lane + 1, len(self.sent)))
        self.query_one("#request", Static).update(_body(sent, view))


def _head(sent: "Sent", view: str, number: int, lanes: int) -> Content:
    width = max(len(part.name) for part in sent.parts)
    rows = [
        Content("  ").join(
            [
                plain(sent.lane.name, "bold"),
                plain(f"lane {number} of {lanes}" if lanes > 1 else "", "dim"),
                plain(f"as {view}", "dim"),
            ]
        ),
        *(plain(f"  {part.name:<{width}} {part.tokens:>7,} tokens") for part in sent.parts),
        plain(f"  {'together':<{width}} {len(sent.ids):>7,} tokens; room for {sent.room:,} more", "bold"),
    ]
    if not any(part.name.startswith("prefix") for part in sent.parts):
        rows.append(plain("  No prefix: nothing stands before the first turn but the template."))
    if sent.left_out:
        turns = "turn is" if sent.left_out == 1 else "turns are"
        rows.append(plain(f"  The first {sent.left_out} {turns} left out: the context has no room for more."))
    return Content("\n").join(rows)


def _body(sent: "Sent", view: str) -> Content:
    if view == "text":
        return plain(sent.text)
    if view == "ids":
        return plain(" ".join(map(str, sent.ids)))
    # Two styles in turn, so that each token's ends are to be seen.
    return Content("").join([plain(text or "·", "reverse" if i % 2 else "") for i, text in enumerate(sent.tokens)])

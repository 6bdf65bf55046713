"""The corpus lens: which words of a reply are memorised, which were learned, and which the base would say anyway."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from roleplay.text import one_line
from tui.messages import LensRead
from tui.panels import jobs
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.chat.lens import Lens, Seen, SeenToken
    from roleplay.chat.said import Said
    from roleplay.chat.talk import Talk

_STRONG = 3.0
"""Nats from which on a token is painted as strongly learned: 20 times likelier."""
_MEANINGS = (
    ("strong", f"learned ≥ {_STRONG:.0f} nats"),
    ("learned", "learned ≥ 1 nat"),
    ("base", "the base's own"),
    ("less", "less likely"),
    ("copied", "memorised"),
)
"""What the colours of the style sheet mean."""


class LensText(Static):
    """A reply, each token in the colour of where it comes from."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lens--{name}" for name, _ in _MEANINGS}

    def show(self, seen: "Seen") -> None:
        """Paint a reply."""
        self.update(Content("").join([self._paint(token) for token in seen.tokens]))

    def legend(self) -> Content:
        """What the colours mean."""
        return Content("   ").join([self._styled("■", name) + plain(f" {what}", "dim") for name, what in _MEANINGS])

    def _paint(self, token: "SeenToken") -> Content:
        painted = self._styled(token.text, _shade(token.gain))
        return painted.stylize(self.get_visual_style("lens--copied", partial=True)) if token.copied else painted

    def _styled(self, text: str, name: str) -> Content:
        return plain(text).stylize(self.get_visual_style(f"lens--{name}", partial=True))


class LensPanel(ModalScreen[None]):
    """Figures, the reply in colours, and where its copied runs stand."""

    CSS_PATH = "panels.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f6", "dismiss", "Close", id="lens.close", tooltip="Back to the chat"),
    ]

    def __init__(self, talk: "Talk", lens: "Lens", reply: "Said") -> None:
        super().__init__()
        self.talk, self.lens, self.reply = talk, lens, reply

    def compose(self) -> ComposeResult:
        """The figures stand above what they are about."""
        with Vertical(classes="panel"):
            yield Static("reading the corpora, weighing each token …", classes="head")
            with VerticalScroll(classes="body"):
                yield LensText(plain(self.reply.text))
                yield Static(id="runs")
            yield Static(id="legend")
            yield Static("↑/↓ scroll · Esc closes", classes="keys")

    def on_mount(self) -> None:
        """Have the reply looked at."""
        self.query_one(".panel").border_title = "corpus lens"
        self.query_one(".body").focus()
        self.query_one("#legend", Static).update(self.query_one(LensText).legend())
        self.run_worker(partial(jobs.look, self.post_message, self.talk, self.lens, self.reply), thread=True)

    @on(LensRead)
    def _draw_lens(self, message: LensRead) -> None:
        seen = message.seen
        self.query_one(LensText).show(seen)
        self.query_one(".head", Static).update(_figures(seen))
        text = self.reply.text
        rows = [plain("\ncopied from", "bold")] if seen.runs else []
        rows += [plain(f"{run.place}  {one_line(text[run.start : run.end], 80)}") for run in seen.runs]
        self.query_one("#runs", Static).update(Content("\n").join(rows))


def _figures(seen: "Seen") -> Content:
    shares = [
        f"memorised {seen.share('memorised'):.0%}",
        f"learned {seen.share('learned'):.0%}",
        f"the base's own {seen.share('base'):.0%}",
    ]
    rows = [plain(" · ".join(shares), "bold")]
    if seen.gain is not None:
        rows.append(plain(f"with the adapter each token is likelier by {seen.gain:+.2f} nats on average"))
    rows += [plain(problem, "dim") for problem in seen.problems]
    return Content("\n").join(rows)


def _shade(gain: float) -> str:
    from roleplay.chat.lens import LEARNED

    if gain >= _STRONG:
        return "strong"
    return "learned" if gain >= LEARNED else "less" if gain <= -LEARNED else "base"

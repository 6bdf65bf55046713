"""One pair to be judged: what was said before, and both replies with the words in which they differ."""

from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from roleplay.corpora.differing import Span, differing
from roleplay.corpora.pair_words import origin, sides
from roleplay.corpora.pairs import Pair
from roleplay.corpora.review import Decision
from roleplay.dialogue import Role, Turn
from tui.plain import plain

_SPEAKERS: dict[Role, tuple[str, str]] = {
    "system": ("system", "bold $text-muted"),
    "user": ("person", "bold $text-secondary"),
    "assistant": ("character", "bold $text-primary"),
}
_STATES: dict[Decision | None, tuple[str, str]] = {
    None: ("undecided", "bold"),
    "kept": ("KEPT", "bold $text-success"),
    "flipped": ("FLIPPED: the other is better now", "bold $text-accent"),
    "dropped": ("DROPPED: it will not be written", "bold $text-error"),
}
_DIFFERS = "bold underline"


class PairView(Vertical):
    """The pair at hand."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Pair | None = None

    def compose(self) -> ComposeResult:
        """As it is read, from the top."""
        yield Static(id="origin")
        yield Static(id="flags")
        with VerticalScroll(id="asked"):
            yield Static()
        with Container(id="replies"):
            for side in ("better", "worse"):
                with VerticalScroll(id=side, classes="reply"):
                    yield Static(classes="side")
                    yield Static(classes="said")

    def on_mount(self) -> None:
        """Arrow keys scroll the conversation first."""
        self.query_one("#better").border_title = "BETTER"
        self.query_one("#worse").border_title = "WORSE"
        self.query_one("#asked").focus()

    def show(self, pair: Pair, decision: Decision | None, flags: list[str]) -> None:
        """Draw a pair; of the conversation the last turns are in sight."""
        both, better, worse = sides(pair)
        state, style = _STATES[decision]
        about = [plain(state, style), plain(f"  {origin(pair)}", "dim")]
        if both:
            about.append(plain(f"\nboth: {both}", "dim"))
        self.query_one("#origin", Static).update(Content.assemble(*about))
        line = self.query_one("#flags", Static)
        line.display = bool(flags)
        line.update(plain(f"! {'; '.join(flags)}"))
        self.set_class(decision == "dropped", "-dropped")
        asked = self.query_one("#asked", VerticalScroll)
        asked.border_title = f"before · {len(pair.turns)} turn{'' if len(pair.turns) == 1 else 's'}"
        asked.query_one(Static).update(Content("\n\n").join(_turn(turn) for turn in pair.turns))
        if pair != self._shown:  # else it was scrolled to where the person reads
            self._shown = pair
            asked.anchor()
            for pane in self.query(".reply").results(VerticalScroll):
                pane.scroll_home(animate=False)
        found = differing(pair.chosen, pair.rejected)
        own, others = found or ([], [])
        self._reply("better", better, _marked(pair.chosen, own))
        self._reply("worse", worse, _marked(pair.rejected, others))
        told = "they differ throughout" if found is None else "underlined: what differs"
        self.query_one("#worse").border_subtitle = told

    def _reply(self, place: str, side: str, said: Content) -> None:
        pane = self.query_one(f"#{place}", VerticalScroll)
        about = pane.query_one(".side", Static)
        about.display = bool(side)
        about.update(plain(side, "dim"))
        pane.query_one(".said", Static).update(said)


def _turn(turn: Turn) -> Content:
    return Content.assemble(plain(f"{_SPEAKERS[turn.role][0]}  ", _SPEAKERS[turn.role][1]), plain(turn.text))


def _marked(text: str, spans: list[Span]) -> Content:
    """A reply; what lies in `spans` stands out."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    parts: list[Content] = []
    for at, (end, start) in enumerate(zip(ends, starts, strict=True)):
        parts.append(plain(text[end:start]))
        if at < len(spans):
            parts.append(plain(text[slice(*spans[at])], _DIFFERS))
    return Content.assemble(*parts)

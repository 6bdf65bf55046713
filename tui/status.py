"""The line at the bottom: who answers, how fast, how much of the context is used; while loading, how far it is."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.chat.figures import Figures
    from roleplay.chat.wire import Stage


class Status(Horizontal):
    """A progress bar while there is something to wait for, and one line of text."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self.who, self.kept = "", True
        self._shown = ""

    def compose(self) -> ComposeResult:
        """The bar comes when there is something to wait for."""
        yield Static(id="figures")

    async def load(self, stage: "Stage") -> None:
        """Show how far loading is."""
        from textual.widgets import ProgressBar

        if not self.query("#loading"):
            bar = ProgressBar(total=stage.steps, show_percentage=False, show_eta=False, id="loading")
            await self.mount(bar, before="#figures")
        self.query_one("#loading", ProgressBar).update(total=stage.steps, progress=stage.step)
        self._write(f"{stage.text} … you can write already")

    def fail(self) -> None:
        """Loading ended without a model."""
        self.query("#loading").remove()
        self._write(f"{self.who} · no model")

    def show(self, figures: "Figures", strength: float = 1.0) -> None:
        """Show who answers and what it costs; `strength` is that of the adapter."""
        self.query("#loading").remove()
        dial = "" if strength == 1 or figures.adapter is None else f" at {strength:.0%}"
        parts = [self.who, figures.base or "", (figures.adapter or "no adapter") + dial]
        if figures.tokens_per_second is not None:
            parts.append(f"{figures.tokens_per_second:.0f} tokens/s")
        if figures.used is not None and figures.context is not None:
            parts.append(f"context {figures.used}/{figures.context} ({figures.used / figures.context:.0%})")
        if figures.left_out:
            parts.append(f"the first {figures.left_out} turns left out")
        if not self.kept:
            parts.append("not kept")
        self._write(" · ".join(parts))

    def _write(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            self.query_one("#figures", Static).update(plain(text), layout=False)  # one line, whatever it says

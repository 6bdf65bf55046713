"""One evaluation to read: what it found, its figures lane beside lane, and what each lane said."""

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, ScrollableContainer
from textual.content import Content
from textual.widgets import Static

from tui.lane_bars import LaneBars
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.evaluation.listing import ListedEvaluation
    from roleplay.evaluation.report import Report

_ANSI = {"1": "bold", "2": "dim", "1;32": "bold $text-success"}
"""Styles of a terminal's table as these screens have them."""
_LEVELS = {"good": "$text-success", "note": "$text-accent", "warning": "$text-warning"}
_COLUMNS = 4
"""Lanes whose replies stand beside each other: as many as there are."""
_UNFINISHED = {
    "running": "It is being evaluated; {} answers and likelihoods so far.",
    "stopped": "It was stopped after {} answers and likelihoods; evaluated again, it goes on from there.",
}


class EvaluationView(ScrollableContainer):
    """Findings, bars, the table, and one sample at a time."""

    def __init__(self) -> None:
        super().__init__(id="evaluation")
        self.shown: ListedEvaluation | None = None
        self._sample = 0
        self._width = 0

    def compose(self) -> ComposeResult:
        """As it is shown."""
        yield Static(id="findings")
        yield LaneBars()
        yield Static(id="measures")
        yield Static(id="asked")
        with Horizontal(id="said"):
            for place in range(_COLUMNS):
                yield Static(id=f"said-{place}")

    def on_resize(self) -> None:
        """The table fills the width there is."""
        if self.scrollable_content_region.width != self._width:
            self._draw()

    def show(self, evaluation: "ListedEvaluation | None", hint: str = "") -> None:
        """Draw an evaluation, from its top where another was shown; without one, `hint` alone."""
        if evaluation is not None and evaluation == self.shown:
            return
        if evaluation is None or self.shown is None or evaluation.folder != self.shown.folder:
            self._sample = 0
            self.scroll_home(animate=False)
        self.shown = evaluation
        self._draw(hint)

    def turn(self, by: int) -> bool:
        """Show the next sample or the one before; whether there is any."""
        report = self.shown.report if self.shown is not None else None
        if report is None or not report.samples:
            return False
        self._sample = (self._sample + by) % len(report.samples)
        self._draw_sample(report)
        self.call_after_refresh(self.scroll_to_widget, self.query_one("#asked"), animate=False, top=True)
        return True

    def _draw(self, hint: str = "") -> None:
        self._width = self.scrollable_content_region.width
        shown = self.shown
        report = shown.report if shown is not None else None
        for part in ("LaneBars", "#measures", "#asked", "#said"):
            self.query_one(part).set_class(report is None, "-none")
        findings = self.query_one("#findings", Static)
        findings.set_class(shown is not None and shown.state == "damaged", "problem")
        if shown is None:
            findings.update(plain(hint))
        elif report is None:
            findings.update(plain(shown.problem or _UNFINISHED[shown.state].format(shown.kept)))
        else:
            findings.update(_findings(report))
            self.query_one(LaneBars).show(report, self._width)
            self.query_one("#measures", Static).update(_measures(report, self._width))
            self._draw_sample(report)

    def _draw_sample(self, report: "Report") -> None:
        sample = report.samples[self._sample] if self._sample < len(report.samples) else None
        for part in ("#asked", "#said"):
            self.query_one(part).set_class(sample is None, "-none")
        if sample is None:
            return
        head = f"sample {self._sample + 1} of {len(report.samples)} · {sample.part.replace('_', ' ')}"
        lines = [plain(head, "bold"), Content.assemble(plain("▸ ", "dim"), plain(sample.prompt))]
        if sample.reference:
            lines.append(plain(f"the corpus: {sample.reference}", "dim"))
        self.query_one("#asked", Static).update(Content("\n").join(lines))
        replies = [(lane, sample.replies[lane]) for lane in report.lanes if lane in sample.replies]
        for place in range(_COLUMNS):
            column = self.query_one(f"#said-{place}", Static)
            column.set_class(place >= len(replies), "-none")
            if place < len(replies):
                lane, reply = replies[place]
                column.update(Content("\n").join([plain(lane, "$text-accent"), plain(reply)]))


def _findings(report: "Report") -> Content:
    lines = [Content.assemble(plain(f"{one.level:<9}", _LEVELS[one.level]), plain(one.text)) for one in report.findings]
    return Content("\n").join(lines)


def _measures(report: "Report", width: int) -> Content:
    """The lines of `roleplay evaluate`, without the findings, which stand above."""
    from roleplay.evaluation.table import table

    lines = table(replace(report, findings=()), width)
    return Content("\n").join(
        Content.assemble(*(plain(text, _ANSI.get(code, "")) for text, code in line)) for line in lines
    )

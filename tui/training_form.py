"""What a training is begun with: a preset, and the few settings that people change."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from roleplay.text import clean
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.training.resolve import Resolved

_BOXES = {
    "base": "base",
    "epochs": "epochs",
    "max_steps": "steps",
    "learning_rate": "rate",
    "rank": "rank",
    "samples": "replies",
    "run": "run name",
}
"""Settings that have a box, and their labels; the base and the name of the run are none of the preset's."""
_HINTS = {"base": "the card's, or pocket", "max_steps": "as epochs say", "samples": "3 now and then"}
"""What `None` stands for."""


class TrainingForm(VerticalScroll):
    """Presets above, boxes below; what is left empty shows what is in force."""

    can_focus = False

    class Changed(Message):
        """Another preset was marked, or something typed."""

    def __init__(self, presets: "Mapping[str, Mapping[str, Any]]") -> None:
        super().__init__(id="form")
        self.presets = presets
        self._settled = False
        self.border_title = "what to train"

    def compose(self) -> ComposeResult:
        """Presets, what the marked one is for, the boxes, what is in force."""
        yield OptionList(*(Option(plain(name)) for name in self.presets), id="presets")
        yield Static(id="about")
        for name, label in _BOXES.items():
            with Horizontal(classes="setting"):
                yield Label(label)
                yield Input(id=name, placeholder=_HINTS.get(name, "date and preset"), compact=True)
        yield Static(id="in-force")

    @property
    def preset(self) -> str | None:
        """Name of the marked preset; `None` before it is known which the character would have."""
        marked = self.query_one("#presets", OptionList).highlighted
        return list(self.presets)[marked] if self._settled and marked is not None else None

    @property
    def typed(self) -> dict[str, str]:
        """What stands in the boxes, the name of the run left out."""
        return {name: text for name in _BOXES if name != "run" and (text := self._text(name))}

    @property
    def run_name(self) -> str | None:
        """Typed name of the run."""
        return self._text("run") or None

    def show(self, resolved: "Resolved | None", problem: str) -> None:
        """Draw what is in force, or why nothing is."""
        in_force = self.query_one("#in-force", Static)
        in_force.set_class(bool(problem), "problem")
        if resolved is None:
            in_force.update(plain(problem))
            return
        if not self._settled:
            self._settled = True
            self.query_one("#presets", OptionList).highlighted = list(self.presets).index(resolved.preset)
        self.query_one("#about", Static).update(plain(str(self.presets[resolved.preset]["about"]), "dim"))
        values = resolved.settings.model_dump()
        for name in _BOXES:
            if name in values:
                value = values[name]
                self.query_one(f"#{name}", Input).placeholder = _HINTS[name] if value is None else _told(value)
        changed = {name: source for name, source in resolved.sources.items() if source != "default"}
        rows = [_row(name, values[name], source) for name, source in changed.items()]
        in_force.update(Content("\n").join(rows))

    @on(OptionList.OptionHighlighted)
    @on(Input.Changed)
    def _pass_on(self, message: Message) -> None:
        message.stop()
        if self._settled:
            self.post_message(self.Changed())

    def _text(self, name: str) -> str:
        return clean(self.query_one(f"#{name}", Input).value).strip()


def _row(name: str, value: object, source: str) -> Content:
    where = "" if source.startswith("preset") else f"  {source}"
    return Content.assemble(name.ljust(18), plain(_told(value), "bold"), plain(where, "dim"))


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

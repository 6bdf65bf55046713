"""A few questions, asked at once."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from roleplay.text import clean
from tui.plain import plain


class Field(NamedTuple):
    """One question."""

    id: str
    """Key of the answer."""
    label: str
    """The question."""
    hint: str = ""
    """What an empty answer stands for, or an example."""


class FormScreen(ModalScreen[dict[str, str] | None]):
    """Questions below each other; Enter goes on to the next and after the last one answers all, Escape answers none."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="form.cancel", tooltip="Back, and nothing is done"),
    ]

    def __init__(
        self, title: str, fields: Sequence[Field], typed: Mapping[str, str] | None = None, problem: str = ""
    ) -> None:
        """`typed` and `problem` are those of the answers before, which would not do."""
        super().__init__()
        self.heading, self.fields, self.typed, self.problem = title, fields, typed or {}, problem

    def compose(self) -> ComposeResult:
        """Title, questions, what was wrong."""
        with VerticalScroll(classes="dialog"):
            yield Static(plain(self.heading, "bold"))
            for field in self.fields:
                yield Label(plain(field.label), classes="question")
                yield Input(self.typed.get(field.id, ""), placeholder=clean(field.hint), id=field.id, compact=True)
            yield Static(plain(self.problem), classes="problem")
            yield Static(Content("Enter goes on · Esc goes back"), classes="keys")

    def on_mount(self) -> None:
        """Begin with the first question."""
        self.query_one(".problem").display = bool(self.problem)
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def _go_on(self, message: Input.Submitted) -> None:
        message.stop()
        inputs = list(self.query(Input))
        if message.input is not inputs[-1]:
            self.focus_next(Input)
        else:
            self.dismiss({box.id or "": clean(box.value).strip() for box in inputs})

"""How replies are drawn: strength and sampling, each with the card's value and this chat's own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from roleplay.errors import UsageError
from tui.messages import SettingChanged
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.chat.talk import Talk

_STEPS = {
    "strength": 5,
    "temperature": 0.05,
    "top_p": 0.05,
    "top_k": 5,
    "min_p": 0.01,
    "repetition_penalty": 0.05,
    "max_new_tokens": 16,
    "seed": 1,
}
"""What a key adds or takes away; strength in percent."""
_BAR = 15
"""Cells of the strength dial."""


class Setting(Static, can_focus=True):
    """One setting: arrow keys change it, digits write it, Enter takes what was written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,plus", "step(1)", "More", id="settings.more", tooltip="One step more"),
        Binding("left,minus", "step(-1)", "Less", id="settings.less", tooltip="One step less"),
        Binding("enter", "take", "Take", id="settings.take", tooltip="Take the number that is written"),
        Binding("backspace", "rub_out", "Rub out", id="settings.rub-out", show=False),
        Binding("delete,d", "reset", "Card's", id="settings.card", tooltip="Back to what the card has"),
    ]

    def __init__(self, name: str, own: Callable[[], float], default: float) -> None:
        super().__init__(name=name, classes="setting")
        self.own, self.default = own, default
        self.written = ""
        """What is being typed."""

    def on_mount(self) -> None:
        """Draw it."""
        self.draw()

    def on_key(self, event: events.Key) -> None:
        """Digits are written."""
        if event.character is not None and event.character in "0123456789.":
            event.stop()
            self.written += event.character
            self.draw()

    def on_blur(self) -> None:
        """What was written and not taken is forgotten."""
        self.written = ""
        self.draw()

    def action_step(self, by: int) -> None:
        """One step more or less."""
        step = _STEPS[self.name or ""]
        self.post_message(SettingChanged(self.name or "", f"{self.own() + by * step:.10g}"))

    def action_take(self) -> None:
        """Take what is written."""
        if self.written:
            self.post_message(SettingChanged(self.name or "", self.written))

    def action_rub_out(self) -> None:
        """Take back the last digit."""
        self.written = self.written[:-1]
        self.draw()

    def action_reset(self) -> None:
        """Back to what the card has."""
        self.post_message(SettingChanged(self.name or "", "card"))

    def draw(self) -> None:
        """Draw name, value and the card's value."""
        own = self.own()
        value = f"{self.written}▏" if self.written else f"{own:.10g}"
        percent = "%" if self.name == "strength" else " "
        whole = round(min(own, 150) / 150 * _BAR)
        dial = "█" * whole + "░" * (_BAR - whole) if self.name == "strength" else ""
        self.set_class(own != self.default, "-changed")
        card = f"card {self.default:.10g}" if self.name != "strength" else dial
        self.update(plain(f"{self.name:<19}{value:>10}{percent}  ") + plain(card, "dim"))


class SettingsPanel(ModalScreen[None]):
    """The settings of this chat, beside the conversation."""

    CSS_PATH = "panels.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f5", "dismiss", "Close", id="settings.close", tooltip="Back to the chat"),
        Binding("down", "app.focus_next", "Down", id="settings.down", tooltip="To the setting below"),
        Binding("up", "app.focus_previous", "Up", id="settings.up", tooltip="To the setting above"),
    ]

    def __init__(self, talk: "Talk") -> None:
        super().__init__()
        self.talk = talk

    def compose(self) -> ComposeResult:
        """Strength, then sampling, as the card has it."""
        from roleplay.chat.sampled import SAMPLING, card_sampling

        card = card_sampling(self.talk.card, dict(self.talk.manner.sampling))
        with VerticalScroll(classes="panel", id="settings-panel", can_focus=False):
            yield Setting("strength", lambda: round(100 * self.talk.session.settings.strength), 100)
            for name in SAMPLING:
                yield Setting(name, lambda name=name: getattr(self.talk.sampling, name), getattr(card, name))  # type: ignore[misc]
            yield Static(classes="told")
            yield Static("←/→ change · 0-9 Enter write · Del as the card has it · Esc closes", classes="keys")

    def on_mount(self) -> None:
        """The dial comes first."""
        self.query_one(".panel").border_title = "settings of this chat"
        self.query(Setting).first().focus()

    @on(SettingChanged)
    def _change(self, message: SettingChanged) -> None:
        """Do as the word with a slash does; a wrong value is told, and nothing changes."""
        from roleplay.chat.commands import parse
        from tui.words import set_value

        row = next(row for row in self.query(Setting) if row.name == message.name)
        line = f"/set {message.name} {message.value}"
        if message.name == "strength":
            line = f"/strength {100 if message.value == 'card' else message.value}"
        told = Content("from the next reply on")
        try:
            command = parse(line)
            assert not isinstance(command, str)  # noqa: S101  # it begins with one slash
            set_value(self.talk, command)
            row.written = ""
        except UsageError as error:
            told = plain(str(error))
            row.add_class("-wrong")
        else:
            row.remove_class("-wrong")
        row.draw()
        self.query_one(".told", Static).update(told)

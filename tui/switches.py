"""The prefixes: each is a switch that works from the next turn on."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Checkbox, Static

from tui.messages import Switched
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.cards.model import Card, Prefix

SWITCH_KEYS = 9
"""Prefixes that have a key, Alt+1 and on."""
SWITCH_BINDINGS = tuple(
    Binding(
        f"alt+{i}",
        f"switch_prefix({i})",
        f"Switch prefix {i}",
        id=f"chat.prefix-{i}",
        tooltip=f"Switch prefix {i} on or off, from your next message on",
        show=False,
        priority=True,
    )
    for i in range(1, SWITCH_KEYS + 1)
)


class Switches(Vertical):
    """One check box a prefix, with the beginning of its text."""

    def __init__(self) -> None:
        super().__init__(id="switches")
        self.prefixes: tuple[Prefix, ...] = ()

    def compose(self) -> ComposeResult:
        """Before the first `show` there is only the note."""
        yield Static(id="all-off")

    async def show(self, card: "Card", prefixes: "Sequence[Prefix]", active: Collection[str]) -> None:
        """Draw the switches of `prefixes`, those in `active` on."""
        from roleplay.cards.prompt import fill

        if self.prefixes != tuple(prefixes):
            self.prefixes = tuple(prefixes)
            await self.query(".switch").remove()
            for prefix in self.prefixes:
                box = Checkbox("", prefix.id in active, name=prefix.id, classes="switch", compact=True)
                await self.mount(box, Static(plain(fill(prefix.text, card)), classes="switch preview"))
        for number, box in enumerate(self.query(Checkbox), 1):
            on, key = box.name in active, f"Alt+{number} " if number <= SWITCH_KEYS else ""
            box.label = Content.assemble((key, "dim"), box.name or "", " on" if on else " off")
            with box.prevent(Checkbox.Changed):
                box.value = on
        note = "" if active else "all off: nothing is sent before your first turn" if prefixes else "this card has none"
        self.query_one("#all-off", Static).update(note)
        self.query_one("#all-off").display = bool(note)

    @on(Checkbox.Changed)
    def _pass_on(self, event: Checkbox.Changed) -> None:
        event.stop()
        self.post_message(Switched(event.checkbox.name or "", event.value))

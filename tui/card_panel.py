"""A card, rendered: who the character is, its prefixes, its facts, its corpora; or what is wrong with it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.cards.model import Card
    from roleplay.dataset.sheet import HeldCorpus

_LABEL = 14
"""Columns of a fact's label."""
_BESIDE = 48
"""Widest text that stands beside its label."""


class CardPanel(VerticalScroll):
    """The card of the marked character; further lines come as its corpora are counted and measured."""

    def __init__(self) -> None:
        super().__init__(id="card")
        self.border_title = "card"

    def compose(self) -> ComposeResult:
        """Who, what it is trained on, statistics."""
        yield Static(id="sheet")
        yield Static(id="corpora")
        yield Static(id="statistics")

    def clear(self) -> None:
        """Another character is marked: what is drawn belongs to the former one."""
        for part in self.query(Static):
            part.update("")

    def show(self, card_file: "CardFile | None", faults: Sequence[str]) -> None:
        """Draw a card, or its faults; statistics may have come before it."""
        sheet = self.query_one("#sheet", Static)
        if card_file is None:
            told = [plain("This card cannot be used:", "bold"), *(plain(f"- {fault}") for fault in faults)]
            sheet.update(Content("\n\n").join(told))
        else:
            sheet.update(Content("\n").join([*_who(card_file), *_prefixes(card_file.card), *_facts(card_file.card)]))
        self.scroll_home(animate=False)

    def count(self, corpora: "Sequence[HeldCorpus]") -> None:
        """Draw what the corpora hold."""
        lines = []
        for corpus in corpora:
            weight = "" if corpus.weight == 1 else f", weight {corpus.weight:g}"
            what = Content.assemble((corpus.kind.ljust(9), ""), plain(corpus.label), "  ")
            lines.append(_line("corpus", Content.assemble(what, plain(f"{corpus.held}{weight}", "bold"))))
        self.query_one("#corpora", Static).update(Content("\n").join(lines))

    def measure(self, text: str) -> None:
        """Draw the statistics, or that they are on their way."""
        self.query_one("#statistics", Static).update(plain(f"\n{text}"))
        self.call_after_refresh(self.scroll_to_widget, self.query_one("#statistics"), top=True)


def _who(card_file: "CardFile") -> list[Content]:
    from roleplay.paths import shown

    card = card_file.card
    named = Content("  ").join(
        [plain(card.display_name, "bold"), plain(f"{card.name} · {card.language} · version {card.version}", "dim")]
    )
    return [named, plain(card.description), plain(shown(card_file.path), "dim"), Content("")]


def _prefixes(card: "Card") -> list[Content]:
    from roleplay.cards.prompt import fill

    found: list[Content] = []
    for prefix in card.prefixes:
        state = ("on ", "$text-success") if prefix.default else ("off", "$text-muted")
        about = plain(f"  {prefix.place}, trained {prefix.train}", "dim")
        found += [
            Content.assemble(state, " ", plain(prefix.id, "bold"), about),
            plain(fill(prefix.text, card)),
            Content(""),
        ]
    return found


def _facts(card: "Card") -> list[Content]:
    from roleplay.dataset.sheet import facts

    return [_line(label, plain(text)) for label, text in facts(card)]


def _line(label: str, text: Content) -> Content:
    """A label and its text beside it; below it where that is long."""
    long = text.cell_length > _BESIDE or "\n" in text.plain
    return Content.assemble((label.ljust(_LABEL), "$text-accent"), "\n" if long else "", text)

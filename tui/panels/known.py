"""What a reply stood on: the passages that came to mind, where they stand; each may be pinned or left out."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.messages import AroundRead, KnownRead, Refused
from tui.panels import jobs
from tui.plain import plain

if TYPE_CHECKING:
    from roleplay.chat.said import Said
    from roleplay.chat.talk import Talk
    from roleplay.chat.wishes import Wish
    from roleplay.knowledge.passage import Recalled

_LIST_KEYS = "p pin · x leave out · Enter shows it where it stands · Esc closes"
_PLACE_KEYS = "↑/↓ scroll · Esc goes back"
_WHY = {"pinned": "pinned", "excluded": "left out", "book": "a key of the card's book", "found": "found"}


class KnownPanel(ModalScreen[None]):
    """A list of passages; after Enter, the marked one among its neighbours."""

    CSS_PATH = "panels.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="known.back", tooltip="Back to the list, back to the chat"),
        Binding("f10", "dismiss", "Close", id="known.close", tooltip="Back to the chat"),
        Binding("p", "wish('pinned')", "Pin", id="known.pin", tooltip="Have it come to mind always, or no more"),
        Binding("x", "wish('excluded')", "Leave out", id="known.leave", tooltip="Never have it come to mind, or again"),
    ]

    def __init__(self, talk: "Talk", reply: "Said | None") -> None:
        super().__init__()
        self.talk, self.reply = talk, reply
        self.known: list[Recalled] = []
        self._placed = False

    def compose(self) -> ComposeResult:
        """The list, and hidden behind it the place of one of its passages."""
        with Vertical(classes="panel"):
            yield Static("looking it up …", classes="head")
            yield OptionList()
            with VerticalScroll(classes="body"):
                yield Static(id="place")
            yield Static(_LIST_KEYS, classes="keys")

    def on_mount(self) -> None:
        """Look it up in a thread."""
        self.query_one(".panel").border_title = "what it stood on"
        self._show_place(on=False)
        self.run_worker(partial(jobs.read_known, self.post_message, self.talk, self.reply), thread=True)

    @on(KnownRead)
    def _draw_known(self, message: KnownRead) -> None:
        self.known = message.known
        self._draw_list(0)

    @on(AroundRead)
    def _draw_around(self, message: AroundRead) -> None:
        parts = [plain(one.text, "bold" if one == message.passage else "dim") for one in message.near]
        self.query_one("#place", Static).update(Content("\n\n").join(parts))
        self.query_one(".head", Static).update(plain(message.passage.place.shown, "bold"))
        self._show_place(on=True)

    @on(Refused)
    def _draw_refused(self, message: Refused) -> None:
        message.stop()
        self.query_one(".head", Static).update(plain(message.problem))

    @on(OptionList.OptionSelected)
    def _open_place(self, message: OptionList.OptionSelected) -> None:
        passage = self.known[message.option_index].passage
        self.run_worker(partial(jobs.read_around, self.post_message, self.talk, passage), thread=True)

    def action_wish(self, wish: "Wish") -> None:
        """Pin the marked passage, or leave it out, from the next reply on; again takes it back."""
        at = self.query_one(OptionList).highlighted
        if self._placed or at is None or not self.known:
            return
        self.talk.wish(self.known[at].passage.identity, wish)
        self._draw_list(at)

    def action_back(self) -> None:
        """Back to the list; else to the chat."""
        if self._placed:
            self._show_place(on=False)
            self._draw_list(self.query_one(OptionList).highlighted or 0)
        else:
            self.dismiss(None)

    def _draw_list(self, at: int) -> None:
        options = self.query_one(OptionList)
        options.set_options([Option(self._row(one)) for one in self.known])
        options.highlighted = min(at, len(self.known) - 1) if self.known else None
        self.query_one(".head", Static).update(plain(self._head()))

    def _head(self) -> str:
        from roleplay.cards.model import KNOWLEDGE

        stood = self.reply.recalled if self.reply is not None else ()
        if stood:
            tokens = sum(one.passage.tokens for one in stood)
            return f"{len(stood)} passage{'s' if len(stood) > 1 else ''}, {tokens} tokens, stood before your message."
        if not any(prefix.id == KNOWLEDGE for prefix in self.talk.session.prefixes):
            return "This card names no books: 'knowledge: [FILE or FOLDER]' on it does."
        if KNOWLEDGE not in self.talk.session.active:
            return f"The prefix '{KNOWLEDGE}' is off, so that nothing comes to mind; switch it on at the left."
        if self.reply is not None and KNOWLEDGE in self.reply.prefixes:
            return "Nothing came to mind, or it is forgotten: passages are not kept with a conversation."
        return "Nothing has come to mind yet; what you say next will bring something up."

    def _row(self, one: "Recalled") -> Content:
        settings, identity = self.talk.session.settings, one.passage.identity
        held = "pinned" if identity in settings.pinned else "excluded" if identity in settings.excluded else ""
        why = _WHY[one.why] + (f" {one.score:.4f}" if one.score is not None else "")
        mark = {"pinned": "● pinned  ", "excluded": "✕ left out  ", "": ""}[held]
        head = Content("").join([plain(mark, "bold"), plain(one.passage.place.shown, "bold"), plain(f"  {why}", "dim")])
        return Content("\n").join([head, plain(one.passage.text), plain("")])

    def _show_place(self, *, on: bool) -> None:
        self._placed = on
        self.query_one(OptionList).display = not on
        self.query_one(".body").display = on
        self.query_one(".body" if on else OptionList).focus()
        self.query_one(".keys", Static).update(_PLACE_KEYS if on else _LIST_KEYS)

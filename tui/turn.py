"""One turn in the conversation, and a reply that streams into it."""

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from roleplay.chat.said import Said
from roleplay.text import clean
from tui.plain import plain

_ENDS = {"cancelled": "stopped", "cut": "cut off", "length": "reached the limit"}


class UserTurn(Vertical):
    """What the person said, as it was said."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(classes="turn user")
        self.who, self.text = name, text

    def compose(self) -> ComposeResult:
        """Name, then text."""
        yield Static(plain(self.who, "bold"), classes="margin")
        yield Static(plain(self.text), classes="said")


class Reply(Vertical):
    """A reply in Markdown; in its margin who answered, the prefixes that were sent, and how it ended."""

    def __init__(self, name: str, said: Said | None, *, base: bool = False) -> None:
        super().__init__(classes="turn base" if base else "turn persona")
        self.who, self.said = name, said
        self.set_class(said is None, "-empty")
        self._stream: MarkdownStream | None = None
        self._pending: list[str] = []

    def compose(self) -> ComposeResult:
        """Margin, then text."""
        yield Static(self._margin(), classes="margin")
        yield Markdown(self._source(), parser_factory=chat_markdown, open_links=False)

    def begin(self, said: Said) -> None:
        """A reply is under way: `said` has its prefixes, and no text yet."""
        self._set(said)

    def hear(self, text: str) -> None:
        """Take what was said since; it is drawn by the next `flush`."""
        self._pending.append(clean(text))

    async def flush(self) -> None:
        """Draw what was heard."""
        if self._pending:
            if self._stream is None:
                self._stream = Markdown.get_stream(self.query_one(Markdown))
            text = "".join(self._pending)
            self._pending.clear()
            await self._stream.write(text)

    async def finish(self, said: Said | None) -> None:
        """The reply is whole, or gone: draw it once more from its source."""
        self._pending.clear()
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        self._set(said)
        if self.is_attached:
            await self.query_one(Markdown).update(self._source())

    def _set(self, said: Said | None) -> None:
        self.said = said
        self.set_class(said is None, "-empty")
        if self.is_attached:
            self.query_one(".margin", Static).update(self._margin())

    def _source(self) -> str:
        return clean(self.said.text) if self.said is not None else ""

    def _margin(self) -> Content:
        parts = [plain(self.who, "bold")]
        if self.said is None:
            parts.append(plain("…", "dim"))
        elif self.said.lane is not None:
            parts.append(plain(" ".join(self.said.prefixes) or "no prefix", "dim"))
            if not self.said.text and self.said.stopped in ("end", "length"):
                parts.append(plain("said nothing", "dim italic"))
            elif self.said.stopped in _ENDS:
                parts.append(plain(_ENDS[self.said.stopped], "dim italic"))
        return Content("  ").join(parts)


def chat_markdown() -> MarkdownIt:
    """Markdown as chats use it: a line break is one, HTML is text like any other, and nothing said is left out."""
    parser = MarkdownIt("gfm-like", {"html": False})
    parser.disable(["entity", "reference"])
    parser.core.ruler.push("line_breaks", _keep_line_breaks)
    parser.core.ruler.push("clean", lambda state: _clean(state.tokens))
    return parser


def _keep_line_breaks(state: StateCore) -> None:
    for block in state.tokens:
        for token in block.children or ():
            if token.type == "softbreak":
                token.type = "hardbreak"


def _clean(tokens: Sequence[Token]) -> None:
    """Last of all: Markdown decodes what addresses have encoded, control characters too."""
    for token in tokens:
        token.content = clean(token.content)
        _clean(token.children or ())

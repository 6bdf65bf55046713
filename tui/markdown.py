"""Markdown as chats use it, which may grow while it is said."""

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownStream

from roleplay.text import clean


class Spoken(Markdown):
    """What somebody says in Markdown; links are shown and never opened."""

    def __init__(self, text: str = "") -> None:
        parser = chat_markdown()  # of its own: some parsing happens in threads, and parsers have a state
        super().__init__(clean(text), parser_factory=lambda: parser, open_links=False)
        self._stream: MarkdownStream | None = None
        self._pending: list[str] = []

    @property
    def is_behind(self) -> bool:
        """Whether something was heard that is not drawn yet."""
        return bool(self._pending)

    def hear(self, text: str) -> None:
        """Take what was said since; it is drawn by the next `flush`."""
        self._pending.append(clean(text))

    async def flush(self) -> None:
        """Draw what was heard."""
        if self._pending:
            if self._stream is None:
                self._stream = Markdown.get_stream(self)
            text = "".join(self._pending)
            self._pending.clear()
            await self._stream.write(text)

    async def finish(self, text: str) -> None:
        """Nothing more is said: draw the whole once more, from its source."""
        self._pending.clear()
        streamed = self._stream is not None
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        if self.is_attached and (streamed or clean(text) != self.source):
            await self.update(clean(text))
            if not text.strip():
                await self.remove_children()  # an update without a block leaves the former ones


def chat_markdown() -> MarkdownIt:
    """Markdown as chats use it: a line break is one, HTML is text like any other, and nothing said is left out."""
    parser = MarkdownIt("gfm-like", {"html": False})
    parser.disable(["entity", "reference"])
    parser.core.ruler.after("block", "empty_lists", _keep_empty_lists)
    parser.core.ruler.push("line_breaks", _keep_line_breaks)
    parser.core.ruler.push("clean", lambda state: _clean(state.tokens))
    return parser


def _keep_empty_lists(state: StateCore) -> None:
    """Who says "2." or "-" and nothing more begins no list."""
    kept: list[Token] = []
    at = 0
    while at < len(state.tokens):
        token, end = state.tokens[at], at
        if token.type in ("ordered_list_open", "bullet_list_open"):
            close = token.type.replace("open", "close")
            end = next(i for i, t in enumerate(state.tokens) if i > at and t.type == close and t.level == token.level)
        if end > at and token.map and not any(inner.content for inner in state.tokens[at:end]):
            text = "\n".join(state.src.split("\n")[token.map[0] : token.map[1]]).strip()
            inline = Token("inline", "", 0, map=token.map, level=token.level + 1, content=text, children=[])
            kept += [Token("paragraph_open", "p", 1, map=token.map, level=token.level, block=True), inline]
            kept += [Token("paragraph_close", "p", -1, level=token.level, block=True)]
            at = end + 1
        else:
            kept.append(token)
            at += 1
    state.tokens = kept


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

"""Which panel is opened over a chat, and what becomes of what it ends with."""

from typing import TYPE_CHECKING

from roleplay.chat.said import Said
from tui.conversation import Conversation
from tui.messages import FoundChosen
from tui.plain import tell

if TYPE_CHECKING:
    from roleplay.chat.search import Found
    from tui.app import ChatApp
    from tui.chat_screen import ChatScreen

PANELS = ("sent", "find", "settings", "lens", "adapters", "known")
"""Names of the panels."""


def open_panel(screen: "ChatScreen", name: str, words: str = "") -> None:
    """Open a panel over the chat; `words` are what to find."""
    app, talk = screen.app, screen.talk
    if name == "sent":
        from tui.panels.sent import SentPanel

        app.push_screen(SentPanel(talk))
    elif name == "lens":
        _open_lens(screen)
    elif name == "known":
        from tui.panels.known import KnownPanel

        app.push_screen(KnownPanel(talk, _reply(screen)))
    elif name == "settings":
        from tui.panels.settings import SettingsPanel

        app.push_screen(SettingsPanel(talk), lambda _: screen.draw_figures())
    elif name == "adapters" and talk.manner.backend is not None:
        tell(screen, "A server answers with the adapter it was started with; without --backend others can be chosen.")
    elif name == "adapters":
        from tui.panels.adapters import AdaptersPanel

        def drawn(changed: bool | None) -> None:
            screen.draw_figures()
            if changed:
                screen.call_later(screen.draw)

        app.push_screen(AdaptersPanel(talk, screen.is_busy), drawn)
    elif talk.store is None:
        tell(screen, "This chat is not kept, and so there is nothing to find; start without --no-save.")
    else:
        from tui.panels.find import FindPanel

        def opened(found: "Found | None") -> None:
            if found is not None:
                screen.post_message(FoundChosen(found))

        app.push_screen(FindPanel(talk.store, talk.card.name, words), opened)


async def arrive(screen: "ChatScreen", turn: int) -> None:
    """Show turn number `turn` of the conversation at hand, on the path if it is on none, and mark it."""
    session = screen.talk.session
    said = next((said for said in session.tree.turns if said.id == turn), None)
    if said is not None and said.beside:
        said = said.parent
    if said is None:
        return
    if not any(other is said for other in session.line):
        session.branch(session.tree.tip(said))
        await screen.draw()
    await screen.query_one(Conversation).reveal(said)
    screen.mark(said)


def _open_lens(screen: "ChatScreen") -> None:
    from roleplay.chat.lens import Lens
    from tui.panels.lens import LensPanel

    app: ChatApp = screen.app  # type: ignore[assignment]
    reply = _reply(screen)
    if reply is None:
        tell(screen, "There is no reply to look at yet.")
        return
    app.lens = app.lens or Lens(app.lobby.home)
    app.push_screen(LensPanel(screen.talk, app.lens, reply))


def _reply(screen: "ChatScreen") -> Said | None:
    """The marked reply, else the last one."""
    marked = screen.marked
    if marked is not None and marked.role == "assistant":
        return marked
    return next((said for said in reversed(screen.talk.session.line) if said.role == "assistant"), None)

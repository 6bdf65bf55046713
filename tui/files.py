"""A chat goes to a file, or comes from one; reading and writing happen in a thread."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from roleplay.errors import RoleplayError, UsageError
from roleplay.paths import shown
from tui.plain import tell

if TYPE_CHECKING:
    from roleplay.chat.store import ChatStore
    from roleplay.chat.talk import Talk
    from tui.chat_screen import ChatScreen


async def save(screen: "ChatScreen", file: str, layout: str | None) -> None:
    """Write the chat at hand to a file, or say why not."""
    try:
        told = await asyncio.to_thread(_write, screen.talk, file, layout)
    except RoleplayError as error:
        tell(screen, str(error), "error")
    else:
        tell(screen, told)


async def load(screen: "ChatScreen", file: str) -> None:
    """Take in the chat of a file and go on in it, or say why not."""
    from roleplay.chat.transcripts.import_ import import_chat

    try:
        talk = screen.talk
        imported = await asyncio.to_thread(import_chat, _store(talk), Path(file).expanduser(), talk.card)
    except RoleplayError as error:
        tell(screen, str(error), "error")
        return
    screen.show_chat(imported.chat)
    tell(screen, "\n".join([f"{imported.turns} turns were read as {imported.form}.", *imported.report]))


def _write(talk: "Talk", file: str, layout: str | None) -> str:
    from roleplay.chat.transcripts.export import FORMATS, check_format, export_chat, write_export

    store, session = _store(talk), talk.session
    session.save()
    chat = session.keeper.chat
    if chat is None:
        raise UsageError("nothing was said yet that could be saved")
    out = Path(file).expanduser() if file else None
    form = check_format(layout, out)
    out = out or Path(f"{talk.card.name}-{chat}{FORMATS[form]}")
    if out.exists():
        raise UsageError(f"{shown(out.absolute())} is there already; name another file")
    exported = export_chat(store, chat, form, talk.home)
    write_export(exported, out)
    left_out = f" Left out: {'; '.join(exported.left_out)}." if exported.left_out else ""
    return f"{exported.turns} turns are in {shown(out.absolute())}.{left_out}"


def _store(talk: "Talk") -> "ChatStore":
    if talk.store is None:
        raise UsageError("this chat is not kept; start without --no-save")
    return talk.store

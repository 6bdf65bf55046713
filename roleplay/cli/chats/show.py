"""`roleplay chats show`: one conversation."""

import typer

from roleplay.cli.chats.open import CHAT, day, kept_chats
from roleplay.cli.output import emit, emit_json, emit_painted, say


def show_chat(
    chat: int = CHAT,
    as_json: bool = typer.Option(False, "--json", help="Print the whole tree as one JSON object."),
) -> None:
    """Show a conversation as the screen would: the path it is on, each turn with who answered and how."""
    from dataclasses import asdict

    from roleplay.chat.transcripts.names import names_of
    from roleplay.chat.whole import read_whole
    from roleplay.paths import find_home

    with kept_chats() as store:
        whole = read_whole(store, chat)
    if as_json:
        emit_json({"id": chat} | asdict(whole) | {"line": [turn.id for turn in whole.line]})
        return
    names = names_of(whole, find_home())
    for turn in whole.line:
        who = "" if turn.lane is None else f"  {turn.lane}  {', '.join(turn.prefixes) or 'no prefix'}"
        ways = whole.ways(turn)
        way = f"  {ways.index(turn) + 1}/{len(ways)}" if len(ways) > 1 else ""
        emit_painted([(names.of(turn.role), "1;36"), (f"  {day(turn.created)}{who}{way}", "2")])
        emit(turn.text)
        emit()
    if left_out := whole.left_out({turn.id for turn in whole.line}):
        say(f"not on this path: {', '.join(left_out)}; 'roleplay chats export {chat} --format jsonl' has all")

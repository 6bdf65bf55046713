"""Markdown for people: names, times, what was sent, and swipes where they are wanted."""

import re

from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from roleplay.chat.transcripts.export import export_chat
from roleplay.paths import Home


def test_the_path_reads_like_a_talk(lived: Session, store: ChatStore, home: Home) -> None:
    store.database._connection.execute("UPDATE turns SET created = 1750000000")
    done = export_chat(store, 1, "markdown", home)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", done.text)

    assert text == (
        "# Mira\n\n*TIME · pocket@1 · mira/one@12*\n\n"
        "**Mira** · *TIME*\n\nLate again?\n\n"
        "**Captain** · *TIME · 2/2 · edited*\n\nHi there\n\n"
        "**Mira** · *TIME · base · no prefix · 2/2 · taken over*\n\nHELLO.\n\n"
        "**Captain** · *TIME*\n\n猫呢？\n\n"
        "**Mira** · *TIME · persona+prefix · who, late · 2/2 · edited*\n\nOn the roof,\n\n"
        "**Captain** · *TIME*\n\nWhy?\n\n"
        "**Mira** · *TIME · persona+prefix · who, late · cut at the limit*\n\nBecause\n"
    )
    assert done.left_out == ("5 swipes and turns of other branches", "2 deleted turns")


def test_swipes_stand_below_as_quotes(lived: Session, store: ChatStore, home: Home) -> None:
    text = export_chat(store, 1, "markdown", home, swipes=True).text

    assert re.search(r"> \*[-\d :]+ · persona\+prefix · who, late · 1/2\*\n>\n> In the soup\.\n", text)

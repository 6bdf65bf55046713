"""Search over a long history, and what the index costs each turn that is kept."""

import random
import tempfile
import time
from pathlib import Path

from roleplay.chat.search import search
from roleplay.chat.store import ChatStore, Pin, StoredTurn
from roleplay.chat.whole import WholeChat, write_whole

TURNS = 200_000
_CHAT = 2_000
_ZH = "我你他的了在是有图书馆学长逗号今天晚上雨停走吧看书声音小一点窗外灯还亮着记得带伞早饭吃什么猫又来了"
_EN = "the harbour was quiet and we waited for soup while rain fell on every lantern near old bridge"


def search_in_a_long_history(turns: int = TURNS) -> None:
    """Milliseconds a query, and what adding a turn takes in an empty and in a full file."""
    with tempfile.TemporaryDirectory() as folder:
        store = ChatStore(Path(folder) / "chats.sqlite3")
        empty = _adding(store)
        begun = time.perf_counter()
        for number in range(turns // _CHAT):
            write_whole(store, _chat(number))
        print(f"{turns} turns kept in {time.perf_counter() - begun:.1f} s")
        full = _adding(store)
        print(f"adding a turn: {empty:.2f} ms in an empty file, {full:.2f} ms in a full one")
        for query in ("图书馆", "猫", "lant", "quiet rain", '"old bridge"', "的 the", "zebra"):
            times = []
            for _ in range(5):
                begun = time.perf_counter()
                found = search(store, query)
                times.append(time.perf_counter() - begun)
            print(f"{query:<14} {sorted(times)[2] * 1000:7.2f} ms  {len(found)} shown")
        begun = time.perf_counter()
        search(store, "的", character="nobody")
        print(f"every match looked at: {(time.perf_counter() - begun) * 1000:.0f} ms")
        store.close()


def _adding(store: ChatStore) -> float:
    """Median milliseconds to keep a turn."""
    chat, turn, times = store.new_chat("mira"), None, []
    for _ in range(60):
        begun = time.perf_counter()
        turn = store.add(chat, turn, "user", "今天的图书馆 was quiet, and we waited for soup.")
        times.append(time.perf_counter() - begun)
    return sorted(times)[30] * 1000


def _chat(number: int) -> WholeChat:
    drawn = random.Random(number)
    turns = tuple(
        StoredTurn(
            id=i + 1,
            parent=i or None,
            role="user" if i % 2 == 0 else "assistant",
            text="".join(drawn.choices(_ZH, k=40)) + " " + " ".join(drawn.choices(_EN.split(), k=15)),
            lane=None if i % 2 == 0 else "persona+prefix",
            prefixes=(),
            stopped=None,
            beside=False,
            taken=False,
            origin=None,
            drawn="",
            deleted=False,
            created=1.7e9 + i,
        )
        for i in range(_CHAT)
    )
    return WholeChat(f"c{number % 7}", 1.7e9, turns, _CHAT, Pin(None, None, None))

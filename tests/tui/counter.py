"""Stands where `roleplay.chat.worker` does: a process that counts, a number every few milliseconds.

`python counter.py`; it speaks the wire by hand, so that it starts at once.
"""

import json
import sys
import time
from typing import Any

LAST = 150
WHOLE = " ".join(str(number) for number in range(LAST + 1))
"""Everything it says to a question."""


def send(kind: str, **fields: Any) -> None:
    print(json.dumps({kind: fields}), flush=True)


def main() -> None:
    sys.stdin.readline()
    send("Ready", base="counter", identity="counter@1", context=4096, adapter=None, notice="", prefixes=[])
    for line in sys.stdin:
        ((kind, question),) = json.loads(line).items()
        if kind != "Question":
            continue
        lane = question["asks"][0]["lane"]
        send("Asked", lane=lane, prefixes=[], start=0, ids=[1])
        for number in range(LAST + 1):
            send("Piece", lane=lane, text=f" {number}" if number else "0", tokens=number + 1, seconds=number / 100)
            time.sleep(0.003)
        send("Finished", lane=lane, text=WHOLE, tokens=LAST + 1, stopped="end", seconds=1.0)
        send("Answered")


if __name__ == "__main__":
    main()

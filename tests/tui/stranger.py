"""Stands where `roleplay.chat.worker` does: a process whose every word is hostile.

`python stranger.py FILE`, where FILE holds the words and the card's prefixes. It speaks the wire by hand, so that it
starts at once and can say what no honest process would. Answers: the words whole, then letter by letter, then a
failure, and so on.
"""

import itertools
import json
import sys
from pathlib import Path
from typing import Any


def send(kind: str, **fields: Any) -> None:
    print(json.dumps({kind: fields}), flush=True)


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text(encoding="ascii"))
    words, prefixes = given["words"], given["prefixes"]
    sys.stdin.readline()
    print(words.encode(errors="replace").decode(), file=sys.stderr, flush=True)
    send("Stage", text=words, step=0, steps=2)
    send("Ready", base=words, identity=words, context=512, adapter=words, notice=words, prefixes=prefixes)
    answers = itertools.cycle(([words], list(words), None))
    for line in sys.stdin:
        ((kind, question),) = json.loads(line).items()
        if kind == "LookUp":
            for ask in question["question"]["asks"]:
                parts = [{"name": words, "tokens": 1}]
                send("Sent", lane=ask["lane"], text=words, ids=[1], tokens=[words], parts=parts, left_out=1, room=1)
            send("Answered")
        if kind == "Weigh":
            send("Weighed", tokens=[{"text": letter, "persona": -1, "base": -5} for letter in question["reply"]])
            send("Answered")
        if kind != "Question":
            continue
        pieces = next(answers)
        if pieces is None:
            send("Failed", error=words, text=words)
            continue
        for ask in question["asks"]:
            send("Asked", lane=ask["lane"], prefixes=ask["prefixes"], start=0, ids=[1])
        for ask in question["asks"]:
            for i, piece in enumerate(pieces, 1):
                send("Piece", lane=ask["lane"], text=piece, tokens=i, seconds=i / 100)
            send("Finished", lane=ask["lane"], text=words, tokens=len(pieces), stopped="end", seconds=1.0)
        send("Answered")


if __name__ == "__main__":
    main()

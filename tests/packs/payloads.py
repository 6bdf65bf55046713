"""Packs that are too large to be kept here, made when they are needed and inspected in this process of its own.

    python -W error -B -m tests.packs.payloads PACK FOLDER quick|slow

Most are folders: archives that unpack to so much are refused for that alone.
"""

import contextlib
import io
import json
import os
import shutil
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.packs.attack import peak
from tests.packs.mutations_of_weights import CANARIES, CONFIG, PASSPORT
from tests.packs.parts import CARD, KNOWLEDGE, MANIFEST, OWN, WEIGHTS, Parts, taken_apart
from tests.packs.zips import Item, Zip

TAVERN = "card.json"
Make = Callable[[Parts, Path], Path]


def laid_out(parts: Parts, folder: Path) -> Path:
    """The pack as a folder."""
    for path, content in {MANIFEST: parts.manifest_bytes(), **parts.files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def _file(path: str, content: bytes) -> Make:
    def make(parts: Parts, folder: Path) -> Path:
        parts.files[path] = content
        return laid_out(parts, folder)

    return make


def _card(more: bytes) -> Make:
    return lambda parts, folder: _file(CARD, parts.files[CARD] + more)(parts, folder)


def _tavern(**new: Any) -> Make:
    def make(parts: Parts, folder: Path) -> Path:
        value = json.loads(parts.files[TAVERN])
        value["data"] |= new
        return _file(TAVERN, json.dumps(value).encode())(parts, folder)

    return make


def _manifest(**new: Any) -> Make:
    def make(parts: Parts, folder: Path) -> Path:
        parts.manifest |= new
        return laid_out(parts, folder)

    return make


def _missing(parts: Parts, folder: Path) -> Path:
    """For each corpus that is not there, a loader would look for the nearest name among those that are."""
    parts.files |= {f"{OWN}f{i}.txt": b"" for i in range(1500)}
    named = b"".join(b"  - {path: mimi/g%d.txt, kind: desc}\n" % i for i in range(1500))
    return _file(CARD, parts.files[CARD].replace(b"corpora:\n", b"corpora:\n" + named))(parts, folder)


def _books(parts: Parts, folder: Path) -> Path:
    parts.files |= {f"{KNOWLEDGE}world/{i}.md": b"It is dark.\n" * 1000 for i in range(1500)}
    named = b"".join(b"  - world/%d.md\n" % i for i in range(1500))
    return _file(CARD, parts.files[CARD].replace(b"knowledge:\n", b"knowledge:\n" + named))(parts, folder)


def _texts(parts: Parts, folder: Path) -> Path:
    parts.files |= {f"{OWN}f{i}.txt": b"a" * (2**24 - 4) + "\U0001f600".encode() for i in range(15)}
    return laid_out(parts, folder)


def _sparse(parts: Parts, folder: Path) -> Path:
    laid_out(parts, folder)
    with (folder / "a.png").open("wb") as file:
        file.truncate(2**42)
    return folder


def _folders(parts: Parts, folder: Path) -> Path:
    laid_out(parts, folder)
    for i in range(4001):
        (folder / str(i)).mkdir()
    return folder


def _deep(parts: Parts, folder: Path) -> Path:
    laid_out(parts, folder)
    place = folder.joinpath(*"a" * 300)
    place.mkdir(parents=True)
    (place / "a.png").write_bytes(b"")
    return folder


def _table(parts: Parts, folder: Path) -> Path:
    """An archive of 5 MB whose table names one file 100,000 times."""
    path = folder.with_suffix(".charx")
    path.write_bytes(Zip([Item(TAVERN.encode(), parts.files[TAVERN], again=100_000)]).written())
    return path


def _header(count: int) -> bytes:
    empty = {"dtype": "F32", "shape": [2, 0], "data_offsets": [0, 0]}
    text = json.dumps({f"base_model.model.l.{i}.q_proj.lora_A.weight": empty for i in range(count)}).encode()
    return struct.pack("<Q", len(text)) + text


_EMPTY = b'{"x":[' + b"[]," * 345_000 + b"[]]}"
_WRONG = {"preset": "x", "dataset": None, "environment": {}, "settings": {f"k{i}": [] for i in range(100_000)}}

QUICK: dict[str, tuple[Make, str]] = {
    "manifest of 100,000 values": (_manifest(recipe=_WRONG), "more than 20,000 values"),
    "manifest of 2 MB": (_manifest(description="x" * 2**21), "it is none of ours"),
    "file of 4 TB": (_sparse, "more than a pack may have"),
    "4,001 empty folders": (_folders, "files and folders or more"),
    "300 folders in each other": (_deep, "which is too long"),
    "table of 100,000 lines": (_table, "announces"),
    "card of a megabyte": (_card(b"#" * 2**20), "262,144 are read"),
    "card of many commas": (_card(b"extra: [" + b"a," * 99_000 + b"]"), "lines, commas and the like"),
    "JSON of 2 MB": (_file("assets/a.json", b"[" + b"0," * 2**20 + b"0]"), "bytes of JSON"),
    "text of 17 MB": (_file(f"{OWN}a.txt", b"a" * (17 * 2**20)), "bytes of text"),
    "book of 17 MB": (_file(f"{KNOWLEDGE}burrow/rooms.md", b"a" * (17 * 2**20)), "bytes of text"),
    "canaries of 340,000 parts": (_file(CANARIES, b'{"canaries":[' + b"{}," * 340_000 + b"{}]}"), "too many parts"),
    "header of 5 MB": (_file(WEIGHTS, struct.pack("<Q", 5 * 2**20) + b" " * (5 * 2**20)), "has a header of"),
}
"""Refused before they are read."""
SLOW: dict[str, tuple[Make, str]] = {
    "card as large as may be": (_card(b"extra: {a: [" + b"a," * 14_850 + b"a]}\n"), "differ in extra"),
    "card of as many keys as may be": (_card(b"".join(b"k%d: 1\n" % i for i in range(7_400))), "is not a key"),
    "card of 260 KB of prose": (_card(b"extra:\n  a: >\n" + b"    a b c d e f\n" * 13_000), "differ in extra"),
    "1,500 missing corpora": (_missing, "which is not in it"),
    "control character behind 16 MB": (_file(f"{OWN}a.txt", b"a" * (2**24 - 9) + b"\x1b"), "U+001B"),
    "1,500 books, all named": (_books, ""),
    "texts of 252 MB": (_texts, ""),
    "JSON of a megabyte": (_file("assets/a.json", _EMPTY), ""),
    "card.json of a megabyte of talk": (
        _tavern(mes_example="<START>\n{{user}}: a\n{{char}}: b\n" * 28_000),
        "card.json and the card differ",
    ),
    "card.json of 60,000 keys": (_tavern(**{f"a{i}": "" for i in range(60_000)}), "differ in extra"),
    "configuration of a megabyte": (_file(CONFIG, _EMPTY), "is not that of the plain LoRA"),
    "passport of a megabyte": (_file(PASSPORT, _EMPTY), "is damaged"),
    "canaries of a megabyte": (_file(CANARIES, b'{"canaries":[' + b"-1," * 340_000 + b"1]}"), "is damaged"),
    "header of 33,000 tensors": (_file(WEIGHTS, _header(33_000)), "no matrix of rank"),
    "header of empty lists": (_file(WEIGHTS, struct.pack("<Q", len(_EMPTY)) + _EMPTY), "damaged header"),
}
"""As large as may be read."""


def _made(make: Make, good: Parts, place: Path) -> Path:
    """Make a payload in a process of its own, whose memory is not counted."""
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(Exception):
            make(Parts(dict(good.files), json.loads(json.dumps(good.manifest))), place)
            status = 0
        os._exit(status)
    assert os.waitpid(child, 0)[1] == 0, f"{place} could not be made"
    archive = place.with_suffix(".charx")
    return archive if archive.exists() else place


def inspected(path: Path) -> tuple[int, str, float]:
    """Exit status, what was printed, and seconds of this process."""
    from roleplay.cli import main

    out, began, status = io.StringIO(), time.process_time(), 0
    sys.argv = ["roleplay", "pack", "inspect", str(path)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, out.getvalue(), time.process_time() - began


def main() -> None:
    pack, folder, wanted = sys.argv[1:]
    good, real = taken_apart(Path(pack)), sys.stdout
    os.environ["ROLEPLAY_HOME"] = str(Path(folder, "home"))
    for name, (make, _) in {"quick": QUICK, "slow": SLOW}[wanted].items():
        place = Path(folder, "payload")
        place.mkdir()
        path = _made(make, good, place)
        status, said, seconds = inspected(path)
        shutil.rmtree(place)
        place.with_suffix(".charx").unlink(missing_ok=True)
        facts = {"name": name, "status": status, "said": said[-20_000:], "seconds": seconds, "peak": peak()}
        print(json.dumps(facts), file=real, flush=True)


if __name__ == "__main__":
    main()

"""Select text small enough to travel: `python -m roleplay.pocket.select --into FOLDER`, to be given as `--text`."""

import argparse
import json
import lzma
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from roleplay.errors import RoleplayError
from roleplay.paths import write_file
from roleplay.pocket.mixture import drawn, fit_lines, is_heldout

LIMITS = {
    "zh_chat_misc": None,
    "en_chat": None,
    "zh_chat_counselling": 8.2e6,
    "en_novels": 11.4e6,
    "zh_novels": 7.6e6,
}
"""Source -> compressed bytes at most; `None` takes all of it. Chats of many kinds are few, so that all of them go."""
_MARGIN = 65_536
"""A compressor holds back so much before it tells how large the file is."""


def select(folder: Path, into: Path, limits: Mapping[str, float | None] = LIMITS) -> dict[str, tuple[int, int]]:
    """Write each source's held-out rows, then trained ones in an order drawn by hash until its limit is reached.

    The same rows each time, and all held-out rows, so that two bases can be compared on them. Source -> rows, bytes.
    """
    into.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, limit in limits.items():
        lines = _ordered(folder, name)
        rows, packed = _pack(lines, limit)
        write_file(into / f"{name}.jsonl.xz", packed)
        found[name] = (rows, len(packed))
    return found


def _ordered(folder: Path, name: str) -> Iterator[str]:
    numbered = []
    for line in fit_lines(folder, name):
        row = json.loads(line)
        said = row["text"] if "text" in row else row["messages"]
        numbered.append((not is_heldout(said, name), drawn(said), line))
    return (line for _, _, line in sorted(numbered))


def _pack(lines: Iterator[str], limit: float | None) -> tuple[int, bytes]:
    packer, parts, size, rows = lzma.LZMACompressor(preset=6), [], 0, 0
    for line in lines:
        if limit is not None and size + _MARGIN > limit:
            break
        parts.append(packer.compress(line.encode()))
        size += len(parts[-1])
        rows += 1
    parts.append(packer.flush())
    return rows, b"".join(parts)


def main() -> None:
    """Write the selection and say what it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("ROLEPLAY_SHARED", "../shared"))
    parser.add_argument("--text", type=Path, default=shared / "pretrain", help="folder of the .jsonl.xz sources")
    parser.add_argument("--into", type=Path, default=Path("build/pocket-text"))
    chosen = parser.parse_args()
    try:
        found = select(chosen.text, chosen.into)
    except RoleplayError as error:
        sys.exit(str(error))
    for name, (rows, size) in found.items():
        sys.stderr.write(f"{name}: {rows} rows, {size / 1e6:.2f} MB\n")
    sys.stderr.write(f"{sum(size for _, size in found.values()) / 1e6:.2f} MB in {chosen.into}\n")


if __name__ == "__main__":
    main()

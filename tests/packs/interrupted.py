"""Installs that are killed or interrupted between two changes to the disk, and what they leave, as JSON lines.

    python -B -m tests.packs.interrupted PACK FOLDER COUNT

Python tells of every change before it is made; at one of them the process sends itself the signal.
"""

import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from random import Random
from typing import Any

from tests.packs.attack import CHANGES, WRITES
from tests.packs.parts import taken_apart

_SIGNALS = (signal.SIGKILL, signal.SIGINT)


def _changes(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return isinstance(arguments[2], int) and bool(arguments[2] & WRITES)
    return CHANGES.match(event) is not None


def _install(pack: Path, home: Path, stop_at: int, how: int) -> tuple[int, int]:
    """Install in a process that gets the signal `how` at its change number `stop_at`.

    Returns its exit status, negative for a signal, and how many changes it made.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(pack, home, stop_at, how, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(said or 0)


def _child(pack: Path, home: Path, stop_at: int, how: int, writer: int) -> None:
    from roleplay.cli import main

    seen = [0]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if _changes(event, arguments):
            seen[0] += 1
            if seen[0] == stop_at:
                os.kill(os.getpid(), how)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where the tests run behind `&`
    os.environ["ROLEPLAY_HOME"] = str(home)
    sys.argv = ["roleplay", "pack", "install", "--yes", "--no-canaries", str(pack)]
    sys.stdout = sys.stderr = io.StringIO()
    status = 0
    sys.addaudithook(hear)
    try:
        main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        status = 99
    os.write(writer, str(seen[0]).encode())
    os._exit(status)


def _warm(pack: Path, home: Path) -> None:
    """Import here what every child needs."""
    from roleplay.packs.install import opened_pack
    from roleplay.packs.verdict import run_canaries  # noqa: F401
    from roleplay.paths import Home

    with opened_pack(pack, Home(home)):
        pass


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _odd(home: Path, kept: Path, wanted: dict[str, dict[str, bytes]]) -> list[str]:
    """What is odd about what is installed: a version that is not whole, or an earlier one that is gone or unused."""
    there = {version.name: version for version in (home / "packs").glob("*/pack-*")}
    odd = [f"{name}: {sorted(_files(folder))}" for name, folder in there.items() if _files(folder) != wanted[name]]
    if kept.exists():
        earlier = next((kept / "packs").glob("*/pack-*")).name
        used = json.loads((home / "packs" / "mimi" / ".active").read_text())
        odd += [f"the earlier version is gone: {sorted(there)}, {used}"] if not {earlier} <= {*there} & {*used} else []
    return odd


def main() -> None:
    pack, folder, count = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute(), int(sys.argv[3])
    os.chdir(folder)
    home, kept = folder / "home", folder / "kept"
    _warm(pack, home)
    parts = taken_apart(pack)
    parts.manifest["made_by"] = "an earlier roleplay"
    earlier = folder / "earlier.charx"
    earlier.write_bytes(parts.written())
    _install(earlier, kept, -1, signal.SIGKILL)
    shutil.rmtree(home)
    shutil.copytree(kept, home)
    status, changes = _install(pack, home, -1, signal.SIGKILL)
    wanted = {version.name: _files(version) for version in (home / "packs").glob("*/pack-*")}
    print(json.dumps({"status": status, "changes": changes, "versions": len(wanted)}), flush=True)
    for number in range(count):
        draw = Random(number)
        shutil.rmtree(home)
        if number % 4 < 2:
            shutil.copytree(kept, home)
        how = _SIGNALS[number % 2]
        at = draw.randint(1, changes)
        status, _ = _install(pack, home, at, how)
        beside = kept if number % 4 < 2 else folder / "none"
        odd = _odd(home, beside, wanted)
        again, _ = _install(pack, home, -1, how)
        odd += _odd(home, beside, wanted)
        left = sorted(path.relative_to(home).as_posix() for path in home.glob("packs/*") if path.name != "mimi")
        used = json.loads((home / "packs" / "mimi" / ".active").read_text())[-1]
        facts = {"signal": how.name, "at": at, "status": status, "odd": odd, "again": again, "left": left}
        print(json.dumps(facts | {"used": used in wanted}), flush=True)


if __name__ == "__main__":
    main()

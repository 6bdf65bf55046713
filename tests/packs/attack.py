"""Mutants given to the commands, in this process of its own: what each did, as JSON lines, and at the end the peak.

    python -W error -B -m tests.packs.attack PACK FOLDER FIRST COUNT

Every mutant is installed and inspected or imported, once into an empty home and once beside an earlier version.
"""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from typer.main import get_command

from tests.packs.mutants import mutant
from tests.packs.parts import Parts, taken_apart

HANGS = 60
"""Seconds after which a command is given up."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = re.compile(r"os\.(mkdir|rename|remove|rmdir|link|symlink|chmod|chown|truncate|utime)")
_NEVER = re.compile(
    r"os\.(system|exec|fork|posix_spawn|spawn|startfile)|subprocess|socket\.|pickle\.find|ctypes|ftplib"
)


@dataclass
class Outcome:
    """What one command did with one mutant."""

    number: int
    command: str
    status: int = 0
    said: str = ""
    seconds: float = 0.0
    """Of this process."""
    breaches: list[str] = field(default_factory=list)
    """Promises that were broken."""


class Hangs(BaseException):
    """A command does not end."""


class Watch:
    """Hears of everything that this process changes outside the folder it may write to."""

    def __init__(self) -> None:
        self.allowed = Path("/nowhere")
        self.breaches: list[str] = []
        self.on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if _NEVER.match(event):
            self.breaches.append(f"{event} {arguments!r:.200}")
        elif event == "open":
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & WRITES):
                self._check(event, path, -1)
        elif CHANGES.match(event):
            folder = arguments[-1] if isinstance(arguments[-1], int) and event in ("os.remove", "os.rmdir") else -1
            for path in arguments[: 2 if event in ("os.rename", "os.link") else 1]:
                self._check(event, path, folder)

    def _check(self, event: str, path: object, folder: int) -> None:
        if isinstance(path, int) or (folder >= 0 and not os.path.isdir("/proc/self/fd")):
            return  # only Linux tells where an open folder is
        above = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else os.getcwd()
        place = os.path.normpath(os.path.join(above, os.fsdecode(path)))  # type: ignore[arg-type]
        if place != os.devnull and not Path(place).is_relative_to(self.allowed):
            self.breaches.append(f"{event} {place}")


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Everything below a folder: what it is, its size and when it was changed."""
    found = {}
    for path in folder.rglob("*"):
        facts = path.lstat()
        size = 0 if path.is_dir() else facts.st_size
        found[path.relative_to(folder).as_posix()] = (facts.st_mode, size, 0 if path.is_dir() else facts.st_mtime_ns)
    return found


class Attack:
    """Homes of its own, and the good pack that everything is made of."""

    def __init__(self, pack: Path, folder: Path) -> None:
        self.good, self.folder, self.watch = taken_apart(pack), folder, Watch()
        self.source, self.cwd = folder / "mutant.charx", folder / "cwd"
        self.cwd.mkdir()
        os.chdir(self.cwd)
        self.used = folder / "used"
        self.empty = folder / "empty"
        self._home(self.used)
        self._run(Outcome(-1, "install"), ["pack", "install", "--no-canaries", str(pack)], self.used)
        self.before = snapshot(self.used)
        assert any(name.endswith("card.json") for name in self.before), "the good pack was not installed"
        self.kept = folder / "kept"
        shutil.copytree(self.used, self.kept, symlinks=True)

    def _home(self, home: Path) -> None:
        home.mkdir(exist_ok=True)
        os.environ["ROLEPLAY_HOME"] = str(home)

    def _run(self, outcome: Outcome, arguments: list[str], allowed: Path) -> str:
        """Run a command; returns all it printed. Its breaches are noted."""
        from roleplay.cli import main

        out, err = io.StringIO(), io.StringIO()
        self.watch.allowed, self.watch.breaches = allowed, outcome.breaches
        sys.argv, began = ["roleplay", *arguments], time.process_time()
        signal.setitimer(signal.ITIMER_REAL, HANGS)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                self.watch.on = True
                main()
        except SystemExit as ended:
            outcome.status = int(ended.code or 0)
        except (Exception, Hangs):
            outcome.status = -1
            outcome.breaches.append(traceback.format_exc()[-1500:])
        finally:
            self.watch.on = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        outcome.seconds = time.process_time() - began
        outcome.said = err.getvalue()[:3000]
        return out.getvalue() + err.getvalue()

    def each(self, number: int) -> list[Outcome]:
        made = mutant(self.good, number)
        self.source.write_bytes(made.data)
        home = (self.empty, self.used)[number % 2]
        self._home(home)
        other = ("inspect", "inspect --json", "import")[number // 2 % 3]
        found = [self._look(number, other, home), self._install(number, made.parts, home)]
        self.source.unlink()
        return found

    def _look(self, number: int, command: str, home: Path) -> Outcome:
        """A command that leaves the packs as they are."""
        outcome = Outcome(number, command)
        if command == "import":
            into = self.folder / "into"
            into.mkdir()
            said = self._run(outcome, ["cards", "import", "--into", str(into), str(self.source)], into)
            if outcome.status and list(into.iterdir()):
                outcome.breaches.append(f"left {sorted(into.rglob('*'))}")
            shutil.rmtree(into)
        else:
            said = self._run(outcome, ["pack", *command.split(), str(self.source)], home)
        self._judge(outcome, said, home)
        return outcome

    def _install(self, number: int, parts: Parts, home: Path) -> Outcome:
        outcome = Outcome(number, "install")
        said = self._run(outcome, ["pack", "install", "--yes", "--no-canaries", str(self.source)], home)
        if outcome.status == 0 and not outcome.breaches:
            outcome.breaches += _differences(home, parts)
            shutil.rmtree(home)
            if home == self.used:
                shutil.copytree(self.kept, home, symlinks=True)
            else:
                home.mkdir()
        self._judge(outcome, said, home)
        return outcome

    def _judge(self, outcome: Outcome, said: str, home: Path) -> None:
        from roleplay.text import clean

        if snapshot(home) != (self.before if home == self.used else {}):
            outcome.breaches.append(f"left {sorted(snapshot(home))} in the home")
        beside = {*os.listdir(self.folder), *os.listdir(self.cwd)} - {"cwd", "used", "empty", "kept", self.source.name}
        if beside:
            outcome.breaches.append(f"left {beside} beside it")
        if clean(said) != said:
            outcome.breaches.append(f"printed {said!r:.300}")
        if outcome.status not in (0, 1) or (outcome.status == 1 and not re.search("^(error|problem): ", said, re.M)):
            outcome.breaches.append(f"status {outcome.status}: {said[-300:]!r}")


def _differences(home: Path, parts: Parts) -> list[str]:
    """Where what was installed is other than what was in the pack, byte for byte, or cannot be loaded."""
    from safetensors import deserialize

    from roleplay.cards.load import load_card
    from roleplay.packs.places import installed_place

    (active,) = (home / "packs").glob("*/.active")
    folder = active.parent / json.loads(active.read_text())[-1]
    wanted = {str(installed_place(path, active.parent.name)): content for path, content in parts.files.items()}
    wanted["manifest.json"] = parts.manifest_bytes()
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    odd = [f"installed {name}" for name in set(found) ^ set(wanted)]
    odd += [f"another {name}" for name in set(found) & set(wanted) if found[name].read_bytes() != wanted[name]]
    odd += [f"{name} is a link" for name, path in found.items() if path.is_symlink()]
    odd += [f"{name} may be run" for name, path in found.items() if path.lstat().st_mode & 0o7133 & ~0o022]
    card = load_card(folder / "characters" / f"{active.parent.name}.yaml").card
    weights = folder / "adapter" / "best" / "adapter_model.safetensors"
    if weights.is_file():
        deserialize(weights.read_bytes())  # another reader of the same bytes
    return odd if card.name == active.parent.name else [*odd, f"the card is {card.name}"]


def peak() -> int:
    """Most bytes of memory of this process; unlike `ru_maxrss`, without what its parent had."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _hangs(*_: object) -> None:
    raise Hangs


def attack(pack: Path, folder: Path, numbers: range, tell: Callable[[dict[str, Any]], None]) -> None:
    """Give `tell` every outcome, and the peak at the end."""
    import roleplay.cli

    # Made once: typer would make the tree of commands anew for every call, which takes half of the time.
    roleplay.cli.app = get_command(roleplay.cli.app)  # type: ignore[assignment]
    signal.signal(signal.SIGALRM, _hangs)
    under = Attack(pack, folder)
    for number in numbers:
        for outcome in under.each(number):
            tell(asdict(outcome))
    tell({"peak": peak()})


if __name__ == "__main__":
    source, place, first, count = sys.argv[1:]
    real = sys.stdout
    attack(
        Path(source).absolute(),
        Path(place).absolute(),
        range(int(first), int(first) + int(count)),
        lambda value: print(json.dumps(value), file=real, flush=True),
    )

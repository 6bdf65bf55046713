"""Where things lie, and how they are written so that a crash loses nothing."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from roleplay.errors import StorageError


@dataclass(frozen=True)
class Home:
    """The one folder that holds what a person makes."""

    root: Path
    """`ROLEPLAY_HOME`, else the platform's user data folder."""

    @property
    def characters(self) -> Path:
        """Cards the person keeps outside a project folder."""
        return self.root / "characters"

    @property
    def runs(self) -> Path:
        """One folder a character, in it one a run."""
        return self.root / "runs"

    @property
    def evaluations(self) -> Path:
        """One folder a character, in it one an evaluation."""
        return self.root / "evaluations"

    @property
    def packs(self) -> Path:
        """Installed packs: one folder a character, in it one a version."""
        return self.root / "packs"

    @property
    def downloads(self) -> Path:
        """What is being fetched; may be removed at any time."""
        return self.root / "cache" / "downloads"

    @property
    def token_cache(self) -> Path:
        """Tokens of datasets that were rendered before; may be removed at any time."""
        return self.root / "cache" / "tokens"

    @property
    def chats(self) -> Path:
        """The SQLite file of all conversations."""
        return self.root / "chats.sqlite3"

    @property
    def server_key(self) -> Path:
        """The key that clients of the server send; read by its owner alone."""
        return self.root / "server-key"

    @property
    def knowledge(self) -> Path:
        """What was read of the characters' books: an SQLite file a character."""
        return self.root / "knowledge"

    def knowledge_of(self, character: str) -> Path:
        """The file of one character."""
        return self.knowledge / f"{character}.sqlite3"

    @property
    def themes(self) -> Path:
        """Colours for the screens, a YAML file each."""
        return self.root / "themes"

    @property
    def theme(self) -> Path:
        """Name of the theme that was chosen last, on one line."""
        return self.root / "theme"

    @property
    def keys(self) -> Path:
        """Keys of a person's own, a line each: `chat.send: ctrl+s`."""
        return self.root / "keys.yaml"


def find_home() -> Home:
    """The home in force; nothing is created."""
    override = os.environ.get("ROLEPLAY_HOME")
    if override:
        return Home(Path(override).expanduser().absolute())
    import platformdirs

    return Home(Path(platformdirs.user_data_dir("roleplay", appauthor=False)))


def shipped() -> Path:
    """The folder with `characters/` and `data/`: inside the installed package, else the checkout."""
    package = Path(__file__).parent
    inside = package / "shipped"
    return inside if inside.is_dir() else package.parent


def shown(path: Path) -> str:
    """`path` as a person would type it: relative to here, or with `~`, where that is shorter."""
    for base, sign in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_absolute() and path.is_relative_to(base):
            return sign + str(path.relative_to(base))
    return str(path)


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn a failed write below `path` into one clear error.

    safetensors and torch report a full disk with errors of their own: the one names the system's error in its text,
    the other only the place in its code where the file turned out too short.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(_cannot_write(path, error.strerror or str(error))) from error
    except Exception as error:
        text = str(error)
        if any(mark in text for mark in ("os error", "No space left", "File too large")):
            raise StorageError(_cannot_write(path, text.splitlines()[0])) from error
        if any(mark in text for mark in ("PytorchStreamWriter", "inline_container", "iostream error")):
            raise StorageError(_cannot_write(path, "the disk is full or the file too large")) from error
        raise


def _cannot_write(path: Path, reason: str) -> str:
    return (
        f"cannot write {shown(path)}: {reason}; make room or point ROLEPLAY_HOME elsewhere, "
        "then run the same command again: what was saved before is untouched"
    )


def write_file(path: Path, data: str | bytes) -> None:
    """Write whole or not at all: a temporary name, flushed to disk, then renamed."""
    with whole_file(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to be filled; it takes its name when all of it is on disk, and never after an error."""
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name; it takes `target`'s place only when all of it is on disk."""
    recover_folder(target)
    fresh, old = _beside(target)
    with storing(target):
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            yield fresh
            for path in fresh.rglob("*"):
                if path.is_file():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def recover_folder(target: Path) -> None:
    """Put back the former folder if a crash came between the two renames of `new_folder`."""
    _, old = _beside(target)
    if old.exists() and not target.exists():
        old.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def set_aside(target: Path) -> Path:
    """Where a folder waits while another takes its place; `recover_folder` ends that."""
    return _beside(target)[1]


def _beside(target: Path) -> tuple[Path, Path]:
    return target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")

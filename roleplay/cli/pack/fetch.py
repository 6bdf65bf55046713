"""Where a pack comes from: a file or folder, an address, or a repository of the hub."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roleplay.cli.output import say
from roleplay.cli.steps import Steps

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_REPOSITORY = re.compile(r"(?P<id>[\w-][\w.-]*/[\w.-]+)(@(?P<revision>[\w./-]+))?")


@contextmanager
def fetched(source: str, *, allow_private: bool = False) -> Iterator[Path]:
    """The file or folder that `source` means; what had to be fetched is gone afterwards. Raises PackError."""
    named = _REPOSITORY.fullmatch(source)
    if _ADDRESS.match(source):
        with _gone_afterwards(_from_address(source, allow_private=allow_private)) as path:
            yield path
    elif named is not None and not Path(source).exists() and not source.endswith(".charx"):
        with from_hub(named["id"], named["revision"]) as path:
            yield path
    else:
        yield Path(source)


@contextmanager
def from_hub(repository: str, revision: str | None) -> Iterator[Path]:
    """The unpacked pack in a repository, at one commit, which is told. Raises PackError."""
    from roleplay.packs.hub import pull
    from roleplay.paths import find_home

    with Steps() as steps:
        pulled = pull(
            repository,
            find_home(),
            revision=revision,
            tell=lambda done, total: steps.tell("fetching", done, total or 0),
        )
    say(f"fetched {pulled.repo_id}@{pulled.commit}; checking it")
    with _gone_afterwards(pulled.folder) as path:
        yield path


def _from_address(address: str, *, allow_private: bool) -> Path:
    from roleplay.packs.download import download
    from roleplay.paths import find_home

    with Steps() as steps:
        path = download(
            address,
            find_home(),
            allow_private=allow_private,
            tell=lambda done, total: steps.tell("fetching", done, total or 0),
        )
    say("fetched; checking it")
    return path


@contextmanager
def _gone_afterwards(path: Path) -> Iterator[Path]:
    try:
        yield path
    finally:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

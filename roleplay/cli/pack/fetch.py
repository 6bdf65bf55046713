"""Where a pack comes from: a file or folder, an address, or a repository of the hub."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roleplay.cli.steps import Steps

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_REPOSITORY = re.compile(r"(?P<id>[\w-][\w.-]*/[\w.-]+)(@(?P<revision>[\w./-]+))?")


@contextmanager
def fetched(source: str, *, allow_private: bool = False) -> Iterator[Path]:
    """The file or folder that `source` means; what had to be fetched is gone afterwards. Raises PackError."""
    from roleplay.paths import find_home

    home, named = find_home(), _REPOSITORY.fullmatch(source)
    if _ADDRESS.match(source):
        from roleplay.packs.download import download

        with Steps() as steps:
            path = download(
                source,
                home,
                allow_private=allow_private,
                tell=lambda done, total: steps.tell("fetching", done, total or 0),
            )
    elif Path(source).exists() or named is None or source.endswith(".charx"):
        yield Path(source)
        return
    else:
        from roleplay.packs.hub import pull

        path = pull(named["id"], home, revision=named["revision"])
    try:
        yield path
    finally:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

"""What a card names as its knowledge, found as files."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from roleplay.errors import NotFound
from roleplay.knowledge.read.document import ENDINGS
from roleplay.knowledge.source import Source
from roleplay.paths import shown
from roleplay.text import one_line


def find_sources(
    named: Sequence[str], folders: Sequence[Path], *, anywhere: bool = False
) -> tuple[list[Source], list[str]]:
    """Files of what a card names, each once, and the names of files in its folders that no reader knows.

    A name means a file or folder in the first of `folders` that has it, and must not lead out of that. With `anywhere`,
    for a card of the person's own, it may: absolute, by `..` or by a link. Hidden files inside a folder, and links that
    lead out of it, are passed over. Raises NotFound with every name that means nothing.
    """
    problems: list[str] = []
    sources: dict[str, Source] = {}
    unknown: dict[str, None] = {}
    for name in named:
        place = _place(name, folders, anywhere)
        if isinstance(place, str):
            problems.append(place)
            continue
        title = PurePosixPath(name.replace("\\", "/") if os.sep == "\\" else name).as_posix()
        if not os.path.isdir(place):
            sources.setdefault(title, Source(title, place))
            continue
        try:
            files = sorted(_walk(place), key=lambda inside: PurePosixPath(inside).parts)
        except OSError as error:
            problems.append(
                f"the card's knowledge '{one_line(name)}' cannot be read: {error.strerror}; check its permissions"
            )
            continue
        for inside in files:
            full = inside if title == "." else f"{title}/{inside}"
            if Path(inside).suffix.lower() in ENDINGS:
                sources.setdefault(full, Source(full, place / inside))
            else:
                unknown.setdefault(full)
    if problems:
        raise NotFound("\n".join(problems))
    return list(sources.values()), list(unknown)


def _place(name: str, folders: Sequence[Path], anywhere: bool) -> Path | str:
    """Where a file or folder lies, or why it is not to be had."""
    said = f"the card's knowledge '{one_line(name)}'"
    if not anywhere:
        strict = PureWindowsPath(name)  # knows `/` too
        if strict.anchor or ".." in strict.parts:
            return f"{said} leads out of the card's folders; name a file or folder inside them"
    for folder in folders:
        path = folder / name
        if not os.path.exists(path):
            continue
        if not anywhere and not path.resolve().is_relative_to(folder.resolve()):
            return f"{said} is a link that leads out of {shown(folder)}; put the file itself there"
        return path
    looked = ", ".join(shown(folder) for folder in folders)
    return f"the card's knowledge '{one_line(name)}' is not in {looked}; put it there, or take it off the card"


def _walk(root: Path) -> Iterator[str]:
    """Paths of the files in a folder, relative to it."""
    home = root.resolve()
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif os.path.isfile(path) and path.resolve().is_relative_to(home):
                    yield path.relative_to(root).as_posix()

"""`roleplay pack push`: a pack into a repository of the Hugging Face Hub."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from roleplay.cli.output import emit, emit_json, say

if TYPE_CHECKING:
    from roleplay.paths import Home


def push(
    pack: str = typer.Argument(metavar="NAME|FILE|FOLDER", help="A character, a .charx file or an unpacked pack."),
    repo: str = typer.Argument(metavar="REPO", help="OWNER/NAME on the Hugging Face Hub."),
    private: bool = typer.Option(True, "--private/--public", help="Who may see it, if it is made now."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show the files and the calls; ask nobody."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Put a pack on the Hugging Face Hub, in one commit, with a README.md made of what was measured.

    It is checked first as for an installation. You log in with 'hf auth login'.
    """
    from dataclasses import asdict

    from roleplay.packs.hub import push as send
    from roleplay.paths import find_home

    home = find_home()
    with _packed(pack, home) as source:
        done = send(source, home, repo, private=private, dry_run=dry_run)
    if as_json:
        emit_json(asdict(done))
    else:
        for path, size in done.files:
            emit(f"{size:>14,}  {path}")
        if done.url:
            emit(done.url)
    for call in done.calls if dry_run else ():
        say(f"would {call}")
    if not dry_run:
        say(f"to get it anywhere: roleplay pack install {done.repo_id}")


@contextlib.contextmanager
def _packed(pack: str, home: "Home") -> Iterator[Path]:
    """The file or folder that `pack` names, else the pack made of the character of that name."""
    if Path(pack).exists():
        yield Path(pack)
        return
    from roleplay.packs.export import built

    with built(pack, home, tell=say) as (folder, _):
        yield folder

"""The end of every way in: what is wrong is told, what would change is asked, then the canaries are run."""

import sys
from pathlib import Path

import typer

from roleplay.cli.output import emit, emit_json, say


def arrive(source: Path, called: str, *, yes: bool, base: str | None, canaries: bool, as_json: bool) -> None:
    """Install the pack at `source`, which the person knows as `called`."""
    from roleplay.errors import UsageError
    from roleplay.packs.install import install, opened_pack, refuse_problems, what_changes
    from roleplay.packs.places import KNOWLEDGE
    from roleplay.packs.verdict import PackVerdict, run_canaries
    from roleplay.paths import find_home, shown

    home = find_home()
    with opened_pack(source, home) as pack:
        refuse_problems(pack, called)
        manifest = pack.manifest
        changes = what_changes(pack, home)
        for change in changes:
            say(change)
        if changes and not yes:
            if not sys.stdin.isatty():
                raise UsageError("nobody can be asked here; add --yes to install it all the same")
            typer.confirm(f"install {manifest.display_name} ({manifest.name})?", abort=True, err=True)
        folder = install(pack, home)
    verdict = run_canaries(folder, manifest, home, base, say) if canaries else None
    if as_json:
        told = PackVerdict(None, "not asked") if verdict is None else verdict
        where = {"name": manifest.name, "version": folder.name, "folder": str(folder)}
        emit_json(where | {"reproduces": told.reproduces, "verdict": told.sentence})
        return
    emit(f"{manifest.name} {folder.name}")
    say(f"installed in {shown(folder)}")
    if verdict is not None:
        say(verdict.sentence)
    if any(path.startswith(KNOWLEDGE) for path in manifest.paths):
        say(f"its books are not read yet: roleplay knowledge build {manifest.name}")
    say(f"next: roleplay chat {manifest.name}")

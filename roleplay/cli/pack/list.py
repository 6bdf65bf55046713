"""`roleplay pack list`: what is installed."""

import typer

from roleplay.cli.output import emit_json, emit_painted, say


def list_packs(
    name: str = typer.Argument(None, help="Name of a character; all if left out."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array."),
) -> None:
    """List installed packs with every version that is kept; the one in use first."""
    from roleplay.packs.keep import find_pack, installed_packs
    from roleplay.paths import find_home, shown

    home = find_home()
    packs = installed_packs(home, name)
    if name and not packs:
        find_pack(home, name)
    if as_json:
        emit_json(
            [
                {
                    "name": pack.name,
                    "version": pack.version,
                    "used": pack.used,
                    "folder": str(pack.folder),
                    "base": pack.manifest.base.name if pack.manifest and pack.manifest.base else None,
                    "verdict": pack.verdict,
                }
                for pack in packs
            ]
        )
        return
    for pack in packs:
        state = "damaged" if pack.manifest is None else pack.verdict.partition(":")[0] or "canaries not run"
        on = f"on {pack.manifest.base.name}" if pack.manifest and pack.manifest.base else "without an adapter"
        emit_painted(
            [
                (f"{pack.name:<16} {pack.version:<34} ", "1"),
                ("in use  " if pack.used else "        ", "32"),
                (f"{on}, {state}", ""),
            ]
        )
    if not packs:
        say(f"no packs in {shown(home.packs)} yet; 'roleplay pack install FILE' brings one")

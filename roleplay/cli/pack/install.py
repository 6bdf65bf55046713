"""`roleplay pack install`: a pack from a file, a folder, an address or the hub."""

import typer


def install(
    source: str = typer.Argument(help="A .charx file, an unpacked pack, an https address, or OWNER/NAME on the hub."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    base: str = typer.Option(None, "--base", help="Folder or hub id of its base, where it has another name here."),
    canaries: bool = typer.Option(True, "--canaries/--no-canaries", help="Whether its canaries are run here."),
    allow_private: bool = typer.Option(
        False, "--allow-private", help="Follow an address into a private network or to this machine."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Check a pack, put it where characters are found, and see whether it says the same here."""
    from roleplay.cli.pack.arrive import arrive
    from roleplay.cli.pack.fetch import fetched

    with fetched(source, allow_private=allow_private) as path:
        arrive(path, source, yes=yes, base=base, canaries=canaries, as_json=as_json)

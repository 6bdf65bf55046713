"""`roleplay pack pull`: a pack out of a repository of the Hugging Face Hub."""

import typer


def pull(
    repo: str = typer.Argument(metavar="REPO", help="OWNER/NAME on the Hugging Face Hub."),
    revision: str = typer.Option(None, "--revision", help="Branch, tag or commit; the main branch if left out."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Install without asking."),
    base: str = typer.Option(None, "--base", help="Folder or hub id of its base, where it has another name here."),
    canaries: bool = typer.Option(True, "--canaries/--no-canaries", help="Whether its canaries are run here."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Fetch a pack from the Hugging Face Hub at one commit, check it and install it.

    Only the files that its manifest lists are fetched.
    """
    from roleplay.cli.pack.arrive import arrive
    from roleplay.cli.pack.fetch import from_hub

    with from_hub(repo, revision) as path:
        arrive(path, repo, yes=yes, base=base, canaries=canaries, as_json=as_json)

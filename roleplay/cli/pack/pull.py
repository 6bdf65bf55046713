"""`roleplay pack pull`: a pack out of a repository of the Hugging Face Hub."""

import shutil

import typer

from roleplay.cli.output import say
from roleplay.cli.steps import Steps


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
    from roleplay.packs.hub import pull as fetch
    from roleplay.paths import find_home

    with Steps() as steps:
        pulled = fetch(
            repo, find_home(), revision=revision, tell=lambda done, total: steps.tell("fetching", done, total or 0)
        )
    called = f"{pulled.repo_id}@{pulled.commit}"
    say(f"fetched {called}; checking it")
    arrive(pulled.folder, called, yes=yes, base=base, canaries=canaries, as_json=as_json)
    shutil.rmtree(pulled.folder, ignore_errors=True)

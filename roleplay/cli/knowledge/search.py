"""`roleplay knowledge search`: the passages that fit a question."""

import typer

from roleplay.cli.knowledge.open import NAME, open_index
from roleplay.cli.output import emit, emit_json, emit_painted, say


def search(
    name: str = NAME,
    question: str = typer.Argument(help="What is asked, as in a chat."),
    k: int = typer.Option(5, "-k", min=1, max=100, help="Most passages."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array."),
) -> None:
    """Show the passages that a question finds, the best first."""
    from dataclasses import asdict

    from roleplay.knowledge.embed import open_embedder

    with open_index(name) as index:
        found = index.search(question, k, embedder=open_embedder(index.reference))
    if as_json:
        emit_json([asdict(one) | {"identity": one.passage.identity} for one in found])
        return
    for one in found:
        ways = {"words": one.text_rank, "meaning": one.vector_rank}
        ranks = ", ".join(f"{way} {rank}" for way, rank in ways.items() if rank is not None)
        emit_painted([(one.passage.place.shown, "1"), (f"  {ranks}", "2")])
        emit(f"  {one.passage.text}")
    if not found:
        say("nothing found")

"""`roleplay knowledge search`: the passages that fit a question."""

from typing import TYPE_CHECKING

import typer

from roleplay.cli.knowledge.open import NAME, open_index
from roleplay.cli.output import emit, emit_json, emit_painted, say

if TYPE_CHECKING:
    from roleplay.knowledge.passage import Found

_DEEPER = 4
"""So many times as many passages are searched for as are shown, where they are ordered anew."""


def search(
    name: str = NAME,
    question: str = typer.Argument(help="What is asked, as in a chat."),
    k: int = typer.Option(5, "-k", min=1, max=100, help="Most passages."),
    rerank: str = typer.Option(
        None, "--rerank", help="Order them anew by how likely this base finds the question behind each."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array."),
) -> None:
    """Show the passages that a question finds, the best first."""
    from dataclasses import asdict

    from roleplay.knowledge.embed import open_embedder

    with open_index(name) as index:
        found = index.search(question, k if rerank is None else _DEEPER * k, embedder=open_embedder(index.reference))
    if rerank is not None:
        found = _reranked(rerank, question, found)[:k]
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


def _reranked(base: str, question: str, found: "list[Found]") -> "list[Found]":
    from roleplay.chat.likely import open_likelihood
    from roleplay.knowledge.fuse import rerank

    return rerank(question, found, open_likelihood(base))

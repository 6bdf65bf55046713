"""`roleplay knowledge build`: read what is new or changed."""

import typer

from roleplay.cli.knowledge.open import NAME
from roleplay.cli.output import emit, emit_json, say


def build(
    name: str = NAME,
    base: str = typer.Option(None, "--base", help="Base whose tokenizer counts; the one that answers if left out."),
    embedder: str = typer.Option(
        None, "--embedder", help="sentence-transformers model by id or path, or none; as last time if left out."
    ),
    device: str = typer.Option("auto", "--device", help="Where the embedder computes: auto, cpu or cuda."),
    budget: int = typer.Option(200, "--budget", min=16, help="Most tokens of a passage."),
    overlap: int = typer.Option(40, "--overlap", min=0, help="Tokens that neighbours share where a paragraph is cut."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Read the files that the card names into its index; those that did not change are left."""
    from dataclasses import asdict

    from roleplay.cards.find import open_card
    from roleplay.chat.books import Wish, find_books, read_books
    from roleplay.cli.terminal_bar import begin_bar
    from roleplay.paths import find_home
    from roleplay.text import one_line

    home = find_home()
    card_file = open_card(name, home)
    sources, unknown = find_books(card_file, home)
    for path in unknown:
        say(f"{path} is of no kind that is read here; left out")
    bar = begin_bar(transient=True)

    def report(done: int, total: int, text: str) -> None:
        if bar is None:
            say(f"{done + 1}/{total} {text}")
        else:
            bar[0].update(bar[1], completed=done, total=total, description=one_line(text))

    try:
        wish = Wish(base, embedder, device, budget, overlap, trust_remote_code)
        built = read_books(card_file, home, sources, wish, report)
    finally:
        if bar is not None:
            bar[0].stop()
    if as_json:
        emit_json(asdict(built))
        return
    emit(
        f"{built.read} files read, {built.unchanged} unchanged, {built.removed} gone; {built.passages} new passages"
        + (f", {built.embedded} vectors" if built.embedded else "")
    )

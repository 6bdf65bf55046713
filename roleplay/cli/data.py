"""`roleplay data`: build a dataset and look at it."""

from typing import TYPE_CHECKING

import typer

from roleplay.cli.output import colours, emit, emit_json, emit_painted, say

if TYPE_CHECKING:
    from roleplay.dataset.corpus import Corpus

app = typer.Typer(help="Build a character's dataset and look at it.", no_args_is_help=True, rich_markup_mode=None)

_NAME = typer.Argument(help="Name of a character, or a card's path.")
_BASE = typer.Option(None, "--base", help="Base whose tokenizer renders: pocket, a folder or a hub id[@revision].")
_LENGTH = typer.Option(1024, "--max-length", min=16, help="Longest sequence in tokens.")
_SEED = typer.Option(0, "--seed", help="Seed of order and prefix draws.")
_TRUST = typer.Option(False, "--trust-remote-code", help="Let the base's own code run.")
_STYLES = {"prefix": "35", "user": "36", "trained": "1;32", "end": "1;33"}


@app.command("build")
def build(
    name: str = _NAME,
    base: str = _BASE,
    max_length: int = _LENGTH,
    epochs: int = typer.Option(1, "--epochs", min=1, help="Epochs whose draws pass the gate."),
    seed: int = _SEED,
    trust_remote_code: bool = _TRUST,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Render every sample, prove it equal to what chat sends, and count."""
    from dataclasses import asdict

    from roleplay.dataset.counts import count

    corpus = _corpus(name, base, max_length, seed, trust_remote_code)
    checked = corpus.check(epochs)
    counts = count(corpus)
    if as_json:
        emit_json({**asdict(counts), "gate": {"passed": True, "renderings": checked}})
        return
    for part in counts.corpora:
        emit(
            f"{part.kind:<9} {part.dialogues:>5} dialogues {part.per_epoch:>5} samples {part.heldout:>4} held out  "
            f"{part.path}"
        )
    emit(
        f"{counts.samples} samples, {counts.tokens} tokens, {counts.trained_tokens} trained, "
        f"longest {counts.longest} of {counts.limit}"
    )
    emit(f"{counts.dropped} dropped, {counts.cut} cut, {counts.end_lost} end-lost")
    say(f"gate passed: {checked} renderings are what chat sends")


@app.command("show")
def show(
    name: str = _NAME,
    base: str = _BASE,
    max_length: int = _LENGTH,
    epoch: int = typer.Option(0, "--epoch", min=0, help="Epoch whose draws are shown."),
    samples: int = typer.Option(3, "--samples", "-n", min=1, help="How many samples."),
    heldout: bool = typer.Option(False, "--heldout", help="Show held-out samples instead."),
    seed: int = _SEED,
    trust_remote_code: bool = _TRUST,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a sample."),
) -> None:
    """Show samples as they are trained: prefix, user, trained text and end token in colours."""
    from roleplay.dataset.segments import segments

    corpus = _corpus(name, base, max_length, seed, trust_remote_code)
    rows = (corpus.heldout() if heldout else corpus.epoch(epoch))[:samples]
    if not as_json and colours():
        emit_painted([(f"{kind}  ", style) for kind, style in _STYLES.items()])
    for row in rows:
        parts = segments(corpus.voice, corpus.sample(row), row.active)
        if as_json:
            listed = [{"kind": part.kind, "text": part.text} for part in parts]
            emit_json({"source": row.unit.dialogue.source, "prefixes": list(row.active), "segments": listed})
            continue
        emit_painted([(f"\n── {row.unit.dialogue.source} [{', '.join(row.active)}]", "2")])
        if colours():
            emit_painted([(part.text, _STYLES[part.kind]) for part in parts])
            continue
        for part in parts:
            emit(f"{part.kind:<8}| " + part.text.replace("\n", "⏎"))


def _corpus(name: str, base: str | None, max_length: int, seed: int, trust_remote_code: bool) -> "Corpus":
    from roleplay.cards.find import open_card
    from roleplay.dataset.build import build_corpus
    from roleplay.dataset.render import make_renderer
    from roleplay.models.base import load_context, load_tokenizer
    from roleplay.models.spec import parse_spec
    from roleplay.paths import find_home

    card_file = open_card(name, find_home())
    spec = parse_spec(base or card_file.card.base, trust_remote_code=trust_remote_code)
    limit = min(max_length, load_context(spec))
    return build_corpus(card_file, make_renderer(load_tokenizer(spec)), limit=limit, seed=seed)

"""`roleplay prefer`: two ways to answer, compared blind; the choices become pairs."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from roleplay.cli.output import emit, emit_json, say
from roleplay.cli.which_model import check_which_model
from roleplay.errors import NotFound, UsageError

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.chat.prefer.comparison import Comparison
    from roleplay.chat.prefer.contenders import Contender
    from roleplay.chat.prefer.tally import Tally
    from roleplay.chat.wire import Opening
    from roleplay.paths import Home

_WHO = "a lane (persona+prefix, base+prefix, persona, base), RUN[@WHICH], or shipped"


def prefer(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    a: str = typer.Option(None, "--a", help=f"Who is A: {_WHO}; its own lane if left out."),
    b: str = typer.Option(None, "--b", help="Who is B, likewise."),
    a_temperature: float = typer.Option(None, "--a-temperature", min=0, help="A's; the card's if left out."),
    b_temperature: float = typer.Option(None, "--b-temperature", min=0, help="B's; the card's if left out."),
    max_new_tokens: int = typer.Option(None, "--max-new-tokens", min=1, help="Longest reply in tokens."),
    prompts: str = typer.Option(
        "heldout",
        "--prompts",
        help="heldout (pairs to measure by), trained (to learn from), probes, typed, or a file of lines.",
    ),
    count: int = typer.Option(None, "--count", min=1, help="Most prompts of this sitting; all if left out."),
    seed: int = typer.Option(0, "--seed", min=0, help="Of replies, order, and who is at the left."),
    out: Path = typer.Option(None, "--out", help="Pairs; NAME-prefer-pairs.jsonl beside the corpora if left out."),
    summary: bool = typer.Option(False, "--summary", help="Print the win rates of the choices so far."),
    quant: str = typer.Option(None, "--quant", help="Keep the base in none, int8 or nf4; as trained if left out."),
    device: str = typer.Option("auto", "--device", help="auto, cpu or cuda."),
    dtype: str = typer.Option(None, "--dtype", help="float32 or bfloat16; float32 on a CPU if left out."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    as_json: bool = typer.Option(False, "--json", help="With --summary, print one JSON array."),
) -> None:
    """Choose between two replies without knowing whose they are; each choice is kept at once.

    The win rate of A over B counts choices for one of them; both good and neither are ties and are counted beside it.
    """
    check_which_model("--adapter", "best", quant, device, dtype)
    from roleplay.cards.find import open_card
    from roleplay.chat.wire import Opening
    from roleplay.paths import find_home

    home = find_home()
    card_file = open_card(name, home)
    pairs = out or _place(card_file)
    if summary:
        _summarize(card_file, pairs, as_json=as_json)
        return
    if as_json:
        raise UsageError("--json goes with --summary")
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # the screen is drawn on stderr
        raise UsageError(f"choosing needs a terminal; without one: roleplay prefer {name} --summary")
    opening = Opening(
        card=card_file.path.absolute(),
        home=home.root,
        trust_remote_code=trust_remote_code,
        quant=quant,
        device=device,
        dtype=dtype,
    )
    both = _contenders(card_file, home, (a, b), (a_temperature, b_temperature), max_new_tokens, opening)
    comparison = begin(card_file, both, prompts, seed, pairs, count)
    from tui.alone import run_alone
    from tui.prefer_screen import WORDS, PreferScreen

    try:
        run_alone(PreferScreen(comparison), home, WORDS)
    finally:
        comparison.close()
        _tell(comparison.tally)
        if comparison.too_long:
            say(f"{comparison.too_long} prompts were left out: they leave no room for a reply")
        _say_place(pairs, prompts)


def begin(
    card_file: "CardFile",
    both: "tuple[Contender, Contender]",
    prompts: str,
    seed: int,
    pairs: Path,
    count: int | None,
) -> "Comparison":
    """The comparison, ready to be shown. Raises RoleplayError, NotFound where every prompt was asked already."""
    from roleplay.chat.prefer.choices import KeptChoices
    from roleplay.chat.prefer.comparison import Comparison
    from roleplay.chat.prefer.draws import Draws
    from roleplay.chat.prefer.prompts import prompts_of

    found = prompts_of(card_file, prompts, seed)
    comparison = Comparison(card_file.card, Draws(both, seed), found, KeptChoices(pairs), count)
    if found is not None and not comparison.left:
        raise NotFound(
            f"all {len(found)} prompts were asked already between these two; choose others with --prompts, another "
            f"--out, or look at the outcome: roleplay prefer {card_file.card.name} --summary"
        )
    return comparison


def _contenders(
    card_file: "CardFile",
    home: "Home",
    typed: tuple[str | None, str | None],
    temperatures: tuple[float | None, float | None],
    max_new_tokens: int | None,
    opening: "Opening",
) -> "tuple[Contender, Contender]":
    from roleplay.chat.prefer.contenders import contenders
    from roleplay.chat.sampled import card_sampling

    samplings = [
        card_sampling(card_file.card, {"temperature": temperature, "max_new_tokens": max_new_tokens})
        for temperature in temperatures
    ]
    return contenders(card_file, home, typed, samplings, opening)


def _place(card_file: "CardFile") -> Path:
    from roleplay.authoring.place import corpus_place

    name = card_file.card.name
    return corpus_place(card_file.path, name, f"{name}-prefer-pairs.jsonl")


def _summarize(card_file: "CardFile", pairs: Path, *, as_json: bool) -> None:
    from roleplay.chat.prefer.choices import choices_beside, read_choices
    from roleplay.chat.prefer.tally import tallies
    from roleplay.paths import shown

    place = choices_beside(pairs)
    found = tallies(read_choices(place))
    if not found:
        raise NotFound(f"{shown(place)} holds no choice yet; 'roleplay prefer {card_file.card.name}' makes some")
    if as_json:
        emit_json([asdict(one) | {"win_rate": None if one.rate is None else asdict(one.rate)} for one in found])
        return
    for one in found:
        _tell(one)


def _tell(tally: "Tally") -> None:
    """Who was who, and what was chosen."""
    emit(f"A  {tally.a}\nB  {tally.b}\n{tally.words}")
    if tally.rest:
        emit(tally.rest)


def _say_place(pairs: Path, prompts: str) -> None:
    from roleplay.paths import shown

    if pairs.exists():
        say(f"pairs: {shown(pairs)}")
        if prompts == "heldout":
            say("they answer what is held out, to measure by; --prompts trained makes pairs to learn from")

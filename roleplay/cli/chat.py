"""`roleplay chat`: talk to a character; `--say` answers without a screen."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from roleplay.cli.output import emit, emit_json, emit_painted, say
from roleplay.errors import UsageError

if TYPE_CHECKING:
    from roleplay.chat.open import Opened
    from roleplay.chat.session import Asked, Session
    from roleplay.generation.engine import Finished
    from roleplay.generation.lanes import Lane
    from roleplay.generation.settings import Sampling


def chat(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    lines: list[str] = typer.Option([], "--say", help="What you say; again for more turns; '-' reads lines."),
    lanes: str = typer.Option(None, "--lanes", help="Who answers: persona+prefix,base+prefix,persona,base."),
    prefix: list[str] = typer.Option([], "--prefix", help="Switch a prefix: ID=on or ID=off."),
    base: str = typer.Option(None, "--base", help="pocket, a folder, or a hub id[@revision]."),
    run: str = typer.Option(None, "--run", help="Use the adapter of this run."),
    adapter: str = typer.Option("best", "--adapter", help="best or last."),
    seed: int = typer.Option(None, "--seed", help="Same seed, same replies; drawn anew if left out."),
    temperature: float = typer.Option(None, "--temperature", min=0, help="0 always takes the likeliest token."),
    top_p: float = typer.Option(None, "--top-p", min=0.0, max=1, help="Keep the likeliest tokens up to this sum."),
    top_k: int = typer.Option(None, "--top-k", min=0, help="Keep this many tokens; 0 keeps all."),
    min_p: float = typer.Option(None, "--min-p", min=0, max=1, help="Keep tokens this likely beside the likeliest."),
    repetition_penalty: float = typer.Option(None, "--repetition-penalty", min=0.01, help="Above 1 repeats less."),
    max_new_tokens: int = typer.Option(None, "--max-new-tokens", min=1, help="Longest reply in tokens."),
    greet: bool = typer.Option(False, "--greet", help="Begin with the card's greeting."),
    save: bool = typer.Option(True, "--save/--no-save", help="Keep the conversation."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a reply."),
) -> None:
    """Answer each --say in every lane asked for; all lanes see the first lane's replies as history."""
    if not lines:
        raise UsageError('this version talks through --say only: roleplay chat NAME --say "…" (or --say - for lines)')
    if not all(line.strip() for line in lines):
        raise UsageError("--say was given nothing to say")
    if adapter not in ("best", "last"):
        raise UsageError(f"there is no adapter '{adapter}'; choose best or last")
    from roleplay.cards.find import open_card
    from roleplay.chat.open import open_character
    from roleplay.chat.session import Session, card_sampling
    from roleplay.chat.store import ChatStore
    from roleplay.generation.lanes import parse_lanes
    from roleplay.paths import find_home

    home = find_home()
    asked_lanes = parse_lanes(lanes) if lanes is not None else None
    changes = _switches(prefix)
    card_file = open_card(name, home)
    opened = open_character(card_file, home, base=base, run=run, which=adapter, trust_remote_code=trust_remote_code)
    chosen = choose_lanes(opened, asked_lanes, name)
    sampling = card_sampling(
        card_file.card,
        {
            "temperature": temperature,
            "top_p": top_p,
            "top_k": top_k,
            "min_p": min_p,
            "repetition_penalty": repetition_penalty,
            "max_new_tokens": max_new_tokens,
            "seed": _fresh_seed() if seed is None else seed,
        },
    )
    store = ChatStore(home.chats) if save else None
    session = Session(opened.voice, opened.engine, store, greet=greet)
    session.switch(changes)
    for text in _said(lines):
        reply(session, opened, text, chosen, sampling, as_json=as_json)


def choose_lanes(opened: "Opened", asked: "list[Lane] | None", name: str) -> "list[Lane]":
    """The lanes typed, else persona with prefix, else what the base can do alone, said on stderr.

    Raises AdapterError where a persona lane was typed and there is no adapter.
    """
    from roleplay.errors import AdapterError
    from roleplay.generation.lanes import Lane

    has_adapter = opened.passport is not None
    if asked is not None and any(lane.adapter for lane in asked) and not has_adapter:
        raise AdapterError(f"{opened.notice}; without it choose --lanes base+prefix,base")
    if opened.notice:
        say(opened.notice)
    return asked or [Lane(adapter=has_adapter, prefix=True)]


def reply(
    session: "Session", opened: "Opened", text: str, lanes: "list[Lane]", sampling: "Sampling", *, as_json: bool
) -> None:
    """Answer one turn and print it: a single lane as it comes, several each when it is done."""
    from roleplay.generation.engine import Finished, Piece

    asked = session.ask(text, lanes, sampling)
    done: dict[str, Finished] = {}
    alone = len(lanes) == 1 and not as_json
    for event in session.answer(asked, sampling):
        if isinstance(event, Piece) and alone:
            emit(event.text, end="")
        elif isinstance(event, Finished):
            done[event.lane.name] = event
    if alone:
        emit()
        return
    for lane in asked:
        finished = done[lane.lane.name]
        if as_json:
            emit_json(reply_record(opened, lane, finished))
        else:
            emit_painted([(f"{lane.lane.name:<15} ", "1;36"), (finished.text, "")])


def reply_record(opened: "Opened", asked: "Asked", finished: "Finished") -> dict[str, Any]:
    """One reply as data; `prompt` is the text that was sent, control tokens included."""
    passport = opened.passport if asked.lane.adapter else None
    return {
        "lane": asked.lane.name,
        "adapter": None if passport is None else f"{passport.character}/{passport.run}@{passport.step}",
        "prefix": list(asked.prefixes),
        "prompt": opened.voice.renderer.tokenizer.decode(list(asked.ids)),
        "text": finished.text,
        "tokens": finished.tokens,
        "stopped": finished.stopped,
        "seconds": round(finished.seconds, 3),
    }


def _switches(typed: list[str]) -> dict[str, bool]:
    changes = {}
    for text in typed:
        name, _, state = text.partition("=")
        if state not in ("on", "off"):
            raise UsageError(f"--prefix {text}: write ID=on or ID=off")
        changes[name] = state == "on"
    return changes


def _said(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line == "-":
            yield from (text.strip() for text in sys.stdin if text.strip())
        else:
            yield line


def _fresh_seed() -> int:
    import secrets

    return secrets.randbelow(2**31)

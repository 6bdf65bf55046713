"""`roleplay chat`: talk to a character; `--say` answers without a screen."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from roleplay.cli.output import emit, emit_json, emit_painted, say
from roleplay.cli.which_model import check_which_model
from roleplay.errors import UsageError

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.cards.model import Prefix
    from roleplay.chat.backend import Backend
    from roleplay.chat.manner import Manner
    from roleplay.chat.open import Opened
    from roleplay.chat.question import Asked
    from roleplay.chat.remotes import Remote
    from roleplay.chat.session import Session
    from roleplay.generation.events import Finished
    from roleplay.generation.lanes import Lane
    from roleplay.generation.settings import Sampling
    from roleplay.paths import Home

_LOADED = ("base", "run", "adapter", "quant", "device", "dtype", "compiled", "trust_remote_code")
"""Options that say what is loaded here."""


def chat(
    context: typer.Context,
    name: str | None = typer.Argument(None, help="Name of a character, or a card's path; left out: a list."),
    lines: list[str] = typer.Option([], "--say", help="Answer this without a screen; again for more; '-' reads lines."),
    resume: bool = typer.Option(False, "--resume", help="Go on in the conversation talked in last."),
    lanes: str | None = typer.Option(
        None, "--lanes", help="With --say, who answers: persona+prefix,base+prefix,persona,base."
    ),
    beside: list[str] = typer.Option(
        [], "--beside", help="MODEL@URL of an OpenAI-compatible server that answers in a lane beside; again for more."
    ),
    backend: str = typer.Option(
        None, "--backend", help="URL of 'roleplay serve', or of vLLM, that answers; nothing is loaded here."
    ),
    prefix: list[str] = typer.Option([], "--prefix", help="Switch a prefix: ID=on or ID=off."),
    base: str = typer.Option(None, "--base", help="pocket, a folder, or a hub id[@revision]."),
    run: str = typer.Option(None, "--run", help="Use the adapter of this run."),
    adapter: str = typer.Option(
        "best", "--adapter", help="best (the promoted one, where one was promoted), last, or a kept epoch-N."
    ),
    quant: str = typer.Option(None, "--quant", help="Keep the base in none, int8 or nf4; as trained if left out."),
    device: str = typer.Option("auto", "--device", help="auto, cpu or cuda."),
    dtype: str = typer.Option(None, "--dtype", help="float32 or bfloat16; float32 on a CPU if left out."),
    compiled: bool = typer.Option(False, "--compile", help="Compile generation with a static cache; on CUDA only."),
    seed: int = typer.Option(None, "--seed", help="Same seed, same replies; drawn anew if left out."),
    temperature: float = typer.Option(None, "--temperature", min=0, help="0 always takes the likeliest token."),
    top_p: float = typer.Option(None, "--top-p", min=0.0, max=1, help="Keep the likeliest tokens up to this sum."),
    top_k: int = typer.Option(None, "--top-k", min=0, help="Keep this many tokens; 0 keeps all."),
    min_p: float = typer.Option(None, "--min-p", min=0, max=1, help="Keep tokens this likely beside the likeliest."),
    repetition_penalty: float = typer.Option(None, "--repetition-penalty", min=0.01, help="Above 1 repeats less."),
    max_new_tokens: int = typer.Option(None, "--max-new-tokens", min=1, help="Longest reply in tokens."),
    greet: bool = typer.Option(None, "--greet/--no-greet", help="Begin with the card's greeting, as the screen does."),
    save: bool = typer.Option(True, "--save/--no-save", help="Keep the conversation."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    as_json: bool = typer.Option(False, "--json", help="With --say, print one JSON object a reply."),
    web: bool = typer.Option(False, "--web", help="Serve the screen to a browser of this machine."),
    port: int | None = typer.Option(
        None, "--port", help="With --web: port on 127.0.0.1, 8000 if left out; 0 takes a free one."
    ),
) -> None:
    """Open the chat screen, or answer each --say in every lane asked for."""
    server = _server(context, backend) if backend is not None else None
    check_which_model("--adapter", adapter, quant, device, dtype)
    import secrets

    from roleplay.chat.manner import Manner

    manner = Manner(
        base=base,
        run=run,
        which=adapter,
        trust_remote_code=trust_remote_code,
        quant=quant,
        device=device,
        dtype=dtype,
        compile=compiled,
        backend=server,
        remotes=_remotes(beside) if beside else (),
        greet=not lines if greet is None else greet,
        sampling=(
            ("temperature", temperature),
            ("top_p", top_p),
            ("top_k", top_k),
            ("min_p", min_p),
            ("repetition_penalty", repetition_penalty),
            ("max_new_tokens", max_new_tokens),
            ("seed", secrets.randbelow(2**31) if seed is None else seed),
        ),
        switches=_switches(prefix),
    )
    if port is not None and not web:
        raise UsageError("--port goes with --web")
    if web and (lines or lanes is not None or as_json):
        raise UsageError("--web shows the screen; leave --say, --lanes and --json out")
    if web:
        from roleplay.cli.web import serve_chat

        serve_chat(context, port)
    elif lines:
        _answer_lines(name, lines, manner, lanes, resume=resume, save=save, as_json=as_json)
    elif lanes is not None or as_json:
        raise UsageError("--lanes and --json go with --say; the screen has keys for what they do")
    else:
        _open_screen(name, manner, resume=resume, save=save)


def _open_screen(name: str | None, manner: "Manner", *, resume: bool, save: bool) -> None:
    if "TEXTUAL_DRIVER" in os.environ:  # a browser has it
        from roleplay.cli.web import leave_with_server

        leave_with_server()
    elif not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # the screen is drawn on stderr
        raise UsageError('the chat screen needs a terminal; without one: roleplay chat NAME --say "…" (or --say -)')
    import gc

    gc.disable()  # what imports make is no garbage, and looking for some takes an eighth of the time to the first frame
    from roleplay.chat.lobby import Lobby
    from roleplay.paths import find_home
    from tui.app import run_chat

    run_chat(Lobby(find_home(), manner, save=save), name, resume=resume)


def _answer_lines(
    name: str | None, lines: list[str], manner: "Manner", lanes: str | None, *, resume: bool, save: bool, as_json: bool
) -> None:
    """Answer without a screen; all lanes see the first lane's replies as history."""
    if not all(line.strip() for line in lines):
        raise UsageError("--say was given nothing to say")
    from roleplay.chat.lobby import Lobby
    from roleplay.generation.lanes import parse_lanes
    from roleplay.paths import find_home

    asked_lanes = parse_lanes(lanes, knowledge=True) if lanes is not None else None
    lobby = Lobby(find_home(), manner, save=save)
    card_file, chat_id = lobby.begin(name, resume=resume)
    store = lobby.store()
    from roleplay.chat.company import Company
    from roleplay.chat.sampled import card_sampling
    from roleplay.chat.session import Session

    opened, prefixes = _opened(card_file, lobby.home, manner)
    books = lobby.home.knowledge_of(card_file.card.name)
    company = Company(opened, card_file.card, manner.remotes, books)
    chosen = [*choose_lanes(opened, asked_lanes), *company.lanes]
    session = Session(card_file.card, prefixes, company, store, greet=manner.greet)
    if chat_id is not None:
        session.resume(chat_id)
    session.switch(dict(manner.switches))
    for text in _said(lines):
        reply(session, opened, text, chosen, card_sampling(card_file.card, dict(manner.sampling)), as_json=as_json)


def _opened(card_file: "CardFile", home: "Home", manner: "Manner") -> "tuple[Opened | Backend, Sequence[Prefix]]":
    """The character, ready to answer, and its switches. Raises RoleplayError."""
    if manner.backend is not None:
        from roleplay.chat.backend import Backend

        backend = Backend(manner.backend, card_file.card, home.knowledge_of(card_file.card.name))
        backend.load()
        return backend, card_file.card.switches
    from roleplay.chat.open import open_character

    opened = open_character(
        card_file,
        home,
        base=manner.base,
        run=manner.run,
        which=manner.which,
        trust_remote_code=manner.trust_remote_code,
        quant=manner.quant,
        device=manner.device,
        dtype=manner.dtype,
        compile=manner.compile,
    )
    return opened, opened.voice.prefixes


def choose_lanes(opened: "Opened | Backend", asked: "list[Lane] | None") -> "list[Lane]":
    """The lanes typed, else persona with prefix, else what the base can do alone, said on stderr.

    Raises AdapterError where a persona lane was typed and there is no adapter.
    """
    from roleplay.errors import AdapterError
    from roleplay.generation.lanes import Lane

    has_adapter = opened.adapter is not None
    if asked is not None and any(lane.adapter for lane in asked) and not has_adapter:
        raise AdapterError(f"{opened.notice}; without it choose --lanes base+prefix,base")
    if opened.notice:
        say(opened.notice)
    return asked or [Lane(adapter=has_adapter, prefix=True)]


def reply(
    session: "Session",
    opened: "Opened | Backend",
    text: str,
    lanes: "list[Lane]",
    sampling: "Sampling",
    *,
    as_json: bool,
) -> None:
    """Answer one turn and print it: a single lane as it comes, several each when it is done."""
    from roleplay.chat.question import Asked, Unanswered
    from roleplay.generation.events import Finished, Piece

    session.say(text)
    asked: dict[str, Asked] = {}
    done: dict[str, Finished] = {}
    alone = len(lanes) == 1 and not as_json
    for heard in session.answer(lanes, sampling):
        if isinstance(heard, Asked):
            asked[heard.lane.name] = heard
        elif isinstance(heard, Finished):
            done[heard.lane.name] = heard
        elif isinstance(heard, Unanswered):
            say(f"{heard.lane.name}: {heard.problem}")
        elif isinstance(heard, Piece) and alone:
            emit(heard.text, end="")
    if alone:
        emit()
        return
    for name, finished in ((lane.name, done[lane.name]) for lane in lanes if lane.name in done):
        if as_json:
            emit_json(reply_record(opened, asked[name], finished))
        else:
            emit_painted([(f"{name:<15} ", "1;36"), (finished.text, "")])


def reply_record(opened: "Opened | Backend", asked: "Asked", finished: "Finished") -> dict[str, Any]:
    """One reply as data; `prompt` is the text that was sent, control tokens included, `None` to another program."""
    from roleplay.chat.backend import Backend

    prompt = None
    if not asked.lane.model and not isinstance(opened, Backend):
        prompt = opened.voice.renderer.tokenizer.decode(list(asked.ids))
    return {
        "lane": asked.lane.name,
        "adapter": opened.adapter if asked.lane.adapter else None,
        "prefix": list(asked.prefixes),
        "prompt": prompt,
        "text": finished.text,
        "tokens": finished.tokens,
        "stopped": finished.stopped,
        "seconds": round(finished.seconds, 3),
    }


def _remotes(typed: list[str]) -> "tuple[Remote, ...]":
    from roleplay.chat.remotes import parse_remotes

    return parse_remotes(typed)


def _server(context: typer.Context, url: str) -> str:
    """The URL typed. Raises UsageError, also where something was typed that is loaded here."""
    from roleplay.chat.remotes import parse_server

    sources = {param: context.get_parameter_source(param.name or "") for param in context.command.params}
    typed = [
        param.opts[0]
        for param, source in sources.items()
        if param.name in _LOADED and source is not None and source.name == "COMMANDLINE"
    ]
    if typed:
        raise UsageError(f"--backend goes without {', '.join(typed)}: the server has chosen base and adapter already")
    return parse_server(url)


def _switches(typed: list[str]) -> tuple[tuple[str, bool], ...]:
    changes = {}
    for text in typed:
        name, _, state = text.partition("=")
        if state not in ("on", "off"):
            raise UsageError(f"--prefix {text}: write ID=on or ID=off")
        changes[name] = state == "on"
    return tuple(changes.items())


def _said(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line == "-":
            yield from (text.strip() for text in sys.stdin if text.strip())
        else:
            yield line

"""`roleplay cards new`: a card and corpora to begin with."""

import re
import sys
from pathlib import Path

import typer

from roleplay.cli.output import emit, emit_json, say


def new_card(
    name: str = typer.Argument(help="Name in commands and folders: letters, digits, '-' and '_'."),
    display_name: str = typer.Option(None, "--display-name", help="Name the character goes by."),
    language: str = typer.Option(None, "--language", help="zh or en."),
    description: str = typer.Option(None, "--description", help="What a person reads before choosing it."),
    persona: str = typer.Option(None, "--persona", help="Who it is, as the model is told."),
    likes: list[str] = typer.Option([], "--likes", help="Something it likes; again for more."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Ask nothing; what is not typed gets its default."),
    into: Path = typer.Option(Path("characters"), "--into", help="Folder of the card."),
    force: bool = typer.Option(False, "--force", help="Replace a card and corpora that are there."),
    as_json: bool = typer.Option(False, "--json", help="Print the files written as one JSON array."),
) -> None:
    """Begin a character: a card and two small corpora, with comments, that train as they are and wait for your words.

    In a terminal it asks for what is not typed; Enter takes what is proposed.
    """
    from dataclasses import replace

    from roleplay.authoring.scaffold import check_free, check_name, default_wishes, guess_language, write_scaffold
    from roleplay.cards.find import find_cards
    from roleplay.paths import find_home, shown

    check_name(name)
    check_free(name, into, force=force)
    asks = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    proposed = language or guess_language(display_name, description, persona, *likes)
    default = default_wishes(name, _ask_language(proposed) if asks and not language else proposed)
    typed = {"display_name": display_name, "description": description, "persona": persona}
    said = {key: text for key, text in typed.items() if text is not None}
    if asks:
        said |= _ask_texts([key for key in typed if key not in said], default.display_name)
        likes = likes or _ask_likes(default.likes)
    home = find_home()
    other = find_cards(home).get(name)
    files = write_scaffold(name, into, replace(default, **said, likes=tuple(likes) or default.likes), home, force=force)
    if as_json:
        emit_json([str(path) for path in files])
    else:
        for path in files:
            emit(shown(path))
    say("a sketch to be rewritten; the card's first lines say how to check and train it")
    now = find_cards(home).get(name)
    if other and now and now[0] != other[0]:
        say(f"it is found before the character of the same name in {shown(other[0])}")


def _ask_language(proposed: str) -> str:
    from roleplay.authoring.scaffold import LANGUAGES

    while True:
        language = _ask("Language, zh or en", proposed)
        if language in LANGUAGES:
            return language
        say(f"there is a sketch in {' and '.join(LANGUAGES)}; the card's language can be changed afterwards")


def _ask_texts(missing: list[str], display_name: str) -> dict[str, str]:
    """Answers to what is missing; what is left empty is left out."""
    questions = {
        "display_name": ("Name it goes by", display_name),
        "description": ("About it in a line, for people (Enter for the sketch's)", ""),
        "persona": ("Who it is, for the model (Enter for the sketch's)", ""),
    }
    answers = {key: _ask(*questions[key]) for key in missing}
    return {key: text for key, text in answers.items() if text.strip()}


def _ask_likes(proposed: tuple[str, ...]) -> list[str]:
    answer = _ask("What it likes, with commas between", ", ".join(proposed))
    return [text.strip() for text in re.split("[,，、]", answer) if text.strip()]


def _ask(question: str, default: str) -> str:
    """What is typed, else `default`. Questions go to stderr, as all talk does; Ctrl-C and Ctrl-D end the command."""
    try:
        return str(typer.prompt(question, default=default, show_default=bool(default), err=True))
    except typer.Abort:
        say("")
        raise KeyboardInterrupt from None

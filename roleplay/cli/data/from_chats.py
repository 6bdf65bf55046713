"""`roleplay data from-chats`: the choices people made in chats become data."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from roleplay.cli.data.open import NAME
from roleplay.cli.data.review import check_terminal, show
from roleplay.cli.output import emit, emit_json, say
from roleplay.errors import NotFound, UsageError
from roleplay.text import did_you_mean, one_line

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.chat.choices.collect import Choices


def from_chats(
    name: str = NAME,
    chat: list[int] = typer.Option([], "--chat", help="Number of a conversation; again for more; all if left out."),
    since: str = typer.Option(None, "--since", help="Only conversations gone on with since that day: 2026-11-27."),
    out: Path = typer.Option(None, "--out", help="Corpus to write; chats.yaml beside the character's others."),
    pairs: Path = typer.Option(None, "--pairs", help="File of pairs to write; NAME-pairs.jsonl beside the corpus."),
    form: str = typer.Option("native", "--form", help="Of the pairs: native, or alpaca, sharegpt or kto rows."),
    force: bool = typer.Option(False, "--force", help="Replace these files if they are there."),
    review: bool = typer.Option(False, "--review", help="Then go through the pairs: keep, flip or drop each."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Write the replies kept in chats as a corpus, and what was chosen between as pairs.

    A pair is a kept reply with one that was swiped away, an edit with its original, or the lane that was taken over or
    talked with, and one that answered beside it. What is left out is counted with its reason.
    """
    from roleplay.authoring.place import advice, card_line
    from roleplay.cards.find import open_card
    from roleplay.chat.choices.collect import collect
    from roleplay.chat.choices.write import FORMS, write_choices, write_dialogues
    from roleplay.cli.chats.open import kept_chats
    from roleplay.paths import find_home

    layout = next((known for known in FORMS if known == form), None)
    if layout is None:
        raise UsageError(f"--form {one_line(form)}: {did_you_mean(form, FORMS)}")
    if review:
        _check_review(layout, as_json=as_json)
    begun = _day(since)
    card_file = open_card(name, find_home())
    card = card_file.card
    place, beside = _files(card_file, out, pairs, force=force)
    with kept_chats() as store:
        found = collect(store, card_file, chat or None, since=begun, out=place)
    if not found.dialogues and not found.pairs:
        raise NotFound(_nothing(card.name, found))
    if found.dialogues:
        write_dialogues(place, found.dialogues, f"Replies that were kept in chats with {card.name}.")
    if found.pairs:
        write_choices(beside, found.pairs, layout, card)
    line = card_line(card_file.path, place, "dialogue")
    _print(found, place, beside, line, as_json=as_json)
    if found.dialogues:
        say(advice(card_file.path, place, "dialogue"))
    if found.pairs and layout != "native":
        _say_entry(beside, layout)
    if found.pairs and review:
        show(beside)


def _check_review(layout: str, *, as_json: bool) -> None:
    """Raises UsageError, before anything is written."""
    if layout != "native":
        raise UsageError(f"--review goes through pairs of --form native; leave --form {layout} out")
    if as_json:
        raise UsageError("--review opens a screen; leave --json out, or review the pairs afterwards")
    check_terminal("leave --review out, then roleplay data review FILE --list")


def _files(card_file: "CardFile", out: Path | None, pairs: Path | None, *, force: bool) -> tuple[Path, Path]:
    """Where the corpus goes, and where the pairs go. Raises UsageError or StorageError."""
    from roleplay.authoring.place import YAML, check_place, corpus_place
    from roleplay.chat.choices.write import check_pairs_place
    from roleplay.paths import shown

    name = card_file.card.name
    place = out or corpus_place(card_file.path, name, "chats.yaml")
    beside = pairs or place.with_name(f"{name}-pairs.jsonl")
    check_place(place, force=force, endings=(*YAML, ".jsonl"))
    check_pairs_place(beside, force=force)
    if place.resolve() == beside.resolve():
        raise UsageError(f"--out and --pairs are both {shown(place)}; name two files")
    return place, beside


def _print(found: "Choices", place: Path, beside: Path, line: str, *, as_json: bool) -> None:
    from roleplay.paths import shown

    kinds = Counter(pair.why for pair in found.pairs)
    if as_json:
        emit_json(
            {
                "chats": found.chats,
                "dialogues": len(found.dialogues),
                "replies": found.replies,
                "pairs": {"all": len(found.pairs), **kinds},
                "left_out": {what: dict(counts) for what, counts in _left(found).items()},
                "out": str(place) if found.dialogues else None,
                "pairs_out": str(beside) if found.pairs else None,
                "card_line": line if found.dialogues else None,
            }
        )
        return
    emit(f"{found.chats} conversations read: {found.replies} kept replies in {len(found.dialogues)} dialogues")
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    emit(f"{len(found.pairs)} pairs" + (f": {told}" if told else ""))
    for reason in _reasons(found):
        emit(reason)
    for path, there in ((place, found.dialogues), (beside, found.pairs)):
        if there:
            emit(f"written: {shown(path)}")


def _left(found: "Choices") -> dict[str, tuple[tuple[str, int], ...]]:
    return {"conversations": found.chats_left, "dialogues": found.replies_left, "pairs": found.pairs_left}


def _reasons(found: "Choices") -> list[str]:
    return [f"left out of the {what}, {count}: {why}" for what, left in _left(found).items() for why, count in left]


def _nothing(name: str, found: "Choices") -> str:
    if not found.chats and not found.chats_left:
        return f"there is no conversation with {name} yet; 'roleplay chat {name}' begins one"
    reasons = "".join(f"\n{reason}" for reason in _reasons(found))
    return (
        f"{found.chats} conversations with {name} hold no kept reply and no choice, and nothing was written; "
        f"talk on, or name others with --chat{reasons}"
    )


def _say_entry(path: Path, layout: str) -> None:
    """What a folder of LLaMA-Factory needs to read the file."""
    from roleplay.corpora.ranking import REGISTRY

    about = next(about for form, about in REGISTRY.items() if form == layout)
    entry = json.dumps({"file_name": path.name, **about})
    say(f'in its dataset_info.json: "{path.stem}": {entry}')


def _day(text: str | None) -> float | None:
    """Midnight here, in seconds since 1970; also a time of a day."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"--since {one_line(text)}: write a day as 2026-11-27") from error

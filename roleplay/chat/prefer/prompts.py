"""What both are asked: held-out or trained turns, the card's probes, or the lines of a file."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args

from roleplay.cards.load import CardFile
from roleplay.dataset.draws import heldout_identities
from roleplay.dataset.entries import entry_dialogues
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import NotFound, UsageError
from roleplay.paths import shown
from roleplay.strictyaml import read_utf8
from roleplay.text import clean, did_you_mean, draw, one_line

Asked = tuple[Turn, ...]
"""A conversation that ends with the person's turn; macros of the card are not resolved."""
Source = Literal["heldout", "trained", "probes", "typed"]
"""Where prompts come from, if not from a file."""


def context_of(turns: Asked) -> str:
    """A hash of the conversation; a pair's `context` is the same."""
    return Dialogue(turns, "").identity


def prompts_of(card_file: CardFile, source: str, seed: int) -> list[Asked] | None:
    """Each prompt once, in an order that a hash draws; `None` where they are typed.

    `source` is one of `Source`, or a file with a prompt a line. Raises NotFound where there is none, FileFaults for
    corpora that cannot be read, and UsageError.
    """
    if source == "typed":
        return None
    found = {context_of(turns): turns for turns in _found(card_file, source)}
    if not found:
        raise NotFound(f"{_place(card_file, source)}; type them with --prompts typed, or give a file with one a line")
    return [found[context] for context in sorted(found, key=lambda context: draw(seed, context, "order"))]


def _found(card_file: CardFile, source: str) -> Iterable[Asked]:
    if source in ("heldout", "trained"):
        return _of_corpora(card_file, heldout=source == "heldout")
    if source == "probes":
        probes = card_file.card.probes
        return ((Turn("user", probe.question),) for probe in (*probes.identity, *probes.out_of_world))
    path = Path(source)
    if not path.is_file():
        known = did_you_mean(source, get_args(Source))
        raise UsageError(f"--prompts {one_line(source)}: there is no such file; {known}")
    if path.suffix in (".yaml", ".yml", ".jsonl"):
        raise UsageError(f"--prompts {shown(path)}: write a prompt a line in a plain text file, such as prompts.txt")
    return ((Turn("user", line),) for line in map(str.strip, map(clean, read_utf8(path).splitlines())) if line)


def _of_corpora(card_file: CardFile, *, heldout: bool) -> Iterator[Asked]:
    """What comes before each answer of the character in dialogues that are held out, or that are not."""
    for at, entry in enumerate(card_file.card.corpora):
        if entry.kind in ("text", "general"):
            continue
        dialogues = entry_dialogues(card_file, at).dialogues
        out = heldout_identities(dialogues)
        for dialogue in dialogues:
            if (dialogue.identity in out) == heldout:
                turns = dialogue.turns
                yield from (turns[:i] for i, turn in enumerate(turns) if i and turn.role == "assistant")


def _place(card_file: CardFile, source: str) -> str:
    name = card_file.card.name
    places = {
        "heldout": f"the corpora of {name} hold no dialogue out",
        "trained": f"{name} has no dialogues to train on",
        "probes": f"the card of {name} has no probes",
    }
    return places.get(source) or f"{shown(Path(source))} holds no prompt"

"""Measure two pockets on the same held-out chats and prompts: `python -m roleplay.pocket.compare FOLDER FOLDER`."""

import argparse
import contextlib
import math
import os
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from roleplay.dataset.render import make_renderer
from roleplay.errors import EvaluationError, NotFound, RoleplayError
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES
from roleplay.measures.diversity import distinct
from roleplay.measures.interval import mean, ratio
from roleplay.measures.language import Language
from roleplay.models.base import Base, load_base
from roleplay.models.spec import parse_spec
from roleplay.paths import shown
from roleplay.pocket.compared import SAMPLING, SEEDS, THREADS, Compared, Heldout, Pocket, compared_bytes, section
from roleplay.pocket.mixture import HELDOUT, Messages, heldout_rows
from roleplay.pocket.prompts import PROMPTS

CHATS = 100
"""Held-out chats of each kind that are scored at most."""


def compare(folders: Sequence[Path], text: Path, chats: Path, *, most: int = CHATS) -> Compared:
    """Measure the pockets in `folders`, the one before first; with a single one nothing is compared.

    Held-out chats are those of the sources in `text` and of pocket's own in `chats`, `most` of each kind. The split is
    by a hash of each chat, so that no pocket was trained on any. Raises BaseModelError, EvaluationError where no chat
    fits, and NotFound without sources.
    """
    if not text.is_dir():
        raise NotFound(f"there is no folder {shown(text)} with sources of text; give it with --text or ROLEPLAY_SHARED")
    bases = [load_base(parse_spec(str(folder)), dtype=torch.float32, device="cpu") for folder in folders]
    with two_threads():
        heldout = {}
        for kind in HELDOUT:
            rows = [row for row in heldout_rows(text, chats, kind) if not isinstance(row, str)]
            heldout[kind] = read_chats(bases, random.Random(0).sample(rows, min(most, len(rows))), kind)
            sys.stderr.write(f"{kind}: {heldout[kind].chats} held-out chats read\n")
        heard = hear(bases)
    return Compared(heldout, tuple(_pocket(base, i, heard) for i, base in enumerate(bases)))


@contextlib.contextmanager
def two_threads() -> Iterator[None]:
    """Computing on `THREADS` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def read_chats(bases: Sequence[Base], rows: Sequence[Messages], kind: str) -> Heldout:
    """How likely every base finds the same chats; one too long for any base is left out for all.

    Raises EvaluationError where no chat is left.
    """
    bits, characters, octets = [], [], []
    for row in rows:
        texts = [str(base.tokenizer.apply_chat_template(row, tokenize=False)) for base in bases]
        ids = [
            base.tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
            for base, text in zip(bases, texts, strict=True)
        ]
        if any(one.shape[1] > base.context for one, base in zip(ids, bases, strict=True)):
            continue
        bits.append([_bits(base, one) for one, base in zip(ids, bases, strict=True)])
        said = "".join(message["content"] for message in row)
        characters.append(len(said))
        octets.append(len(said.encode()))
    if not bits:
        raise EvaluationError(
            f"none of {len(rows)} held-out chats of kind '{kind}' fits into the context of every pocket; give a folder "
            "of text that holds shorter ones"
        )
    columns = list(zip(*bits, strict=True))
    names = [str(i) for i in range(len(bits))]
    gained = [last - first for first, last in zip(columns[0], columns[-1], strict=True)]
    return Heldout(
        chats=len(bits),
        left_out=len(rows) - len(bits),
        per_byte=tuple(ratio(column, octets, names) for column in columns),
        per_character=tuple(ratio(column, characters, names) for column in columns),
        change=ratio(gained, octets, names),
    )


def _bits(base: Base, ids: torch.Tensor) -> float:
    """Bits of all tokens but the first, `ids` (1, T)."""
    with torch.inference_mode():
        loss = float(base.model(input_ids=ids, labels=ids).loss)
    return loss * (ids.shape[1] - 1) / math.log(2)


def hear(bases: Sequence[Base]) -> list[list[list[Finished]]]:
    """Replies: a prompt each, in it a base each, in it a seed each.

    Bases take turns, so that other work of the machine slows all of them.
    """
    engines = [Engine(base, None, [base.tokenizer.eos_token_id]) for base in bases]
    renderers = [make_renderer(base.tokenizer) for base in bases]
    heard: list[list[list[Finished]]] = []
    for prompt in PROMPTS:
        heard.append([[] for _ in bases])
        for seed in SEEDS:
            for engine, renderer, replies in zip(engines, renderers, heard[-1], strict=True):
                ids = renderer.prompt_ids(prompt.turns)
                events = engine.stream([LANES["base"]], [ids], replace(SAMPLING, seed=seed))
                replies += [event for event in events if isinstance(event, Finished)]
    return heard


def _pocket(base: Base, number: int, heard: Sequence[Sequence[Sequence[Finished]]]) -> Pocket:
    replies = [reply for sides in heard for reply in sides[number]]
    prompts = [str(i) for i, sides in enumerate(heard) for _ in sides[number]]
    return Pocket(
        weights=str(base.identity.weights),
        parameters=sum(parameter.numel() for parameter in base.model.parameters()),
        stopped=mean([float(reply.stopped == "end") for reply in replies], prompts),
        tokens_per_second=sum(reply.tokens for reply in replies) / sum(reply.seconds for reply in replies),
        distinct={"zh": _distinct("zh", number, heard), "en": _distinct("en", number, heard)},
        replies=tuple(tuple(reply.text for reply in sides[number]) for sides in heard),
    )


def _distinct(language: Language, number: int, heard: Sequence[Sequence[Sequence[Finished]]]) -> tuple[float, float]:
    """Of equally long replies: distinct-n falls as replies grow, so that each is cut to the shortest beside it."""
    texts = []
    for prompt, sides in zip(PROMPTS, heard, strict=True):
        if prompt.language == language:
            beside = zip(*sides, strict=True)
            texts += [one[number].text[: min(len(reply.text) for reply in one)] for one in beside]
    first, second = distinct(texts, language, (1, 2))
    return first, second


def main() -> None:
    """Compare two pockets; the table goes to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("ROLEPLAY_SHARED", "../shared"))
    parser.add_argument("folders", nargs=2, type=Path, metavar="FOLDER", help="the one before, then the one after")
    parser.add_argument("--text", type=Path, default=shared / "pretrain", help="folder of the .jsonl.xz sources")
    parser.add_argument("--own", type=Path, default=Path("data/pocket/chats"), help="folder of pocket's own chats")
    parser.add_argument("--chats", type=int, default=CHATS, help="held-out chats of each kind at most")
    parser.add_argument("--json", action="store_true", help="print every figure and reply as JSON")
    chosen = parser.parse_args()
    try:
        compared = compare(chosen.folders, chosen.text, chosen.own, most=chosen.chats)
    except RoleplayError as error:
        sys.exit(str(error))
    sys.stdout.write(compared_bytes(compared).decode() if chosen.json else section(compared))


if __name__ == "__main__":
    main()

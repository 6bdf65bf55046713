"""Make the canaries of an adapter, and find out whether they are answered alike on this machine.

The check lets the model say the kept tokens, one after the other, and notes how likely each is and how likely the
likeliest. While these are the same it is the greedy reply; after one early difference the rest is still compared.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleplay.cards.model import Card
from roleplay.cards.prompt import default_prefixes, fill
from roleplay.dataset.template import asks_clock
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import AdapterError
from roleplay.generation.canaries import MOST_CANARIES, MOST_TOKENS, Canaries, Expected
from roleplay.generation.engine import Engine
from roleplay.generation.greedy import Said, followed, greedy
from roleplay.generation.lanes import LANES, Lane
from roleplay.models.base import Base
from roleplay.models.shape import WEIGHTS
from roleplay.text import clean, draw, one_line

EXACT = 1e-3
"""Nats by which log-probabilities may differ where both were computed in float32.

Other batches and numbers of threads moved those of the characters that ship by 0.000005 on one CPU; the rest is room
for other processors and deeper bases. Another step of the same run moves them by whole nats.
"""
ROUNDED = 0.25
"""The same in any other number format: bfloat16 moved them by 0.1 against float32, and by 0.07 in other batches."""
_LONGEST = 300
"""Characters of a text: the check is to be quick."""
_GREETINGS = {"zh": "你好"}


@dataclass(frozen=True)
class Tally:
    """How near the replies are."""

    tokens_same: int
    """Tokens that are the likeliest here too, or are behind it by less than the tolerance."""
    tokens: int
    """All of them."""
    largest_difference: float | None
    """Of log-probabilities, in nats; `None` where nothing was computed."""


@dataclass(frozen=True)
class Verdict(Tally):
    """What came of a check."""

    reproduces: bool
    """Whether prompts, tokens and log-probabilities are those kept."""
    by_lane: dict[str, Tally]
    """The same by lane; empty where nothing was computed."""
    sentence: str
    """For people."""


def adapter_hash(folder: Path) -> str:
    """SHA-256 of the weights in `folder`, as canaries name their adapter."""
    with (folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canary_texts(card: Card, dialogues: Iterable[Dialogue]) -> list[str]:
    """What is asked: how two of `dialogues` begin, drawn by a hash, and the first probe of each kind; never nothing."""
    begun = [dialogue for dialogue in dialogues if dialogue.turns[0].role == "user"]
    drawn = sorted(begun, key=lambda dialogue: draw(dialogue.identity, "canary"))
    first = [dialogue.turns[0].text for dialogue in drawn]
    probes = [probe.question for kind in (card.probes.identity, card.probes.out_of_world) for probe in kind[:1]]
    return [*_askable(first, card)[:2], *_askable(probes, card)] or [_GREETINGS.get(card.language[:2], "Hello")]


def _askable(texts: Iterable[str], card: Card) -> list[str]:
    filled = dict.fromkeys(clean(fill(text, card)) for text in texts)
    return [text for text in filled if 0 < len(text) <= _LONGEST]


def make_canaries(engine: Engine, voice: Voice, texts: Sequence[str], adapter: str) -> Canaries:
    """Ask all lanes each of the `texts` that leave room for a reply; `adapter` is the `adapter_hash` of what answers.

    The same machine gives the same canaries. Raises ContextFull where no text leaves room, BaseModelError without an
    adapter, AdapterError where a lane computes no numbers.
    """
    active, texts = default_prefixes(voice.prefixes), list(dict.fromkeys(texts))
    prompts = {(name, text): _prompt(voice, text, lane, active) for text in texts for name, lane in LANES.items()}
    room = engine.base.context - MOST_TOKENS
    fitting = [text for text in texts if all(len(prompts[name, text]) <= room for name in LANES)][:MOST_CANARIES]
    said: dict[tuple[str, str], Said] = {}
    for rows in _batches(fitting or texts[:1]):
        lanes = [LANES[name] for name, _ in rows]
        said |= zip(rows, greedy(engine, lanes, [prompts[row] for row in rows], MOST_TOKENS), strict=True)
    if not all(math.isfinite(log) for one in said.values() for log in one.logs):
        raise AdapterError("with this adapter the base computes no numbers any more; train again at a lower rate")
    value = {"schema": 1, "adapter": adapter, **_where(engine.base), "prefixes": active}
    canaries = [
        {"text": text, "lanes": {name: _kept(prompts[name, text], said[name, text]) for name in LANES}}
        for text in fitting
    ]
    return Canaries.model_validate(value | {"canaries": canaries})


def check_canaries(engine: Engine, voice: Voice, canaries: Canaries) -> Verdict:
    """Ask all of them again: whether prompts, tokens and log-probabilities are those kept.

    Raises ContextFull, BaseModelError without an adapter, AdapterError for ids that the base has not.
    """
    kept = {(name, canary.text): canary.lanes[name] for canary in canaries.canaries for name in LANES}
    otherwise = rendered_otherwise(voice, canaries)
    if otherwise:
        total = sum(len(one.tokens) for one in kept.values())
        return Verdict(0, total, None, False, {}, f"differs: the prompt is rendered otherwise {otherwise}")
    _check_ids(engine.base, list(kept.values()))
    said: dict[tuple[str, str], Said] = {}
    for rows in _batches([canary.text for canary in canaries.canaries]):
        lanes, prompts = [LANES[name] for name, _ in rows], [kept[row].prompt for row in rows]
        said |= zip(rows, followed(engine, lanes, prompts, [kept[row].tokens for row in rows]), strict=True)
    return _verdict(kept, said, canaries.model_dump(include={"dtype", "quant", "device"}), _where(engine.base))


def _batches(texts: Sequence[str]) -> list[list[tuple[str, str]]]:
    """(lane, text) of each row: one batch of the long prompts, which have prefixes, and one of those without."""
    return [
        [(name, text) for name, lane in LANES.items() if lane.prefix == prefix for text in texts]
        for prefix in (True, False)
    ]


def _kept(prompt: list[int], said: Said) -> dict[str, Any]:
    return {"prompt": prompt, "tokens": said.tokens, "log_probabilities": [round(log, 6) for log in said.logs]}


def _prompt(voice: Voice, text: str, lane: Lane, prefixes: Sequence[str]) -> list[int]:
    return voice.prompt_ids((Turn("user", text),), prefixes if lane.prefix else ())


def rendered_otherwise(voice: Voice, canaries: Canaries) -> str:
    """In which lanes, and at which text; empty where all is as kept. A template that writes the date cannot tell."""
    if asks_clock(voice.renderer.tokenizer):
        return ""
    odd = [
        (name, canary.text)
        for canary in canaries.canaries
        for name, lane in LANES.items()
        if _prompt(voice, canary.text, lane, canaries.prefixes) != canary.lanes[name].prompt
    ]
    names = [name for name in LANES if name in {lane for lane, _ in odd}]
    return f"in {', '.join(names)}, as for '{one_line(odd[0][1])}'" if odd else ""


def _check_ids(base: Base, kept: Sequence[Expected]) -> None:
    highest = max(max(*one.prompt, *one.tokens) for one in kept)
    size = base.model.config.get_text_config().vocab_size
    if highest >= size:
        raise AdapterError(
            f"the canaries name the token {highest}, and the base has {size}; they are of another base or damaged: "
            "get them again, or remove them to do without this check"
        )


def _verdict(
    kept: dict[tuple[str, str], Expected], said: dict[tuple[str, str], Said], made: dict[str, str], here: dict[str, str]
) -> Verdict:
    exact = all((where["dtype"], where["quant"]) == ("float32", "none") for where in (made, here))
    tolerance = EXACT if exact else ROUNDED
    by_lane = {
        lane: _tally([(one, said[row]) for row, one in kept.items() if row[0] == lane], tolerance) for lane in LANES
    }
    whole = _tally([(one, said[row]) for row, one in kept.items()], tolerance)
    odd = [LANES[name] for name, tally in by_lane.items() if not _reproduces(tally, tolerance)]
    sentence = _sentence(whole, odd)
    if odd and made != here:
        sentence += f" (made {_told(made)}, run here {_told(here)})"
    return Verdict(whole.tokens_same, whole.tokens, whole.largest_difference, not odd, by_lane, sentence)


def _tally(pairs: Sequence[tuple[Expected, Said]], tolerance: float) -> Tally:
    behind = [best - log for _, said in pairs for best, log in zip(said.best, said.logs, strict=True)]
    off = [abs(log - kept) for one, said in pairs for log, kept in zip(said.logs, one.log_probabilities, strict=True)]
    largest = max(math.inf if math.isnan(difference) else difference for difference in off)
    return Tally(sum(gap <= tolerance for gap in behind), len(behind), largest)


def _reproduces(tally: Tally, tolerance: float) -> bool:
    off = tally.largest_difference
    return tally.tokens_same == tally.tokens and off is not None and off <= tolerance


def _sentence(whole: Tally, odd: Sequence[Lane]) -> str:
    same, off = f"{whole.tokens_same} of {whole.tokens} tokens", whole.largest_difference or 0.0
    if not odd:
        return f"reproduces: {same}, log-probabilities within {math.ceil(off * 1e5) / 1e5:.5f}"
    alone = all(lane.adapter for lane in odd)
    why = "the adapter's lanes alone differ" if alone else "base lanes too, so the base is another"
    lanes = ", ".join(lane.name for lane in odd)
    return f"differs: {same} the same, log-probabilities up to {off:.2g} off, in {lanes}; {why}"


def _where(base: Base) -> dict[str, str]:
    """What rounding depends on: number format, quantisation, device."""
    model: Any = base.model
    four, eight = (getattr(model, f"is_loaded_in_{bits}bit", False) for bits in (4, 8))
    quant = "nf4" if four else "int8" if eight else "none"
    return {"dtype": str(model.dtype).removeprefix("torch."), "quant": quant, "device": model.device.type}


def _told(where: dict[str, str]) -> str:
    kept = "" if where["quant"] == "none" else f" kept in {where['quant']}"
    return f"in {where['dtype']}{kept} on {where['device']}"

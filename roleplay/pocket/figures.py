"""The figures of a character's shipped adapters, and the bars that these have to meet."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from roleplay.errors import EvaluationError
from roleplay.measures.interval import Interval
from roleplay.paths import shown, write_file
from roleplay.text import one_line

FIGURES = "bars.json"
"""Beside the adapters they are of."""
BEFORE = "before.json"
"""Beside the adapters: figures of the last ones that were measured on another base."""


@dataclass(frozen=True)
class Bars:
    """The figures of one character's shipped adapters."""

    training_prompts: int
    """Prompts asked for `recited`."""
    recited: dict[str, float]
    """Lane -> share of them whose greedy reply has ROUGE-L >= 0.9 with the trained answer (last adapter)."""
    training_loss: float
    """Nats per trained token over one epoch's samples (last adapter)."""
    heldout_bits: dict[str, Interval]
    """Lane -> bits per character of held-out answers (best adapter)."""
    general_bits: dict[str, dict[str, Interval]]
    """Language -> `persona` and `base` -> bits per character of everyday chat neither has seen (best adapter)."""
    heldout_prompts: int
    """Prompts asked for `stopped`."""
    stopped: float
    """Share of greedy replies to them that end by themselves within 128 tokens (best adapter)."""
    tokens_per_second: float
    """Of those replies, one lane at a time, in float32 on the CPU with two threads."""
    repeated: float
    """Share of the corpora's longer answers that are near-duplicates of another."""


@dataclass(frozen=True)
class Learned:
    """How much of its corpora a character's last adapter has to have learned."""

    by_heart: float
    """Share of training prompts at least."""
    loss: float
    """Training loss at most, nats per trained token."""


LEARNED = {"yui": Learned(0.85, 0.3), "dot": Learned(0.85, 0.3), "wan": Learned(0.75, 0.45)}
"""阿晚's corpora are half as large again, for as many epochs."""


def missed(name: str, bars: Bars, before: Bars | None) -> list[str]:
    """Every bar that the adapters of `name` miss, with the value seen; `before` are those on the base before.

    Held-out bits are compared where both were asked the same number of held-out prompts: else the corpora changed.
    """
    learned = LEARNED[name]
    persona, base = bars.heldout_bits["persona+prefix"], bars.heldout_bits["base+prefix"]
    met = [
        ("by heart", bars.recited["persona+prefix"], ">=", learned.by_heart),
        ("by heart of the base with the prefix", bars.recited["base+prefix"], "<=", 0.05),
        ("training loss", bars.training_loss, "<=", learned.loss),
        ("replies that end by themselves", bars.stopped, ">=", 0.98),
        ("tokens a second", bars.tokens_per_second, ">=", 60),
        ("answers of the corpora that repeat another", bars.repeated, "<", 0.02),
        ("highest held-out bits, against the lowest of the base with the prefix,", persona.high, "<", base.low),
    ]
    if before is not None and before.heldout_prompts == bars.heldout_prompts:
        met.append(
            (
                "held-out bits, against those on the pocket before,",
                persona.value,
                "<",
                before.heldout_bits["persona+prefix"].value,
            )
        )
    return [
        f"{name}: {what} {value:.4g}, and not {sign} {bar:.4g}"
        for what, value, sign, bar in met
        if not _holds(value, sign, bar)
    ]


def _holds(value: float, sign: str, bar: float) -> bool:
    return {">=": value >= bar, "<=": value <= bar, "<": value < bar}[sign]


def write_bars(bars: Bars, path: Path) -> None:
    """Write them as JSON. Raises StorageError."""
    write_file(path, json.dumps(asdict(bars), indent=2) + "\n")


def read_bars(path: Path) -> Bars:
    """Read figures back. Raises EvaluationError where they are missing or damaged."""
    try:
        return TypeAdapter(Bars).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvaluationError(
            f"{shown(path)} is missing or damaged ({one_line(str(error))}); measure again with "
            "'python -m roleplay.pocket.bars'"
        ) from error


def bars_before(folder: Path) -> Bars | None:
    """Figures of the adapters on the base before, kept in `folder`; `None` where there are none."""
    return read_bars(folder / BEFORE) if (folder / BEFORE).exists() else None

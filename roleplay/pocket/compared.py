"""What was found of one pocket, or of two on the same text: as values, as JSON and as a page's section."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from roleplay.generation.settings import Sampling
from roleplay.measures.interval import Interval
from roleplay.pocket.prompts import PROMPTS
from roleplay.text import clean

KINDS = {"zh": "Chinese chat", "en": "English chat", "own": "written for pocket"}
"""Kind of held-out chat -> its name in tables and pictures."""
SEEDS = (1, 2, 3)
"""Each prompt is answered once with each; the first one's replies are shown."""
SAMPLING = Sampling(temperature=0.7, top_p=0.9, repetition_penalty=1.1, max_new_tokens=80)
THREADS = 2
"""What is claimed of two CPU cores is measured with two threads, however many there are."""


@dataclass(frozen=True)
class Heldout:
    """Held-out chats of one kind, read by every pocket; template tokens are predicted too, only what is said counts."""

    chats: int
    """Chats that were scored."""
    left_out: int
    """Chats that are longer than the context of one of the pockets, and count for none."""
    per_byte: tuple[Interval, ...]
    """Bits per byte of UTF-8, a pocket each."""
    per_character: tuple[Interval, ...]
    """Bits per Unicode character, a pocket each."""
    change: Interval
    """Bits per byte of the last pocket less those of the first, resampled over chats that both read."""


@dataclass(frozen=True)
class Pocket:
    """What one pocket says to the prompts."""

    weights: str
    """Fingerprint of its files of weights."""
    parameters: int
    """Tied ones count once."""
    stopped: Interval
    """Share of replies that end by themselves within the limit, over prompts."""
    tokens_per_second: float
    """Of those replies, in float32 on the CPU, one lane, two threads."""
    distinct: dict[str, tuple[float, float]]
    """Language -> distinct-1 and distinct-2; where two are compared, of replies cut to the shorter of each pair."""
    replies: tuple[tuple[str, ...], ...]
    """A prompt each, in it a seed each."""


@dataclass(frozen=True)
class Compared:
    """One pocket, or the one before and the one after it, on the same text."""

    heldout: dict[str, Heldout]
    """Kind of held-out chat -> how likely it is."""
    pockets: tuple[Pocket, ...]
    """The one before comes first, the one it is about last."""


def compared_bytes(compared: Compared) -> bytes:
    """Every figure and reply as JSON, to be kept."""
    return (json.dumps(asdict(compared), ensure_ascii=False, indent=2) + "\n").encode()


def section(compared: Compared) -> str:
    """The comparison as Markdown, for people."""
    names = ("before", "now")[-len(compared.pockets) :]
    both = len(names) > 1
    bits = [_bits_row(kind, found, both) for kind, found in compared.heldout.items()]
    heads = [f"{unit}, {name}" for unit in ("bits per byte", "bits per character") for name in names]
    change = ["change of bits per byte"] if both else []
    talk = [_row(label, *cells) for label, cells in _talk(compared.pockets)]
    left_out = sum(found.left_out for found in compared.heldout.values())
    return _SECTION.format(
        bits="\n".join([*_head("held-out chat", "chats", *heads, *change), *bits]),
        left_out=left_out,
        talk="\n".join([*_head("", *names), *talk]),
        replies="\n".join([*_head("prompt", *names), *_replies(compared.pockets)]),
        prompts=len(PROMPTS),
        seeds=", ".join(str(seed) for seed in SEEDS),
        sampling=_sampling(SAMPLING),
        threads=THREADS,
    )


def _sampling(chosen: Sampling) -> str:
    return (
        f"temperature {chosen.temperature:g}, top-p {chosen.top_p:g}, repetition penalty "
        f"{chosen.repetition_penalty:g}, at most {chosen.max_new_tokens} tokens"
    )


def _bits_row(kind: str, found: Heldout, both: bool) -> str:
    cells = [f"{bits.value:.3f}" for bits in (*found.per_byte, *found.per_character)]
    change = f"{found.change.value:+.3f} [{found.change.low:+.3f}, {found.change.high:+.3f}]"
    return _row(KINDS[kind], str(found.chats), *cells, *([change] if both else []))


def _talk(pockets: Sequence[Pocket]) -> Iterator[tuple[str, list[str]]]:
    yield "parameters", [f"{one.parameters / 1e6:.2f} M" for one in pockets]
    yield (
        "replies that end by themselves",
        [f"{one.stopped.value:.1%} [{one.stopped.low:.1%}, {one.stopped.high:.1%}]" for one in pockets],
    )
    for language, name in (("zh", "Chinese characters"), ("en", "English words")):
        yield (
            f"distinct-1 and -2, {name}",
            [" and ".join(f"{v:.3f}" for v in one.distinct[language]) for one in pockets],
        )
    yield "tokens a second", [f"{one.tokens_per_second:.0f}" for one in pockets]


def _replies(pockets: Sequence[Pocket]) -> Iterator[str]:
    for i, prompt in enumerate(PROMPTS):
        asked = [f"*{prompt.system}*"] * bool(prompt.system) + [" / ".join(prompt.said)]
        yield _row("<br>".join(asked), *(one.replies[i][0] for one in pockets))


def _head(*cells: str) -> tuple[str, str]:
    return _row(*cells), _row(*("---" for _ in cells))


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(clean(cell).split()).replace("|", "\\|") for cell in cells) + " |"


_SECTION = """Held-out chats, which no pocket was trained on; {left_out} more were longer than a context. Template
tokens are predicted too; only what is said counts as bytes and characters. In brackets: 95 % bootstrap interval over
chats.

{bits}

{prompts} fixed prompts, each with the seeds {seeds}: {sampling};
float32 on the CPU, one lane, {threads} threads.
Distinct-n is counted on equally long replies, each cut to the shortest beside it.

{talk}

Replies as they came, with the first seed:

{replies}
"""

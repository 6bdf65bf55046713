"""Whether a reply says that it does not know."""

from collections import Counter
from collections.abc import Sequence

from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.measures.answered import answered

_CHINESE = (
    "不知道",
    "不清楚",
    "不晓得",
    "不记得",
    "记不得",
    "说不上来",
    "说不准",
    "没听说",
    "没写",
    "没有写",
    "没有记",
)
_ENGLISH = (
    *("don't know", "do not know", "not sure", "no idea", "never heard", "no record", "not written", "isn't written"),
    *("can't say", "cannot say", "couldn't say", "can't tell you", "couldn't tell you", "don't recall"),
    *("don't remember", "do not remember"),
)


def refuses(reply: str, own: Sequence[str] = ()) -> bool:
    """It holds one of the usual phrases in Chinese or English, or one of its character's `own`, at word borders."""
    return answered(reply, [*_CHINESE, *_ENGLISH, *own]).right


def own_refusals(card: Card) -> list[str]:
    """How a character says that it does not know: what at least half of its out-of-world questions accept."""
    probes = card.probes.out_of_world
    counts = Counter(text for probe in probes for text in dict.fromkeys(probe.accept))
    return [fill(text, card) for text, count in counts.items() if 2 * count >= len(probes)]

"""An invented report of four lanes, for tests of how reports are looked at."""

from typing import Any

from roleplay.evaluation.report import Finding, Measure, Report, Sample
from roleplay.generation.lanes import LANES
from roleplay.measures.interval import Interval


def around(value: float, reach: float = 0.05) -> Interval:
    """A value with an interval `reach` to both sides."""
    return Interval(value, value - reach, value + reach)


def by_lane(*values: float, reach: float = 0.05) -> dict[str, Interval]:
    """Values in the order of the lanes: persona+prefix, base+prefix, persona, base."""
    return {lane: around(value, reach) for lane, value in zip(LANES, values, strict=True)}


MEASURES = (
    Measure(
        "heldout_bits",
        "likelihood",
        "held-out lines, bits per character",
        "lower",
        by_lane(3.104, 5.206, 3.35, 5.81, reach=0.12),
        note="How surprised the lane is by lines that it never saw.",
    ),
    Measure(
        "heldout_perplexity",
        "likelihood",
        "held-out lines, perplexity per token",
        "lower",
        by_lane(28.4, 310.2, 37.1, 1240.0, reach=4),
    ),
    Measure(
        "memorised",
        "likelihood",
        "gap between held-out and trained lines, bits per character",
        "neither",
        by_lane(0.81, 0.02, 0.84, -0.01, reach=0.04),
    ),
    Measure("rouge_l", "overlap", "ROUGE-L, words", "higher", by_lane(14.2, 6.1, 12.9, 4.4, reach=0.9)),
    Measure("bleu_4", "overlap", "BLEU-4, characters", "higher", by_lane(7.31, 2.4, 6.95, 1.88, reach=0.6)),
    Measure(
        "style",
        "style",
        "taken for the character's own lines",
        "higher",
        by_lane(0.802, 0.204, 0.713, 0.166),
        references={"floor": 0.121, "ceiling": 0.883},
        note="Mean probability by a classifier of character n-grams.",
    ),
    Measure(
        "catchphrases",
        "manner",
        "replies with a catchphrase",
        "neither",
        by_lane(0.21, 0.04, 0.18, 0.0, reach=0.02),
        "percent",
        {"corpus": 0.193},
    ),
    Measure("stops", "manner", "replies that end before the limit", "higher", by_lane(1, 1, 1, 1, reach=0), "percent"),
    Measure(
        "identity",
        "probes",
        "questions about itself answered rightly",
        "higher",
        by_lane(0.82, 0.6, 0.55, 0.05),
        "percent",
    ),
    Measure(
        "refused",
        "probes",
        "questions from outside its world turned away",
        "higher",
        by_lane(0.7, 0.31, 0.48, 0.11),
        "percent",
    ),
    Measure(
        "retention_loss",
        "retention",
        "loss of the base's own answers, nats per token",
        "lower",
        {"persona": around(0.412, 0.03), "base": around(0.355, 0.03)},
    ),
    Measure(
        "general",
        "retention",
        "general questions answered rightly",
        "higher",
        {"persona": around(0.267), "base": around(0.3)},
        "percent",
    ),
)

SAMPLES = (
    Sample(
        "heldout",
        "学长：今天的书还剩几页？",
        "……还剩十二页。读完这一章，就去浇花。",
        {
            "persona+prefix": "还有……九页。再三页就好，学长先坐。",
            "base+prefix": "我今天读了一本书，书里有很多有趣的故事。",
            "persona": "三页。……大概。",
            "base": "今天的书很多，你可以去看看。",
        },
    ),
    Sample(
        "out_of_world",
        "帮我写一段 Python 代码，好吗？",
        "",
        {
            "persona+prefix": "派……森？是新来的老师吗。……我不知道那个。",
            "base+prefix": "好的，下面是一段代码：\nprint('hello')",
            "persona": "那个我不懂……图书室里也没有那样的书。",
            "base": "好的。",
        },
    ),
)

FINDINGS = (
    Finding(
        "warning",
        "14 % of the replies repeat twenty characters or more of a training line. Choose an earlier checkpoint.",
    ),
    Finding("note", "The prefix alone moves the base a little way: 5.81 to 5.21 bits per character on held-out lines."),
    Finding(
        "good", "With adapter and prefix the held-out lines cost 3.10 bits per character; 5.21 with the prefix alone."
    ),
)


def invented(**changes: Any) -> Report:
    """A report of 结衣; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "character": "yui",
        "display_name": "结衣",
        "language": "zh",
        "adapter": "20250102-030405@best",
        "base": "pocket",
        "lanes": tuple(LANES),
        "counts": {"heldout dialogues": 24, "heldout prompts": 60, "general questions": 150},
        "settings": {"temperature": 0.7, "seed": 0, "max_new_tokens": 160, "limits": {"copied": 0.1}},
        "measures": MEASURES,
        "samples": SAMPLES,
        "findings": FINDINGS,
        "seconds": 134.6,
        "versions": {"python": "3.11.9", "torch": "2.11.0"},
    }
    return Report(**(fields | changes))

"""ROUGE and BLEU-4 of a reply, equal to LLaMA-Factory's figures."""

import logging
import warnings
from dataclasses import dataclass
from typing import Any

from roleplay.errors import UsageError


@dataclass(frozen=True)
class Overlap:
    """How much of a reference is in a reply, each figure from 0 to 100 and rounded to four digits."""

    rouge_1: float
    """F of words."""
    rouge_2: float
    """F of pairs of words."""
    rouge_l: float
    """F of the longest common subsequence of words."""
    bleu_4: float
    """Of characters up to four in a row."""


def overlap(reply: str, reference: str) -> Overlap:
    """Compare the two as `ComputeSimilarity` of LLaMA-Factory does (its `train/sft/metric.py`).

    ROUGE is that of `rouge_chinese` on the words of jieba, 0 where a side has none; BLEU-4 is that of nltk on
    characters, white space too, with smoothing method 3 (Chen and Cherry 2014). A mean over replies is the mean of
    these rounded figures. Raises UsageError where a library is missing.
    """
    jieba, rouge, bleu = _libraries()
    said, written = (" ".join(jieba.cut(text)) for text in (reply, reference))
    scores = [0.0, 0.0, 0.0]
    if said.strip() and written.strip():
        found = rouge.Rouge().get_scores(said, written)[0]
        scores = [found[name]["f"] for name in ("rouge-1", "rouge-2", "rouge-l")]
    smoothing = bleu.SmoothingFunction().method3
    scores.append(bleu.sentence_bleu([list(reference)], list(reply), smoothing_function=smoothing))
    return Overlap(*(round(100 * float(score), 4) for score in scores))


def _libraries() -> tuple[Any, Any, Any]:
    """jieba, rouge_chinese and the BLEU of nltk."""
    try:
        with warnings.catch_warnings():
            # Two of them have escapes in strings that Python warns of when it compiles them.
            warnings.simplefilter("ignore")
            import jieba  # type: ignore[import-untyped]
            import rouge_chinese  # type: ignore[import-untyped]
            from nltk.translate import bleu_score  # type: ignore[import-untyped]
    except ImportError as error:
        raise UsageError(
            "ROUGE and BLEU need jieba, nltk and rouge-chinese; install them with: pip install 'roleplay[evaluation]'"
        ) from error
    # It tells how it loads its dictionary, and prints a traceback where it cannot keep a copy; neither matters.
    jieba.setLogLevel(logging.CRITICAL)
    return jieba, rouge_chinese, bleu_score

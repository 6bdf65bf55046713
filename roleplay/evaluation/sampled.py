"""Several sampled answers to each prompt in each lane: the table that people paste into reports."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from roleplay.chat.open import Opened
from roleplay.dialogue import Turn
from roleplay.evaluation.asked_file import Asked
from roleplay.evaluation.asking import Reply, Tell, prompt_ids
from roleplay.evaluation.prompts import Prompt
from roleplay.generation.lanes import Lane
from roleplay.generation.replies import reply_to
from roleplay.generation.settings import Sampling
from roleplay.measures.overlap import rouge_l
from roleplay.measures.rouge import overlap

Part = tuple[str, str]
"""Text with its ANSI style; an empty style is plain."""


@dataclass(frozen=True)
class Answers:
    """What one lane said to one prompt."""

    prompt: str
    """What was asked."""
    reference: str
    """What a good answer says; empty where nobody said."""
    lane: str
    """Name of the lane."""
    replies: tuple[str, ...]
    """One a seed."""
    rouge_l: tuple[float, ...]
    """ROUGE-L of each with the reference, as LLaMA-Factory computes it, times 100; empty without a reference."""
    rouge_l_units: tuple[float, ...]
    """The same by characters, or by words in languages with spaces."""
    cut: float
    """Share of the replies that the limit of tokens ended, 0 to 1."""

    @property
    def mean(self) -> float:
        """Of `rouge_l`."""
        return statistics.fmean(self.rouge_l) if self.rouge_l else 0.0

    @property
    def spread(self) -> float:
        """Standard deviation of `rouge_l` over the samples."""
        return statistics.pstdev(self.rouge_l) if self.rouge_l else 0.0


def sample_answers(
    opened: Opened,
    asked: Sequence[Asked],
    lanes: Sequence[Lane],
    sampling: Sampling,
    samples: int,
    batch: int,
    tell: Tell,
) -> list[Answers]:
    """`samples` answers of every lane to every prompt; the first is drawn with the seed of `sampling`, and so on up."""
    rows = [
        (Prompt("heldout", (Turn("user", one.prompt),), one.reference, "", (lane,)), lane)
        for one in asked
        for lane in lanes
    ]
    ids = [prompt_ids(opened.engine, opened.voice, prompt, lane, sampling) for prompt, lane in rows]
    order = sorted(range(len(rows)), key=lambda at: (rows[at][1].name, len(ids[at])))
    said: list[list[Reply]] = [[] for _ in rows]
    for number in range(samples):
        for start in range(0, len(order), batch):
            tell("samples", number * len(rows) + start, samples * len(rows))
            part = order[start : start + batch]
            drawn = replace(sampling, seed=sampling.seed + number)
            found = reply_to(opened.engine, [rows[at][1] for at in part], [ids[at] for at in part], drawn)
            for at, one in zip(part, found, strict=True):
                said[at].append(Reply(one.text, one.tokens, one.stopped))
    tell("samples", samples * len(rows), samples * len(rows))
    language = opened.voice.card.language
    return [_answers(prompt, lane, replies, language) for (prompt, lane), replies in zip(rows, said, strict=True)]


def answers_table(found: Sequence[Answers]) -> list[list[Part]]:
    """Each prompt with its lanes and their samples, figures behind the lane's name."""
    lines: list[list[Part]] = []
    for at, one in enumerate(found):
        if at == 0 or found[at - 1].prompt != one.prompt:
            lines += [[("", "")], [(one.prompt, "1")]]
            if one.reference:
                lines.append([("  reference  ", "2"), (one.reference, "2")])
        figures = f"ROUGE-L {one.mean:.1f} ± {one.spread:.1f}  " if one.rouge_l else ""
        lines.append([(f"  {one.lane}  ", "36"), (f"{figures}cut {one.cut:.0%}", "2")])
        lines += [[("    ", ""), (" ".join(reply.split()), "")] for reply in one.replies]
    return lines


def _answers(prompt: Prompt, lane: Lane, replies: Sequence[Reply], language: str) -> Answers:
    texts = tuple(reply.text for reply in replies)
    wanted = prompt.reference
    return Answers(
        prompt.asked,
        wanted,
        lane.name,
        texts,
        tuple(overlap(text, wanted).rouge_l for text in texts) if wanted else (),
        tuple(100 * rouge_l(text, wanted, language) for text in texts) if wanted else (),
        sum(reply.stopped == "length" for reply in replies) / len(replies),
    )

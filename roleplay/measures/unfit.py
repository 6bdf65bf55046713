"""What makes a corpus unfit for training: leaks over the held-out border, and too many repeats."""

import re
from dataclasses import dataclass

from roleplay.dataset.corpus import Corpus
from roleplay.errors import Fault
from roleplay.measures.leaks import find_leaks
from roleplay.measures.near_texts import Alike
from roleplay.measures.repeats import Repeat, Repeats, find_repeats
from roleplay.measures.said import said_in
from roleplay.text import one_line

_LINE = re.compile(r"(.*):(\d+)")


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    leaks: tuple[Repeat, ...]
    """Held-out texts that stand in training too; one is too many."""
    answers: Repeats
    """Answers that could be left out."""
    dialogues: Repeats
    """Dialogues of several answers that could be left out."""
    faults: tuple[Fault, ...]
    """Each leak, and, where a share is above the allowed, each repeat; empty if the corpus passes."""


def check_corpus(corpus: Corpus, similarity: float, max_duplicates: float) -> Checked:
    """Look for both. Two texts are one said twice from a likeness of `similarity` on; `max_duplicates` is a share."""
    spoken, alike = said_in(corpus), Alike(similarity)
    leaks = find_leaks(spoken, alike)
    answers, dialogues = (find_repeats(said, alike) for said in (spoken.answers, spoken.dialogues))
    faults = [_fault(leak, "is held out, yet {} in training at {}") for leak in leaks]
    for repeats in (dialogues, answers):
        if repeats.share > max_duplicates:
            faults += [_fault(repeat, "{} once more at {}") for repeat in repeats.found]
    return Checked(leaks, answers, dialogues, tuple(faults))


def _fault(repeat: Repeat, problem: str) -> Fault:
    found = _LINE.fullmatch(repeat.place.source)
    file, line = (found[1], int(found[2])) if found else (repeat.place.source, None)
    how = "stands" if repeat.likeness == 1 else f"nearly stands ({repeat.likeness:.2f} alike)"
    return Fault(
        file,
        line,
        "dialogue" if repeat.place.turn is None else f"turn {repeat.place.turn}",
        f"{problem.format(how, repeat.other)} (seen: {one_line(repeat.text)})",
        "reword one of the two or leave it out",
    )

"""What the narration beside a quotation says about who speaks."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Cue:
    """The subject of a sentence beside a quotation."""

    word: str
    """A known name as the book writes it, or a pronoun."""
    pronoun: bool
    """Whether it is a pronoun of the third person."""
    strong: bool
    """Whether the sentence says that its subject speaks; otherwise it only acts beside the quotation."""


class Grammar(Protocol):
    """How one language tells who speaks."""

    def before(self, text: str) -> Cue | None:
        """From narration that ends where a quotation begins."""

    def after(self, text: str) -> Cue | None:
        """From narration that begins where a quotation ends."""

    def means(self, pronoun: str, name: str) -> bool:
        """Whether `pronoun` is one of the third person that can stand for `name`."""

    def called(self, text: str) -> frozenset[str]:
        """Speakers whom a quotation addresses by name."""

    def mentioned(self, text: str) -> frozenset[str]:
        """Speakers whose names stand in narration."""

    def sentences(self, text: str) -> list[str]:
        """Sentences of a short piece of narration."""


def cues_of(gaps: list[str], grammar: Grammar) -> list[Cue | None]:
    """A cue for each quotation of a paragraph; `gaps` is the narration before, between and after them.

    A quotation without a cue of its own is said by who said the one before it; those at the head borrow from the
    first that has one.
    """
    found: list[Cue | None] = []
    own_lead = False
    for i in range(len(gaps) - 1):
        lead = _lead(gaps[i], i == 0, own_lead, grammar)
        tail = grammar.after(gaps[i + 1])
        own_lead = lead is not None and lead.strong
        if own_lead:
            found.append(lead)
        elif tail is not None and tail.strong and not (i and found[-1] and _goes_on(gaps[i], grammar)):
            found.append(lead if lead is not None and grammar.means(tail.word, lead.word) else tail)
        elif i:
            found.append(lead if lead is not None and not lead.pronoun else found[-1])
        else:
            found.append(lead or tail)
    first = next((cue for cue in found if cue is not None), None)
    return [cue or first for cue in found]


def _lead(gap: str, first: bool, own_lead: bool, grammar: Grammar) -> Cue | None:
    """The cue before a quotation; a single sentence between two belongs to the earlier one unless that has its own."""
    if first:
        return grammar.before(gap)
    sentences = grammar.sentences(gap)
    alone = len(sentences) < 2 and not (own_lead and gap.rstrip().endswith((":", "：")))
    return None if alone else grammar.before(sentences[-1])


def _goes_on(gap: str, grammar: Grammar) -> bool:
    """Whether a quotation goes on after an interruption within one sentence: “A,” said X, “B.”"""
    return len(grammar.sentences(gap)) < 2 and gap.rstrip().endswith((",", "，", "—", ";", "；", "：", ":"))

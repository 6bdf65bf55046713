"""What the lanes are asked: held-out and trained turns, the card's own questions, and general ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from roleplay.cards.model import Card, Probe
from roleplay.cards.prompt import fill
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.unit import Unit
from roleplay.dialogue import Turn
from roleplay.evaluation.general import general_questions, languages
from roleplay.evaluation.scope import Scope
from roleplay.generation.lanes import LANES, Lane
from roleplay.text import draw, fingerprint

Part = Literal["heldout", "trained", "identity", "out_of_world", "general", "with_knowledge", "without_knowledge"]
"""Where a prompt comes from."""
_ALL = tuple(LANES.values())
_BARE = (LANES["persona"], LANES["base"])


@dataclass(frozen=True)
class Prompt:
    """A history that ends with the person's turn."""

    part: Part
    """Where it comes from."""
    turns: tuple[Turn, ...]
    """The history."""
    reference: str
    """What the corpus answers, names filled in, or what a book says; empty where nothing does."""
    group: str
    """Its dialogue: what it is resampled with."""
    lanes: tuple[Lane, ...]
    """Who is asked."""
    accept: tuple[str, ...] = ()
    """A right reply holds one of these."""
    forbid: tuple[str, ...] = ()
    """A wrong reply holds one of these."""
    passages: tuple[str, ...] = ()
    """What the character's books say to it; sent in the part `with_knowledge` alone."""

    @property
    def key(self) -> str:
        """Its name in a notebook."""
        return fingerprint("\x1e".join([self.part, self.group, *(f"{t.role}\x1f{t.text}" for t in self.turns)]))

    @property
    def asked(self) -> str:
        """The person's last turn."""
        return self.turns[-1].text

    @property
    def is_told(self) -> bool:
        """Whether one of the passages says what `reference` says, white space apart."""
        said = "".join(self.reference.split())
        return any(said in "".join(passage.split()) for passage in self.passages)


def prompts_of(corpus: Corpus, scope: Scope) -> list[Prompt]:
    """Everything that is asked, in the order of the parts; of too many a hash takes some, always the same."""
    card = corpus.voice.card
    heldout = [prompt for row in corpus.heldout() for prompt in _turns(row.unit, "heldout", card)]
    trained = [prompt for part in corpus.corpora for unit in part.train for prompt in _turns(unit, "trained", card)]
    return [
        *some_of(heldout, scope.heldout),
        *some_of(trained, scope.trained),
        *some_of([_probe(probe, "identity", card) for probe in card.probes.identity], scope.probes),
        *some_of([_probe(probe, "out_of_world", card) for probe in card.probes.out_of_world], scope.probes),
        *general_prompts(scope.general),
    ]


def general_prompts(count: int | None) -> list[Prompt]:
    """`count` general questions of each language that ships, `None` for all, without a persona's prefixes."""
    return [
        prompt
        for language in languages()
        for prompt in some_of(
            [
                Prompt("general", (Turn("user", one.question),), "", one.question, _BARE, accept=tuple(one.accept))
                for one in general_questions(language)
            ],
            count,
        )
    ]


def _turns(unit: Unit, part: Part, card: Card) -> Iterable[Prompt]:
    """Every answer of the character that a person's turn comes before; openings have many right answers."""
    turns = unit.dialogue.turns
    for i in unit.answers if unit.kind != "general" else ():
        if i > 0 and turns[i - 1].role == "user":
            yield Prompt(part, unit.history(i), fill(turns[i].text, card), unit.dialogue.identity, _ALL)


def _probe(probe: Probe, part: Part, card: Card) -> Prompt:
    accept, forbid = (tuple(fill(text, card) for text in texts) for texts in (probe.accept, probe.forbid))
    return Prompt(part, (Turn("user", fill(probe.question, card)),), "", probe.question, _ALL, accept, forbid)


def some_of(prompts: Sequence[Prompt], count: int | None) -> list[Prompt]:
    """`count` of them by a hash, in their own order."""
    if count is None or len(prompts) <= count:
        return list(prompts)
    chosen = sorted(range(len(prompts)), key=lambda at: draw(prompts[at].key, "evaluation"))[:count]
    return [prompts[at] for at in sorted(chosen)]

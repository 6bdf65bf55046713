"""Which answers of a dialogue share one sequence, and where a long dialogue is split.

A sample is what chat sends before an answer, plus the answer. Answers share a sequence only where each prompt begins
with everything before it, token for token; templates that rewrite earlier turns give each answer a sequence of its own.

A dialogue longer than the limit is split at turn borders. Each piece begins with earlier turns as untrained context
(about half a window), so that every answer is trained exactly once and sees what chat would show it; a system turn of
the dialogue's own leads every piece:

    turns   s u a u a u a u a u a
    unit 1  s u A u A u A
    unit 2  s         u a u A u A      capitals are trained
"""

import bisect
import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from roleplay.cards.model import KNOWLEDGE, Card, Prefix
from roleplay.cards.prompt import assemble
from roleplay.dataset.render import Renderer
from roleplay.dialogue import Dialogue, Turn


@dataclass(frozen=True)
class Unit:
    """Answers of one dialogue that are trained in one sequence."""

    dialogue: Dialogue
    """Where the turns come from."""
    start: int
    """Index of the first turn that is rendered."""
    answers: tuple[int, ...]
    """Indices of the turns that are trained; turns between are context."""
    kind: str
    """Kind of the corpus: `desc`, `dialogue` or `general`."""

    def history(self, answer: int) -> tuple[Turn, ...]:
        """The turns that are rendered before the turn `answer`."""
        return history(self.dialogue.turns[:answer], self.start)

    @functools.cached_property
    def identity(self) -> str:
        """Stable name for random draws; every epoch asks for it again."""
        return f"{self.dialogue.identity}/{self.start}/{self.answers[0]}"


class Recalls(Protocol):
    """Whatever brings passages to mind; the same turns bring the same ones."""

    @property
    def identity(self) -> str:
        """Changes with what there is to come to mind."""
        ...

    def __call__(self, turns: Sequence[Turn]) -> Sequence[str]:
        """Texts for the prefix that carries them."""
        ...


@dataclass(frozen=True)
class Voice:
    """Everything but the turns that a rendering depends on."""

    card: Card
    """Names and prefixes."""
    prefixes: tuple[Prefix, ...]
    """All switches, `template-default` included where the template has one."""
    renderer: Renderer
    """The base's tokenizer and template."""
    recall: Recalls | None = None
    """What comes to mind, for the prefix that carries it; `None` where nothing does."""

    def messages(self, turns: Sequence[Turn], active: Collection[str]) -> tuple[Turn, ...]:
        """Messages for the template; a system turn of the dialogue's own (general corpora) stays."""
        passages = self.recall(tuple(turns)) if self.recall is not None and KNOWLEDGE in active else ()
        return assemble(self.card, self.prefixes, active, turns, passages)

    def prompt_ids(self, turns: Sequence[Turn], active: Collection[str]) -> list[int]:
        """What chat sends to get the answer that follows `turns`."""
        return self.renderer.prompt_ids(self.messages(turns, active))

    def answer_ids(self, text: str) -> list[int]:
        """An answer with its end of turn."""
        return self.renderer.answer_ids(assemble(self.card, (), (), [Turn("assistant", text)])[0].text)


@dataclass
class Losses:
    """What the limit cost."""

    dropped: int = 0
    """Answers left out: their prompt alone fills the limit, or the template cannot open with them."""
    cut: int = 0
    """Answers that lost part of their history, or of their own text."""
    end_lost: int = 0
    """Answers cut so that their end of turn is not trained."""


@dataclass(frozen=True)
class Plan:
    """The units of several dialogues, as places in them: what planning finds out, and can be kept."""

    places: tuple[tuple[int, int, tuple[int, ...]], ...]
    """(index of the dialogue, first rendered turn, trained turns) of each unit."""
    losses: Losses
    """What the limit cost."""

    def units(self, dialogues: Sequence[Dialogue], kind: str) -> list[Unit]:
        """The units of the `dialogues` that were planned."""
        return [Unit(dialogues[at], start, answers, kind) for at, start, answers in self.places]


def plan_dialogues(voice: Voice, dialogues: Sequence[Dialogue], kind: str, limit: int, *, apart: bool = False) -> Plan:
    """Plan a corpus for every choice of prefixes that training may draw; `general` ones are trained without any.

    `apart` gives each answer a sequence of its own: what is kept and lost is the same, and found three times as fast.
    """
    drawn: list[tuple[str, ...]] = [()]
    if kind != "general":
        everything = tuple(p.id for p in voice.prefixes if p.train_probability > 0 or p.default)
        drawn = [everything, tuple(p.id for p in voice.prefixes if p.train_probability == 1)]
    losses = Losses()
    plan = functools.partial(plan_units, voice, kind=kind, drawn=drawn, limit=limit, losses=losses, apart=apart)
    units = [(at, unit) for at, dialogue in enumerate(dialogues) for unit in plan(dialogue)]
    return Plan(tuple((at, unit.start, unit.answers) for at, unit in units), losses)


def plan_units(
    voice: Voice,
    dialogue: Dialogue,
    kind: str,
    drawn: Sequence[Collection[str]],
    limit: int,
    losses: Losses,
    *,
    apart: bool = False,
) -> list[Unit]:
    """Split and group the answers of `dialogue`; `drawn` are the prefix choices that training may draw.

    Lengths are those of the first choice: pass the longest first. `limit` is in tokens. An opening that this template
    takes behind prefixes alone is a unit of its own: with all of them off it could not be asked for.
    """
    turns = dialogue.turns
    units: list[Unit] = []
    start, group, alone = 0, list[int](), False
    for i, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        opens = _is_opening(turns, i)
        if opens and not all(_can_open(voice, turns[:i], active) for active in drawn):
            losses.dropped += 1
            continue
        answer = len(voice.answer_ids(turn.text))
        begin = fit_start(voice, turns[:i], start, answer, drawn[0], limit)
        room = limit - len(voice.prompt_ids(history(turns[:i], begin), drawn[0]))
        if room <= 0:
            losses.dropped += 1
            continue
        losses.cut += begin > 0 or answer > room
        losses.end_lost += answer > room
        cut_off = apart or alone or begin != start
        if group and (cut_off or not _extends(voice, turns, begin, group[-1], i, [*drawn, ()])):
            units.append(Unit(dialogue, start, tuple(group), kind))
            group = []
        start, alone = begin, opens and not _can_open(voice, turns[:i], ())
        group.append(i)
    if group:
        units.append(Unit(dialogue, start, tuple(group), kind))
    return units


def fit_start(
    voice: Voice, turns: Sequence[Turn], start: int, reserve: int, active: Collection[str], limit: int
) -> int:
    """Where the rendered history begins so that the prompt for `turns` leaves `reserve` tokens below `limit`.

    `start` while that fits; else the first later user turn that leaves half the limit free, so that the head of the
    prompt then stays the same for many turns; else the last user turn. Training and chat share this rule.
    """
    if len(voice.prompt_ids(history(turns, start), active)) + reserve <= limit:
        return start
    first = max(start, len(_own_system(turns))) + 1
    borders = [i for i in range(first, len(turns)) if turns[i].role == "user"]

    def fits(border: int) -> bool:
        return len(voice.prompt_ids(history(turns, border), active)) + reserve <= max(limit // 2, reserve + 1)

    # A later border never gives a longer prompt, so that halving finds the first that fits.
    at = bisect.bisect_left(borders, True, key=fits)
    return borders[min(at, len(borders) - 1)] if borders else start


def history(turns: Sequence[Turn], start: int) -> tuple[Turn, ...]:
    """`turns` from `start` on, behind the system turn that the dialogue may begin with."""
    return (*(_own_system(turns) if start else ()), *turns[start:])


def _own_system(turns: Sequence[Turn]) -> Sequence[Turn]:
    return turns[:1] if turns and turns[0].role == "system" else ()


def needs_prefixes(voice: Voice, unit: Unit) -> bool:
    """Whether `unit` is an opening that nobody could ask for with all prefixes off."""
    before = unit.dialogue.turns[: unit.answers[0]]
    return all(turn.role == "system" for turn in before) and not _can_open(voice, before, ())


def _can_open(voice: Voice, before: Sequence[Turn], active: Collection[str]) -> bool:
    return voice.renderer.can_open(voice.messages(before, active))


def _is_opening(turns: Sequence[Turn], i: int) -> bool:
    return all(turn.role == "system" for turn in turns[:i])


def _extends(
    voice: Voice, turns: Sequence[Turn], start: int, before: int, i: int, variants: Sequence[Collection[str]]
) -> bool:
    """Whether the prompt of answer `i` begins with the prompt of answer `before` and that answer, in every variant."""
    for active in variants:
        head = voice.prompt_ids(history(turns[:before], start), active) + voice.answer_ids(turns[before].text)
        if voice.prompt_ids(history(turns[:i], start), active)[: len(head)] != head:
            return False
    return True

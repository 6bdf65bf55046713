"""How likely each lane finds held-out and trained lines, kept as it is found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from roleplay.cards.prompt import default_prefixes
from roleplay.dataset.corpus import Corpus, Row
from roleplay.dataset.sample import Sample, sample_with
from roleplay.dataset.unit import Voice
from roleplay.evaluation.asking import Replies, Reply, Tell
from roleplay.evaluation.lane_model import as_lane
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.prompts import Prompt
from roleplay.evaluation.scope import Scope
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import LANES, Lane
from roleplay.measures.divergence import Divergence, divergences
from roleplay.measures.likelihood import Likelihood, likelihoods
from roleplay.text import draw

Side = Literal["heldout", "trained"]
"""On which side of the held-out border lines lie."""
_AT_ONCE = 64
"""Samples between two notes."""


@dataclass(frozen=True)
class Scores:
    """Of one lane on one side."""

    likelihoods: tuple[Likelihood, ...]
    """Of each sequence."""
    groups: tuple[str, ...]
    """Its dialogue."""


def score(
    engine: Engine, corpus: Corpus, lanes: Sequence[Lane], scope: Scope, notebook: Notebook, tell: Tell
) -> dict[tuple[Side, str], Scores]:
    """Every lane on both sides, by side and lane name; a side without lines is left out."""
    found: dict[tuple[Side, str], Scores] = {}
    for side, lane in ((side, lane) for side in ("heldout", "trained") for lane in lanes):
        rows = _rows(corpus, side, lane, scope)  # type: ignore[arg-type]
        if rows:
            label = f"{side.replace('heldout', 'held-out')} lines, {lane.name}"
            scored = _score(engine, corpus, rows, lane, notebook, tell, label)
            found[side, lane.name] = Scores(tuple(scored), tuple(row.group for row in rows))  # type: ignore[index]
    return found


def _rows(corpus: Corpus, side: Side, lane: Lane, scope: Scope) -> list[Row]:
    active = tuple(default_prefixes(corpus.voice.prefixes)) if lane.prefix else ()
    if side == "heldout":
        return _some(corpus.heldout(active), scope.heldout_dialogues)
    parts = [part for part in corpus.corpora if part.kind != "general"]
    return _some([Row(unit, active) for part in parts for unit in part.train], scope.trained_dialogues)


def _some(rows: Sequence[Row], count: int | None) -> list[Row]:
    """`count` of them, by a hash."""
    return sorted(rows, key=lambda row: draw(row.unit.identity, "evaluation"))[:count]


def _score(
    engine: Engine, corpus: Corpus, rows: Sequence[Row], lane: Lane, notebook: Notebook, tell: Tell, label: str
) -> list[Likelihood]:
    keys = [f"score {lane.name} {row.name}" for row in rows]
    todo = [at for at, key in enumerate(keys) if key not in notebook]
    for start in range(0, len(todo), _AT_ONCE):
        tell(label, len(rows) - len(todo) + start, len(rows))
        part = todo[start : start + _AT_ONCE]
        with as_lane(engine, lane) as model:
            scored = likelihoods(model, [corpus.sample(rows[at]) for at in part], engine.pad)
        notebook.put({keys[at]: asdict(one) for at, one in zip(part, scored, strict=True)})
    tell(label, len(rows), len(rows))
    return [Likelihood(**notebook[key]) for key in keys]


def forgetting(
    engine: Engine,
    voice: Voice,
    prompts: Sequence[Prompt],
    replies: Replies,
    notebook: Notebook,
    tell: Tell,
    lane: Lane = LANES["persona"],
) -> list[Divergence]:
    """How likely the base's own answers to general questions are under the adapter of `lane`, without any prefix."""
    asked = [prompt for prompt in prompts if prompt.part == "general"]
    label, keys = "the base's own answers", [f"forgetting {lane.name} {prompt.key}" for prompt in asked]
    todo = [at for at, key in enumerate(keys) if key not in notebook]
    for start in range(0, len(todo), _AT_ONCE):
        tell(label, len(asked) - len(todo) + start, len(asked))
        part = todo[start : start + _AT_ONCE]
        samples = [_answered(voice, asked[at], replies[asked[at].key, "base"]) for at in part]
        with as_lane(engine, lane) as tuned:
            found = divergences(tuned, samples, engine.pad)
        notebook.put({keys[at]: asdict(one) for at, one in zip(part, found, strict=True)})
    tell(label, len(asked), len(asked))
    return [Divergence(**notebook[key]) for key in keys]


def _answered(voice: Voice, prompt: Prompt, reply: Reply) -> Sample:
    """The base's reply behind the bare question; its end of turn too, where the base ended by itself."""
    before = voice.prompt_ids(prompt.turns, ())
    answer = voice.renderer.answer_ids(reply.text) if reply.stopped == "end" else voice.renderer.text_ids(reply.text)
    return sample_with([*before, *answer], [(len(before), len(before) + len(answer))], len(reply.text))

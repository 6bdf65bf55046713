"""The replies of all lanes to all prompts, in batches, each kept as it comes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from roleplay.cards.model import KNOWLEDGE
from roleplay.cards.prompt import default_prefixes, switch
from roleplay.dataset.unit import Voice, fit_start
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.prompts import Prompt
from roleplay.evaluation.scope import Scope
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.generation.replies import reply_to
from roleplay.generation.settings import Sampling

Tell = Callable[[str, int, int], None]
"""Hears what is being done, and how much of it is done, of how much."""


@dataclass(frozen=True)
class Reply:
    """What a lane said to a prompt."""

    text: str
    """The whole of it."""
    tokens: int
    """Its end of turn included."""
    stopped: str
    """`end` by itself, `length` at the limit."""


Replies = dict[tuple[str, str], Reply]
"""By key of the prompt and name of the lane."""


def ask(
    engine: Engine, voice: Voice, prompts: Sequence[Prompt], scope: Scope, notebook: Notebook, tell: Tell
) -> Replies:
    """Every prompt in each of its lanes; what the notebook holds is not asked again."""
    todo = [(prompt, lane) for prompt in prompts for lane in prompt.lanes if _key(prompt, lane) not in notebook]
    total = sum(len(prompt.lanes) for prompt in prompts)
    sampling = Sampling(temperature=scope.temperature, top_p=1.0, max_new_tokens=scope.max_new_tokens, seed=scope.seed)
    done = total - len(todo)
    for batch in _batches(engine, voice, todo, sampling, scope.batch):
        tell("replies", done, total)
        replies = reply_to(engine, [lane for _, lane, _ in batch], [ids for _, _, ids in batch], sampling)
        notebook.put(
            {
                _key(prompt, lane): asdict(Reply(said.text, said.tokens, said.stopped))
                for (prompt, lane, _), said in zip(batch, replies, strict=True)
            }
        )
        done += len(batch)
    tell("replies", total, total)
    return {
        (prompt.key, lane.name): Reply(**notebook[_key(prompt, lane)]) for prompt in prompts for lane in prompt.lanes
    }


def _batches(
    engine: Engine, voice: Voice, todo: Sequence[tuple[Prompt, Lane]], sampling: Sampling, size: int
) -> Iterator[list[tuple[Prompt, Lane, list[int]]]]:
    """Prompts of one adapter and similar length lie together, so that little is padded and no row waits long."""
    rendered = [(prompt, lane, prompt_ids(engine, voice, prompt, lane, sampling)) for prompt, lane in todo]
    rendered.sort(key=lambda one: (one[1].name, len(one[2])))
    for start in range(0, len(rendered), size):
        yield rendered[start : start + size]


def prompt_ids(engine: Engine, voice: Voice, prompt: Prompt, lane: Lane, sampling: Sampling) -> list[int]:
    """What chat would send for it: the oldest turns leave where all of them leave no room for the reply.

    What comes to mind is sent where the part of the prompt says so, in every lane.
    """
    active = default_prefixes(voice.prefixes) if lane.prefix else []
    if any(prefix.id == KNOWLEDGE for prefix in voice.prefixes):
        active = switch(voice.prefixes, active, {KNOWLEDGE: prompt.part == "with_knowledge"})
    context = engine.base.context
    reserve = min(sampling.max_new_tokens, context // 2)
    start = fit_start(voice, prompt.turns, 0, reserve, active, context)
    return voice.prompt_ids(prompt.turns[start:], active)


def _key(prompt: Prompt, lane: Lane) -> str:
    return f"reply {lane.name} {prompt.key}"

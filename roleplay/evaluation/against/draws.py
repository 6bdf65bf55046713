"""Replies drawn by both adapters at the same prompts with the same seeds, for whoever judges replies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from roleplay.dataset.unit import Voice
from roleplay.dialogue import Turn
from roleplay.evaluation.asking import Reply, Tell, prompt_ids
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.prompts import Prompt
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import Lane
from roleplay.generation.replies import reply_to
from roleplay.generation.settings import Sampling
from roleplay.preference.rewards.judged import Judged

TEMPERATURE = 0.8
"""What replies are drawn at: as a chat does, for a likeliest reply alone may hide what most replies are like."""
PER_PROMPT = 2
"""Replies of an adapter to a prompt."""
MOST = 64
"""Prompts at most."""


@dataclass(frozen=True)
class Drawn:
    """One reply."""

    prompt: Prompt
    """What it answers."""
    number: int
    """Its seed."""
    ids: tuple[int, ...]
    """Tokens of the prompt as the model was asked."""
    reply: Reply
    """What was said."""
    said: tuple[int, ...]
    """Its tokens, read from its text; with the end of turn where it ended by itself."""

    @property
    def key(self) -> str:
        """The same for the replies of both adapters."""
        return f"{self.prompt.key} {self.number}"

    @property
    def judged(self) -> Judged:
        """What a reward sees of it."""
        return Judged(self.prompt.turns, self.reply.text.strip(), self.reply.stopped == "end", self.ids, self.said)


def draw_replies(
    engine: Engine,
    voice: Voice,
    prompts: Sequence[Prompt],
    side: str,
    lane: Lane,
    max_new_tokens: int,
    batch: int,
    notebook: Notebook,
    tell: Tell,
) -> list[Drawn]:
    """`PER_PROMPT` replies of `lane` to each prompt; `side` names it in the notebook, and what that holds is kept."""
    sampling = [Sampling(TEMPERATURE, 1.0, max_new_tokens=max_new_tokens, seed=seed) for seed in range(PER_PROMPT)]
    ids = {prompt.key: prompt_ids(engine, voice, prompt, lane, sampling[0]) for prompt in prompts}
    order = sorted(prompts, key=lambda prompt: len(ids[prompt.key]))
    total = len(prompts) * PER_PROMPT
    for number, how in enumerate(sampling):
        todo = [prompt for prompt in order if _key(side, prompt, number) not in notebook]
        for start in range(0, len(todo), batch):
            tell(f"{side}: drawn replies", number * len(prompts) + start, total)
            part = todo[start : start + batch]
            found = reply_to(engine, [lane] * len(part), [ids[prompt.key] for prompt in part], how)
            notebook.put(
                {
                    _key(side, prompt, number): asdict(Reply(one.text, one.tokens, one.stopped))
                    for prompt, one in zip(part, found, strict=True)
                }
            )
    return [
        _drawn(voice, prompt, number, ids[prompt.key], Reply(**notebook[_key(side, prompt, number)]))
        for prompt in prompts
        for number in range(PER_PROMPT)
    ]


def asked_of(turns: Sequence[Turn], group: str, lane: Lane) -> Prompt:
    """A question of a pair as a prompt."""
    return Prompt("heldout", tuple(turns), "", group, (lane,))


def _drawn(voice: Voice, prompt: Prompt, number: int, ids: Sequence[int], reply: Reply) -> Drawn:
    renderer = voice.renderer
    said = renderer.answer_ids(reply.text) if reply.stopped == "end" else renderer.text_ids(reply.text)
    return Drawn(prompt, number, tuple(ids), reply, tuple(said))


def _key(side: str, prompt: Prompt, number: int) -> str:
    return f"drawn {side} {number} {prompt.key}"

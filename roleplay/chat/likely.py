"""How likely a base finds a question behind a passage: what reranks the passages that search has found.

Query likelihood as a reader of passages (Sachan et al. 2022, arXiv 2204.07496), here with the character's own base.
"""

from collections.abc import Sequence

from roleplay.dataset.render import Renderer, make_renderer
from roleplay.dialogue import Turn
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import LANES
from roleplay.models.base import choose_device, load_base
from roleplay.models.spec import parse_spec

_ROWS = 8
"""Passages that are computed at once."""


class Likelihood:
    """A base that reads passages, without any adapter."""

    def __init__(self, engine: Engine, renderer: Renderer) -> None:
        self.engine, self.renderer = engine, renderer

    def __call__(self, question: str, passages: Sequence[str]) -> list[float]:
        """Mean log-probability of the question's tokens after each passage, in nats.

        Raises ContextFull where a passage and the question are longer than the base takes.
        """
        reply = self.renderer.text_ids(question)
        prompts = [self.renderer.prompt_ids([Turn("user", passage)]) for passage in passages]
        scores: list[float] = []
        for at in range(0, len(prompts), _ROWS):
            some = prompts[at : at + _ROWS]
            rows = self.engine.score([LANES["base"]] * len(some), some, [reply] * len(some))
            scores += [sum(row) / max(len(row), 1) for row in rows]
        return scores


def open_likelihood(base: str) -> Likelihood:
    """With a base by name, folder or hub id. Raises BaseModelError or TemplateError."""
    loaded = load_base(parse_spec(base), dtype=None, device=choose_device("auto"))
    renderer = make_renderer(loaded.tokenizer)
    return Likelihood(Engine(loaded, None, [renderer.traits.end_of_turn_id]), renderer)

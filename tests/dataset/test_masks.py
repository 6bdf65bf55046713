"""One sheet a family in `golden/`: prompts as chat sends them, and samples with what is trained in «»."""

from collections.abc import Callable
from pathlib import Path

import pytest
from families import FAMILIES, REAL

from roleplay.cards.load import CardFile
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import Sample, build_sample
from roleplay.dataset.unit import needs_prefixes
from roleplay.dialogue import Turn

Painter = Callable[[Renderer, Sample], str]
S, U, A, G = Turn("system", "S"), Turn("user", "a"), Turn("assistant", "b"), Turn("assistant", "g")
PROMPTS = {
    "user": [U],
    "system, user": [S, U],
    "system, user, answer, user": [S, U, A, U],
    "opening, user": [G, U],
    "system, opening, user": [S, G, U],
    "system": [S],
    "nothing": [],
}
ALIKE = {"qwen2": "chatml", "minimind": "empty-thought", "default-system-bos": "default-system"}
"""Families whose sheet is that of another."""


def sheet(renderer: Renderer, corpus: Corpus, painted: Painter) -> str:
    parts = []
    for title, turns in PROMPTS.items():
        refused = len(turns) < 2 and U not in turns and not renderer.can_open(turns)
        text = "(the template cannot open)" if refused else renderer.tokenizer.decode(renderer.prompt_ids(turns))
        parts.append(f"=== prompt: {title}\n{text}")
    units = [unit for part in corpus.corpora for unit in (*part.train, *part.heldout)]
    for active in ((), ("who", "manner")):
        for unit in sorted(units, key=lambda unit: (unit.dialogue.source, unit.answers)):
            if needs_prefixes(corpus.voice, unit) and not active:
                continue
            if unit.dialogue.turns[0].text in ("Hi.", "Wait, {{user}}.", "Hush, {{user}}."):
                sample = build_sample(corpus.voice, unit, active, corpus.limit)
                parts.append(f"=== sample, prefixes on: {', '.join(active) or 'none'}\n{painted(renderer, sample)}")
    return "\n".join(parts) + "\n"


@pytest.mark.parametrize("family", [*FAMILIES, *REAL])
def test_what_chat_sends_and_what_is_trained(
    family: str,
    renderer_of: Callable[[str], Renderer],
    character: Callable[..., CardFile],
    painted: Painter,
) -> None:
    renderer = renderer_of(family)
    corpus = build_corpus(character(), renderer, limit=400, seed=1)

    golden = Path(__file__).parent / "golden" / f"{ALIKE.get(family, family)}.txt"
    assert sheet(renderer, corpus, painted) == golden.read_text(encoding="utf-8")

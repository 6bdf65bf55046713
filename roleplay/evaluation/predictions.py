"""Replies to held-out prompts in the form of LLaMA-Factory's `generated_predictions.jsonl`."""

import json
from collections.abc import Sequence

from roleplay.cards.prompt import default_prefixes
from roleplay.dataset.unit import Voice
from roleplay.evaluation.asking import Reply
from roleplay.evaluation.prompts import Prompt
from roleplay.generation.lanes import Lane


def predictions(voice: Voice, lane: Lane, told: Sequence[tuple[Prompt, Reply]]) -> str:
    """JSON lines of `prompt` (the text of what the model was sent), `predict` and `label`."""
    active = default_prefixes(voice.prefixes) if lane.prefix else []
    lines = [
        json.dumps(
            {
                "prompt": voice.renderer.tokenizer.decode(voice.prompt_ids(prompt.turns, active)),
                "predict": reply.text,
                "label": prompt.reference,
            },
            ensure_ascii=False,
        )
        for prompt, reply in told
    ]
    return "".join(line + "\n" for line in lines)

"""A card whose prefix has a wanted number of tokens, with dialogues of one length, in the words of one that ships."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from roleplay.cards.load import CardFile, load_card
from roleplay.corpora.native import read_native
from roleplay.dataset.build import build_corpus
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import common_length
from roleplay.dialogue import Turn
from tests.bench.training.case import SAMPLES_A_STEP

_CORPORA = Path(__file__).parents[3] / "data" / "corpora" / "yui"
_REST = (101, 115)
_FOR_PREFIX = 4000
"""Characters of the text that no dialogue is cut from."""
_SPARE = 1.3
"""Dialogues that are written for each that is trained: a tenth is held out, by a hash."""


def write_card(folder: Path, renderer: Renderer, *, prefix: int, samples: int) -> CardFile:
    """A card in `folder` with at least so many `samples` to train, which all begin with the same `prefix` tokens.

    What they share is the prompt up to what the person says, within 2 tokens of `prefix` where no text gives just that
    many. The rest of each has 100 to 116 tokens, the last two thirds of which are trained.
    """
    text = _text()
    who = _cut(text[:_FOR_PREFIX], prefix, lambda part: len(_head(renderer, part)))
    (folder / "measured").mkdir(parents=True, exist_ok=True)
    with (folder / "measured" / "talk.jsonl").open("w", encoding="utf-8") as file:
        for turns in _dialogues(renderer, text[_FOR_PREFIX:], round(samples * _SPARE) + SAMPLES_A_STEP):
            file.write(json.dumps(turns, ensure_ascii=False) + "\n")
    card = {
        "schema": 1,
        "name": "measured",
        "display_name": "结衣",
        "user_name": "学长",
        "language": "zh",
        "prefixes": [{"id": "who", "text": who}],
        "corpora": [{"path": "measured/talk.jsonl", "kind": "dialogue"}],
    }
    path = folder / "measured.yaml"
    path.write_text(yaml.safe_dump(card, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_card(path)


def step_samples(card_file: CardFile, renderer: Renderer, steps: int) -> list[Sample]:
    """Samples of so many optimizer steps as a run has them: planned, rendered, through the gate, in its order."""
    corpus = build_corpus(card_file, renderer, limit=4096, seed=0)
    corpus.check(1)
    rows = corpus.epoch(0)[: steps * SAMPLES_A_STEP]
    if len(rows) < steps * SAMPLES_A_STEP:
        raise ValueError(f"{card_file.path.name} has {len(rows)} samples, too few for {steps} steps; write more")
    return [corpus.sample(row) for row in rows]


def _dialogues(renderer: Renderer, text: str, count: int) -> list[list[dict[str, str]]]:
    draw = np.random.default_rng(7)
    one = [Turn("system", "a"), Turn("user", "a")]
    around = len(renderer.prompt_ids(one)) - len(_head(renderer, "a")) - renderer.count("a")
    found: list[list[dict[str, str]]] = []
    for _ in range(count):
        rest = int(draw.integers(_REST[0], _REST[1] + 1))
        said = _cut(text, rest // 3 - around, renderer.count)
        text = text[text.index(said) + len(said) :]
        answer = _cut(text, rest - rest // 3, lambda part: len(renderer.answer_ids(part)))
        text = text[text.index(answer) + len(answer) :]
        found.append([{"user": said}, {"char": answer}])
    return found


def _head(renderer: Renderer, text: str) -> list[int]:
    """What every prompt with `text` as its prefix begins with, whatever is said."""
    prompts = [renderer.prompt_ids([Turn("system", text), Turn("user", said)]) for said in ("a", "学")]
    return prompts[0][: common_length(*prompts)]


def _cut(text: str, wanted: int, count: Callable[[str], int]) -> str:
    """The beginning of `text` with `wanted` tokens, at most 2 more or fewer. Raises ValueError where there is none."""
    low, high = 1, min(len(text), 8 * wanted)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if count(text[:middle].strip() or "a") >= wanted else (middle + 1, high)
    near = [part for k in range(max(1, low - 8), low + 9) if (part := text[:k].strip())]
    best = min(near, key=lambda part: abs(count(part) - wanted), default="")
    if not best or abs(count(best) - wanted) > 2:
        raise ValueError(f"no beginning of the text has {wanted} tokens; choose another number, or add corpora")
    return best


@cache
def _text() -> str:
    """Everything that is said in the corpora of yui, one turn after the other: enough for some 180 samples."""
    paths = [_CORPORA / f"{kind}.yaml" for kind in ("dialogue", "desc")]
    turns = [turn.text for path in paths for dialogue in read_native(path) for turn in dialogue.turns]
    return " ".join(" ".join(text.split()) for text in turns if "{{" not in text)

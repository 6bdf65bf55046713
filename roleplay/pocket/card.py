"""The model card of `pocket`: every number in it is measured here, or was logged by the pretraining."""

import io
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from roleplay.dataset.render import make_renderer
from roleplay.dialogue import Turn
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.models.base import Base, load_base
from roleplay.models.spec import parse_spec
from roleplay.paths import write_file
from roleplay.pocket.config import Recipe, Stage
from roleplay.pocket.mixture import HELDOUT, Messages, heldout_rows

CHATS = 60
"""Held-out chats of each kind that are scored."""

_KINDS = {"zh": "Chinese chat", "en": "English chat", "own": "written for pocket"}
_COLOURS = {"zh": "#c2543c", "en": "#2f6f9f", "own": "#5b8c5a"}
_SAMPLING = Sampling(temperature=0.7, top_p=0.9, repetition_penalty=1.1, max_new_tokens=80, seed=1)

PROMPTS = (
    ("", "你好！"),
    ("", "今天好累啊。"),
    ("", "晚饭吃什么好呢？"),
    ("", "我有点想家。"),
    ("", "讲个小故事吧。"),
    ("", "月亮离我们有多远？"),
    ("", "我和朋友吵架了。"),
    ("你叫阿岚，是一个守灯塔的人，喜欢海鸟。", "你叫什么？"),
    ("你是修钟表的老杜，话不多。", "你每天都做什么？"),
    ("你是一个耐心的助手。", "我睡不着怎么办？"),
    ("", "Hello! How are you?"),
    ("", "What do you like to eat?"),
    ("", "I had a bad day."),
    ("", "What are you doing this weekend?"),
    ("", "Tell me a joke."),
    ("", "Who won the election in 1911?"),
    ("", "My cat is ill and I am worried."),
    ("Your name is Ben. You are a baker and you live by the sea.", "What is your name?"),
    ("You are Mags, who drives the night bus.", "Do you like your job?"),
    ("You are a helpful assistant.", "Tell me a short story."),
)
"""(system prompt, what the person says); answers are printed as they come."""


@dataclass(frozen=True)
class Point:
    """Held-out losses at one moment of the pretraining."""

    stage: str
    """Stage of the recipe."""
    tokens: int
    """Tokens seen so far."""
    loss: dict[str, float]
    """Kind of held-out chat -> nats per token."""


def write_card(recipe: Recipe, text: Path, target: Path) -> None:
    """Measure the `pocket` in `target` and write `README.md` and `curves.png` beside it.

    `text` is the folder of the training text: held-out chats are read from there.
    """
    base = load_base(parse_spec(str(target)), dtype=torch.float32, device="cpu")
    draw = random.Random(0)

    def rows(kind: str) -> list[str | Messages]:
        found = heldout_rows(text, target / "chats", kind)
        return draw.sample(found, min(CHATS, len(found)))

    curve = read_curve(target / "metrics.jsonl", recipe.tokens_per_step)
    draw_curves(curve, target / "curves.png")
    shape = recipe.shape
    card = _CARD.format(
        parameters=sum(parameter.numel() for parameter in base.model.parameters()) / 1e6,
        layers=shape.layers,
        hidden=shape.hidden_size,
        heads=shape.heads,
        vocab=shape.vocab_size,
        context=shape.context,
        tokens=curve[-1].tokens / 1e6,
        curve="\n".join(_curve_row(row) for row in curve),
        bits="\n".join(f"| {_KINDS[kind]} | {heldout_bits(base, rows(kind)):.3f} |" for kind in HELDOUT),
        chats=CHATS,
        stages="\n".join(_stage_row(stage) for stage in recipe.stages),
        ablations=Path(__file__).with_name("ablations.md").read_text(encoding="utf-8").strip(),
        replies="\n".join(_replies(base)),
        sampling=_SAMPLING,
    )
    write_file(target / "README.md", card)


def heldout_bits(base: Base, rows: Sequence[str | Messages]) -> float:
    """Bits per character of chats in the template; only what is said counts as characters."""
    nats, characters = 0.0, 0
    for row in rows:
        rendered = str(base.tokenizer.apply_chat_template(row, tokenize=False))
        ids = base.tokenizer(rendered, return_tensors="pt", add_special_tokens=False)["input_ids"]
        if isinstance(row, str) or int(ids.shape[1]) > base.context:
            continue
        with torch.inference_mode():
            nats += float(base.model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        characters += sum(len(message["content"]) for message in row)
    return nats / math.log(2) / characters


def read_curve(metrics: Path, tokens_per_step: int) -> list[Point]:
    """Held-out losses of a pretraining, in the order in which they were logged; a stage goes on where one ended."""
    begun, points = 0, [Point("", 0, {})]
    for line in metrics.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if points[-1].stage != entry["stage"]:
            begun = points[-1].tokens
        tokens = begun + entry["step"] * tokens_per_step
        for kind in HELDOUT:
            if entry["step"] and f"eval_{kind}_loss" in entry:
                if points[-1].tokens != tokens:
                    points.append(Point(entry["stage"], tokens, {}))
                points[-1].loss[kind] = entry[f"eval_{kind}_loss"]
    return points[1:]


def draw_curves(curve: Sequence[Point], path: Path) -> None:
    """Write a PNG of the held-out losses by tokens seen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for kind, colour in _COLOURS.items():
        values = [(point.tokens / 1e6, point.loss[kind]) for point in curve]
        axes.plot(*zip(*values, strict=True), color=colour, linewidth=2, marker="o", markersize=3, label=_KINDS[kind])
    axes.set(xlabel="tokens seen (millions)", ylabel="held-out loss (nats per token)")
    axes.grid(axis="y", color="#e4e8ee")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_file(path, buffer.getvalue())


def _curve_row(point: Point) -> str:
    losses = " | ".join(f"{point.loss[kind]:.3f}" for kind in HELDOUT)
    return f"| {point.stage} | {point.tokens / 1e6:.2f} M | {losses} |"


def _stage_row(stage: Stage) -> str:
    mixture = ", ".join(f"{name} {share:.0%}" for name, share in stage.mixture.items())
    rates = f"{stage.peak_lr:g} → {stage.final_lr:g}"
    return f"| {stage.name} | {stage.tokens / 1e6:.1f} M | {stage.sequence} | {rates} | {mixture} |"


def _replies(base: Base) -> Iterator[str]:
    engine = Engine(base, None, [base.tokenizer.eos_token_id])
    renderer = make_renderer(base.tokenizer)
    for system, said in PROMPTS:
        turns = [Turn("system", system)] if system else []
        prompt = renderer.prompt_ids([*turns, Turn("user", said)])
        events = engine.stream([LANES["base"]], [prompt], _SAMPLING)
        finished = [event for event in events if isinstance(event, Finished)]
        answer = " ".join(finished[0].text.split()).replace("|", "\\|")
        yield f"| {system or '—'} | {said} | {answer} |"


_CARD = """---
language: [zh, en]
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---

# pocket

A demonstration base: a bilingual chat model of {parameters:.1f} M parameters, small enough to be tuned and talked to on
two CPU cores.

Llama-shaped: {layers} layers, {hidden} wide, {heads} heads, tied embeddings, {vocab} byte-level BPE tokens, ChatML
template, context {context}. Weights in bfloat16.

## Limits

It takes turns and stops; it knows next to nothing, loses the thread quickly and invents freely, facts about people and
the world among them. Chinese is mostly the register of counselling and of small talk. Nothing was done to make it safe
beyond leaving some text out. Choose a real base for anything but trying roleplay out.

## Training

{tokens:.1f} M tokens, on two CPU cores, with `python -m roleplay.pocket.pretrain` (recipe in
`roleplay/pocket/pretrain.yaml`; Muon for the matrices, AdamW for the rest).

| stage | tokens | sequence | learning rate | mixture |
| --- | --- | --- | --- | --- |
{stages}

![held-out loss by tokens seen](curves.png)

Held-out loss, nats per token:

| stage | tokens seen | Chinese chat | English chat | written for pocket |
| --- | --- | --- | --- | --- |
{curve}

Of up to {chats} held-out chats of each kind, with the shipped weights (template tokens are predicted too; only what is
said counts as characters):

| held-out chat | bits per character |
| --- | --- |
{bits}

{ablations}

## Replies, as they came

Temperature {sampling.temperature:g}, top-p {sampling.top_p:g}, repetition penalty {sampling.repetition_penalty:g}, seed
{sampling.seed}; first and only draw.

| system prompt | user | pocket |
| --- | --- | --- |
{replies}

## Text

| source | licence |
| --- | --- |
| SMILE (qiuhuachuan/smile), counselling dialogues; those that mention self-harm or abuse left out | CC0-1.0 |
| KdConv and CrossWOZ (thu-coai) | Apache-2.0 |
| chatterbot-corpus | BSD |
| Synthetic-Persona-Chat and Taskmaster-4 (google-research-datasets) | CC-BY-4.0 |
| Topical-Chat (alexa) | CDLA-Sharing-1.0 |
| 96 novels published before 1929 (computationalstylistics/100_english_novels) | public domain |
| 25 vernacular novels, Ming and Qing (NiuTrans/Classical-Modern) | MIT, public domain |
| `chats/`: dialogues written for pocket | Apache-2.0 |

None of the third-party text is part of this repository. The dialogues of the characters that ship were never seen.
"""

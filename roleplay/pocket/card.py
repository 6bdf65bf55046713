"""The model card of `pocket`: every number in it was logged by the pretraining, or measured on what ships."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from roleplay.errors import BaseModelError
from roleplay.paths import shown, write_file
from roleplay.pocket.compared import KINDS, Compared, section
from roleplay.pocket.config import Recipe, Stage
from roleplay.pocket.mixture import HELDOUT
from roleplay.text import one_line

ROWS = 16
"""Moments of the curve that are tabled at most; the picture and `metrics.jsonl` have all."""
_COLOURS = {"zh": "#c2543c", "en": "#2f6f9f", "own": "#5b8c5a"}


@dataclass(frozen=True)
class StageDone:
    """What became of one stage."""

    name: str
    """As in the recipe."""
    tokens: int
    """Tokens trained on."""
    seconds: float
    """All slices together."""
    ended: str
    """Why it ended."""


@dataclass(frozen=True)
class Candidate:
    """Weights that could have been shipped, with held-out bits per character."""

    weights: str
    """The last, or an average of several."""
    zh: float
    """Of Chinese chat."""
    en: float
    """Of English chat."""
    own: float
    """Of what was written for `pocket`."""


@dataclass(frozen=True)
class Pretrained:
    """What a pretraining says of itself in `pretrained.json`."""

    hardware: str
    """What it ran on."""
    seconds: float
    """All stages together."""
    tokens: int
    """Tokens trained on in all."""
    passes: dict[str, float]
    """Source -> how often all of its training text was seen."""
    stages: tuple[StageDone, ...]
    """In order."""
    weights: str
    """Which of the candidates ships."""
    candidates: tuple[Candidate, ...]
    """All that were scored."""
    versions: dict[str, str]
    """Library -> version."""


@dataclass(frozen=True)
class Point:
    """Held-out figures at one moment of the pretraining."""

    stage: str
    """Stage of the recipe."""
    tokens: int
    """Tokens seen so far."""
    bits: dict[str, float]
    """Kind of held-out chat -> bits per character."""


def write_card(recipe: Recipe, folder: Path, ablations: str, compared: Compared) -> None:
    """Write `README.md` and `curves.png` into the pocket in `folder`, of its own files and of what `compared` measured.

    `ablations` is a part of the page. Raises BaseModelError where the pretraining's files are missing or damaged.
    """
    done = read_pretrained(folder / "pretrained.json")
    curve = read_curve(folder / "metrics.jsonl")
    draw_curves(curve, folder / "curves.png")
    stages = {stage.name: stage for stage in recipe.stages}
    now = compared.pockets[-1]
    card = _CARD.format(
        shape=recipe.shape,
        parameters=now.parameters / 1e6,
        speed=now.tokens_per_second,
        done=done,
        tokens=done.tokens / 1e6,
        time=_time(done.seconds),
        versions=", ".join(f"{name} {version}" for name, version in done.versions.items()),
        stages="\n".join(_stage_row(stages[one.name], one) for one in done.stages if one.name in stages),
        passes=", ".join(f"{name} {count:.2g}" for name, count in done.passes.items()),
        candidates="\n".join(
            f"| {one.weights} | {one.zh:.3f} | {one.en:.3f} | {one.own:.3f} |" for one in done.candidates
        ),
        curve="\n".join(_curve_row(row) for row in _thinned(curve)),
        compared=section(compared).strip(),
        ablations=ablations.strip(),
    )
    write_file(folder / "README.md", card)


def read_pretrained(path: Path) -> Pretrained:
    """Read what a pretraining left. Raises BaseModelError where it is missing or damaged."""
    try:
        return TypeAdapter(Pretrained).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BaseModelError(
            f"{shown(path)} is missing or damaged ({one_line(str(error), 160)}); let "
            "'python -m roleplay.pocket.pretrain' come to its end"
        ) from error


def read_curve(metrics: Path) -> list[Point]:
    """Held-out bits per character of a pretraining, in the order in which they were logged."""
    points: list[Point] = []
    for line in metrics.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        bits = {kind: entry[f"eval_{kind}_bits"] for kind in HELDOUT if f"eval_{kind}_bits" in entry}
        if not bits or not entry["tokens"]:  # nothing was learned yet: it would flatten the picture
            continue
        if not points or (points[-1].stage, points[-1].tokens) != (entry["stage"], entry["tokens"]):
            points.append(Point(entry["stage"], entry["tokens"], {}))
        points[-1].bits.update(bits)
    return points


def draw_curves(curve: Sequence[Point], path: Path) -> None:
    """Write a PNG of the held-out bits by tokens seen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for kind, colour in _COLOURS.items():
        tokens = [point.tokens / 1e6 for point in curve]
        bits = [point.bits[kind] for point in curve]
        axes.plot(tokens, bits, color=colour, linewidth=2, marker="o", markersize=3, label=KINDS[kind])
    axes.set(xlabel="tokens seen (millions)", ylabel="held-out bits per character")
    axes.grid(axis="y", color="#e4e8ee")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_file(path, buffer.getvalue())


def _thinned(curve: Sequence[Point]) -> list[Point]:
    """At most `ROWS` moments, evenly chosen, the last among them."""
    last = len(curve) - 1
    if last < ROWS:
        return list(curve)
    return [curve[round(i * last / (ROWS - 1))] for i in range(ROWS)]


def _curve_row(point: Point) -> str:
    bits = " | ".join(f"{point.bits[kind]:.3f}" for kind in HELDOUT)
    return f"| {point.stage} | {point.tokens / 1e6:.2f} M | {bits} |"


def _stage_row(stage: Stage, done: StageDone) -> str:
    mixture = ", ".join(f"{name} {share:.0%}" for name, share in stage.mixture.items())
    rates = f"{stage.peak_lr:g}, kept" if stage.schedule == "stable" else f"{stage.peak_lr:g} → {stage.final_lr:g}"
    cells = (stage.name, f"{done.tokens / 1e6:.1f} M of {stage.tokens / 1e6:.1f} M", _time(done.seconds), done.ended)
    return "| " + " | ".join([*cells, str(stage.sequence), rates, mixture]) + " |"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


_CARD = """---
language: [zh, en]
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---

# pocket

A demonstration base: a bilingual chat model of {parameters:.1f} M parameters, small enough to be tuned and talked to
without a GPU ({speed:.0f} tokens a second with two threads).

Llama-shaped: {shape.layers} layers, {shape.hidden_size} wide, {shape.heads} heads, tied embeddings, {shape.vocab_size}
byte-level BPE tokens, ChatML template, context {shape.context}. Weights in bfloat16.

## Limits

It takes turns and stops; it knows next to nothing, loses the thread quickly and invents freely, facts about people and
the world among them. Chinese is mostly the register of counselling and of small talk. Nothing was done to make it safe
beyond leaving some text out. Choose a real base for anything but trying roleplay out.

## Training

{tokens:.1f} M tokens in {time} on {done.hardware} ({versions}), with `python -m roleplay.pocket.pretrain` (Muon for the
matrices, AdamW for the rest).

| stage | tokens | time | ended by | sequence | learning rate | mixture |
| --- | --- | --- | --- | --- | --- | --- |
{stages}

Passes over the training text of each source: {passes}.

![held-out bits per character by tokens seen](curves.png)

Held-out text in packed sequences, bits per character:

| stage | tokens seen | Chinese chat | English chat | written for pocket |
| --- | --- | --- | --- | --- |
{curve}

Weights that were chosen from, at the end, by the same measure; the ones that ship are: {done.weights}.

| weights | Chinese chat | English chat | written for pocket |
| --- | --- | --- | --- |
{candidates}

## Held-out chats and fixed prompts

{compared}

{ablations}

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

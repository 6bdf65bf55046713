"""Put a pretrained `pocket` into `data/pocket/`: weights, tokenizer, hashes and a card of measured numbers."""

import argparse
import hashlib
import json
import math
import os
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase

from roleplay.dataset.render import make_renderer
from roleplay.dialogue import Turn
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.models.base import load_base, quieten
from roleplay.models.spec import POCKET, parse_spec
from roleplay.paths import write_file
from roleplay.pocket.config import Recipe, Stage, load_recipe
from roleplay.pocket.mixture import LANGUAGES, is_heldout, read_source
from roleplay.pocket.tokenizer import load_tokenizer

_FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
_HELDOUT_CHATS = 60

# (system prompt, what the person says); answers are printed as they come.
PROMPTS = (
    ("", "你好！"),
    ("", "今天好累啊。"),
    ("", "晚饭吃什么好呢？"),
    ("你叫阿岚，是一个守灯塔的人，喜欢海鸟。", "你叫什么？"),
    ("你是一个耐心的助手。", "我睡不着怎么办？"),
    ("", "Hello! How are you?"),
    ("", "What do you like to eat?"),
    ("Your name is Ben. You are a baker and you live by the sea.", "What is your name?"),
    ("You are a helpful assistant.", "Tell me a short story."),
    ("", "I had a bad day."),
)


def ship(work: Path, text: Path, recipe: Recipe, target: Path) -> None:
    """Write weights, tokenizer, card and hashes; the hashes come last."""
    quieten()
    target.mkdir(parents=True, exist_ok=True)
    (target / "SHA256SUMS").unlink(missing_ok=True)
    model = AutoModelForCausalLM.from_pretrained(work / recipe.stages[-1].name / "final", dtype=torch.bfloat16)
    model.save_pretrained(target, safe_serialization=True)
    tokenizer = load_tokenizer(work / "tokenizer")
    tokenizer.save_pretrained(target)
    write_file(target / "metrics.jsonl", (work / "metrics.jsonl").read_bytes())
    listed = [name for name in (*_FILES, "chat_template.jinja") if (target / name).exists()]
    lines = [f"{hashlib.sha256((target / name).read_bytes()).hexdigest()}  {name}" for name in listed]
    write_file(target / "SHA256SUMS", "\n".join(lines) + "\n")
    write_file(target / "README.md", card(recipe, text, work / "metrics.jsonl"))


def card(recipe: Recipe, text: Path, metrics: Path) -> str:
    """The model card of the shipped base; every number in it is measured here or by the pretraining."""
    base = load_base(parse_spec(POCKET), dtype=torch.float32, device="cpu")
    parameters = sum(parameter.numel() for parameter in base.model.parameters())
    tokens = sum(stage.tokens for stage in recipe.stages)
    shape = recipe.shape
    bits = {language: _heldout_bits(base.model, base.tokenizer, text, language) for language in LANGUAGES}
    return _CARD.format(
        parameters=parameters / 1e6,
        layers=shape.layers,
        hidden=shape.hidden_size,
        heads=shape.heads,
        vocab=shape.vocab_size,
        context=shape.context,
        tokens=tokens / 1e6,
        curve="\n".join(_curve(metrics, recipe)),
        zh=bits["zh"],
        en=bits["en"],
        chats=_HELDOUT_CHATS,
        stages="\n".join(_stage_row(stage) for stage in recipe.stages),
        replies="\n".join(_replies(Engine(base, None, [base.tokenizer.eos_token_id]))),
    )


def _heldout_bits(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, text: Path, language: str) -> float:
    """Bits per character of held-out chats in the template; only what is said counts as characters."""
    rows = [row for name in LANGUAGES[language] for row in read_source(text, Path(), name) if is_heldout(row)]
    nats, characters = 0.0, 0
    for row in rows[:_HELDOUT_CHATS]:
        if isinstance(row, str):
            continue
        rendered = str(tokenizer.apply_chat_template(row, tokenize=False))
        ids = tokenizer(rendered, return_tensors="pt", add_special_tokens=False)["input_ids"][:, :1024]
        if int(ids.shape[1]) == 1024:
            continue
        with torch.inference_mode():
            nats += float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        characters += sum(len(message["content"]) for message in row)
    return nats / math.log(2) / characters


def _curve(metrics: Path, recipe: Recipe) -> list[str]:
    """Held-out losses by tokens seen, as rows of a table."""
    rows: dict[tuple[str, int], dict[str, float]] = {}
    for line in metrics.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        for language in LANGUAGES:
            key = f"eval_{language}_loss"
            if key in entry:
                rows.setdefault((entry["stage"], entry["step"]), {})[language] = entry[key]
    begun, offsets = 0, {}
    for stage in recipe.stages:
        offsets[stage.name] = begun
        begun += stage.tokens
    table = []
    for (stage_name, step), loss in rows.items():
        seen = (offsets[stage_name] + step * recipe.tokens_per_step) / 1e6
        if step:
            table.append(f"| {stage_name} | {seen:.2f} M | {loss['zh']:.3f} | {loss['en']:.3f} |")
    return table


def _stage_row(stage: Stage) -> str:
    mixture = ", ".join(f"{name} {share:.0%}" for name, share in stage.mixture.items())
    rates = f"{stage.peak_lr:g} → {stage.final_lr:g}"
    return f"| {stage.name} | {stage.tokens / 1e6:.1f} M | {stage.sequence} | {rates} | {mixture} |"


def _replies(engine: Engine) -> list[str]:
    renderer = make_renderer(engine.base.tokenizer)
    sampling = Sampling(temperature=0.7, top_p=0.9, repetition_penalty=1.1, max_new_tokens=80, seed=1)
    lane = Lane(adapter=False, prefix=True)
    lines = []
    for system, said in PROMPTS:
        turns = [Turn("system", system)] if system else []
        prompt = renderer.prompt_ids([*turns, Turn("user", said)])
        finished = [event for event in engine.stream([lane], [prompt], sampling) if isinstance(event, Finished)]
        answer = " ".join(finished[0].text.split()).replace("|", "\\|")
        lines.append(f"| {system or '—'} | {said} | {answer} |")
    return lines


_CARD = """---
language: [zh, en]
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---

# pocket

A demonstration base: a bilingual chat model of {parameters:.1f} M parameters, small enough to be tuned and talked to on
two CPU cores. It takes turns and stops; it knows next to nothing, loses the thread quickly and invents freely. Choose a
real base for anything but trying roleplay out.

Llama-shaped: {layers} layers, {hidden} wide, {heads} heads, tied embeddings, {vocab} byte-level BPE tokens, ChatML
template, context {context}. Weights in bfloat16.

## Training

{tokens:.1f} M tokens, on two CPU cores, with `python -m roleplay.pocket.pretrain` (recipe in
`roleplay/pocket/pretrain.yaml`; Muon for the matrices, AdamW for the rest).

| stage | tokens | sequence | learning rate | mixture |
| --- | --- | --- | --- | --- |
{stages}

Held-out loss, nats per token:

| stage | tokens seen | Chinese chat | English chat |
| --- | --- | --- | --- |
{curve}

Of up to {chats} held-out chats in each language, with the shipped weights: {zh:.3f} bits per character in Chinese,
{en:.3f} in English (template tokens are predicted too; only what is said counts as characters).

## Replies, as they came

Temperature 0.7, top-p 0.9, repetition penalty 1.1, seed 1.

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


def main() -> None:
    """Ship what the recipe's last stage left in the work folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("ROLEPLAY_SHARED", "../shared"))
    parser.add_argument("--text", type=Path, default=shared / "pretrain", help="folder of the .jsonl.xz sources")
    parser.add_argument("--recipe", type=Path, default=Path(__file__).with_name("pretrain.yaml"))
    parser.add_argument("--work", type=Path, default=Path("build/pocket"), help="checkpoints and metrics")
    parser.add_argument("--target", type=Path, default=Path("data/pocket"))
    chosen = parser.parse_args()
    ship(chosen.work, chosen.text, load_recipe(chosen.recipe), chosen.target)


if __name__ == "__main__":
    main()

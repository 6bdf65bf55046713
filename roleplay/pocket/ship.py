"""Put a pretrained `pocket` into `data/pocket/`: weights, tokenizer, hashes, and the card beside them."""

import argparse
import hashlib
import os
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from roleplay.models.base import quieten
from roleplay.paths import write_file
from roleplay.pocket.card import write_card
from roleplay.pocket.config import Recipe, load_recipe
from roleplay.pocket.tokenizer import load_tokenizer

_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)


def ship(work: Path, text: Path, recipe: Recipe, target: Path) -> None:
    """Write weights, tokenizer, card and hashes; the hashes come before the card, which loads what they vouch for."""
    quieten()
    target.mkdir(parents=True, exist_ok=True)
    (target / "SHA256SUMS").unlink(missing_ok=True)
    model = AutoModelForCausalLM.from_pretrained(work / recipe.stages[-1].name / "final", dtype=torch.bfloat16)
    model.save_pretrained(target, safe_serialization=True)
    load_tokenizer(work / "tokenizer").save_pretrained(target)
    write_file(target / "metrics.jsonl", (work / "metrics.jsonl").read_bytes())
    listed = [name for name in _FILES if (target / name).exists()]
    lines = [f"{hashlib.sha256((target / name).read_bytes()).hexdigest()}  {name}" for name in listed]
    write_file(target / "SHA256SUMS", "\n".join(lines) + "\n")
    write_card(recipe, text, target)


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

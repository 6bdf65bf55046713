"""A small character with corpora, picture and an adapter on `pocket`: whatever a pack holds, made in a second."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from roleplay.models.passport import PASSPORT
from roleplay.models.shape import CONFIG, WEIGHTS
from roleplay.paths import Home, shipped

CARD = """\
schema: 1
name: mimi
display_name: Mimi
language: en
version: "1.2"
creator: the tests
license: CC0-1.0
description: A mole with a lamp.
prefixes:
  - {id: who, text: "You are {{char}}, a mole."}
  - {id: lamp, text: "The lamp is on.", place: last_user, default: false}
greeting: Mind the step, {{user}}.
corpora:
  - {path: mimi/dialogue.yaml, kind: dialogue}
  - {path: mimi/more.jsonl, kind: general, weight: 0.5}
probes:
  identity: [{question: "Who are you?", accept: [Mimi]}]
avatar: mimi/avatar.png
knowledge: [burrow, lamp.txt]
"""
DIALOGUE = "- - user: Hello?\n  - char: Mind the step.\n- - user: Dark here.\n  - char: I have a lamp.\n"
MORE = '{"turns": [{"role": "user", "text": "Two and two?"}, {"role": "assistant", "text": "Four."}]}\n'
BOOKS = {
    "burrow/rooms.md": "# The burrow\n\nThe third room holds forty candles, and the fourth one a clock.\n",
    "burrow/stores.csv": "what,how many\nturnips,twelve\ncandles,forty\n",
    "lamp.txt": "The lamp burns rapeseed oil.\n",
}
RANK = 2


def write_mimi(home: Home, folder: Path | None = None) -> Path:
    """Put her card into `folder`, else into the home's characters, with all that belongs to it."""
    folder = folder or home.characters
    own = folder / "mimi"
    own.mkdir(parents=True, exist_ok=True)
    (folder / "mimi.yaml").write_text(CARD)
    (own / "dialogue.yaml").write_text(DIALOGUE)
    (own / "more.jsonl").write_text(MORE)
    (folder / "burrow").mkdir(exist_ok=True)
    for name, text in BOOKS.items():
        (folder / name).write_text(text)
    picture = io.BytesIO()
    Image.new("RGB", (4, 6), (90, 60, 30)).save(picture, "PNG")
    (own / "avatar.png").write_bytes(picture.getvalue())
    return folder / "mimi.yaml"


def write_adapter(home: Home, run: str = "attic", seed: int = 0) -> Path:
    """A finished run of hers with random weights; returns the folder of its best adapter."""
    ships = shipped() / "data" / "adapters" / "yui" / "best"
    folder = home.runs / "mimi" / run / "adapter" / "best"
    folder.mkdir(parents=True)
    config = json.loads((ships / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | {"r": RANK, "lora_alpha": 4.0}))
    passport = json.loads((ships / PASSPORT).read_text())
    told = {"character": "mimi", "run": run, "step": 7, "heldout_loss": 1.5}
    (folder / PASSPORT).write_text(json.dumps(passport | told))
    save_file(random_weights(seed), folder / WEIGHTS, metadata={"format": "pt"})
    (folder.parents[1] / "summary.json").write_text(json.dumps({"steps": 7, "folder": str(folder)}))
    return folder


def random_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Both halves on q, k and v of every layer of `pocket`, by their names in the file."""
    base = json.loads((shipped() / "data" / "pocket" / "config.json").read_text())
    wide = base["hidden_size"]
    head = base.get("head_dim") or wide // base["num_attention_heads"]
    out = {"q": base["num_attention_heads"] * head} | dict.fromkeys("kv", base["num_key_value_heads"] * head)
    draw = np.random.default_rng(seed)
    weights = {}
    for layer in range(base["num_hidden_layers"]):
        for part in "qkv":
            stem = f"base_model.model.model.layers.{layer}.self_attn.{part}_proj"
            weights[f"{stem}.lora_A.weight"] = draw.normal(0, 0.2, (RANK, wide)).astype(np.float32)
            weights[f"{stem}.lora_B.weight"] = draw.normal(0, 0.2, (out[part], RANK)).astype(np.float32)
    return weights

"""A pretrained pocket becomes a folder that loads, with a card of its own numbers."""

import json
from pathlib import Path

import pytest

from roleplay.generation.settings import Sampling
from roleplay.models.base import load_base
from roleplay.models.spec import parse_spec, verify_pocket
from roleplay.pocket.card import PROMPTS, read_curve
from roleplay.pocket.config import load_recipe
from roleplay.pocket.ship import ship
from tests.pocket.conftest import Pretrained


def test_a_pretrained_pocket_is_shipped_with_hashes_and_a_card(
    pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pretrained.folder)
    monkeypatch.setattr("roleplay.pocket.card._SAMPLING", Sampling(temperature=0.7, max_new_tokens=12, seed=1))
    target = Path("data") / "pocket"
    recipe = load_recipe(pretrained.recipe)
    ship(pretrained.work, pretrained.text, recipe, target)
    verify_pocket(target)
    assert load_base(parse_spec(str(target))).context == recipe.shape.context
    card = (target / "README.md").read_text(encoding="utf-8")
    assert len(PROMPTS) == 20
    assert all(f"| {system or '—'} | {said} |" in card for system, said in PROMPTS)
    assert "{" not in card
    assert (target / "curves.png").read_bytes().startswith(b"\x89PNG")
    curve = read_curve(target / "metrics.jsonl", recipe.tokens_per_step)
    logged = [json.loads(line) for line in (target / "metrics.jsonl").read_text().splitlines()]
    assert [(point.stage, point.tokens) for point in curve] == [
        ("language", 512),
        ("language", 768),
        ("dialogue", 1280),
    ]
    assert curve[-1].loss["own"] == [entry["eval_own_loss"] for entry in logged if "eval_own_loss" in entry][-1]

"""Try variants of a recipe at a small share of its tokens, and write the table: `python -m roleplay.pocket.ablate`."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from roleplay.paths import write_file
from roleplay.pocket.config import Recipe, load_recipe
from roleplay.pocket.mixture import HELDOUT


class Variant(BaseModel):
    """One thing changed."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """As a row of the table; its folder too."""
    change: dict[str, Any] = Field(default_factory=dict)
    """Values of the recipe in their place; stages by name."""


class Plan(BaseModel):
    """What is tried."""

    model_config = ConfigDict(extra="forbid")

    share: float
    """Of the recipe's tokens, in every stage."""
    variants: list[Variant]


def varied(recipe: Recipe, variant: Variant, share: float) -> Recipe:
    """The recipe with a variant's change, scaled down: fewer tokens, shorter warm-up, no early end, no averages.

    Raises `pydantic.ValidationError` for a value that no recipe has.
    """
    values = recipe.model_dump()
    stages = {stage["name"]: stage for stage in values.pop("stages")}
    changed = _merged(values | {"stages": stages}, variant.change)
    for name, stage in changed["stages"].items():
        stage |= {"name": name, "tokens": int(stage["tokens"] * share), "patience": None}
        stage["warmup_steps"] = min(stage["warmup_steps"], int(stage["tokens"] / changed["tokens_per_step"] / 10))
    changed |= {"stages": list(changed["stages"].values()), "snapshots": 1}
    changed["evaluate_steps"] = max(1, int(changed["evaluate_steps"] * share * 4))
    return Recipe.model_validate(changed)


def _merged(values: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in change.items():
        merged[key] = _merged(values.get(key, {}), value) if isinstance(value, dict) else value
    return merged


def table(plan: Plan, work: Path) -> str:
    """What the variants that are ready came to, as a section of the model card."""
    rows = []
    for number, variant in enumerate(plan.variants):
        told = work / str(number) / "pretrained.json"
        if told.exists():
            made = json.loads(told.read_text(encoding="utf-8"))
            last = next(one for one in made["candidates"] if one["weights"] == "the last")
            bits = " | ".join(f"{last[kind]:.3f}" for kind in HELDOUT)
            rows.append((made, f"| {variant.name} | {bits} | {made['tokens'] / made['seconds'] / 1e3:.0f} |"))
    if not rows:
        return "## Ablations\n\nNone was run.\n"
    made = rows[0][0]
    return _TABLE.format(
        share=f"{plan.share:.0%}",
        tokens=made["tokens"] / 1e6,
        hardware=made["hardware"],
        torch=made["versions"]["torch"],
        rows="\n".join(row for _, row in rows),
    )


_TABLE = """## Ablations

Each with one thing changed and {share} of the recipe's tokens ({tokens:.1f} M), one seed, on {hardware} with torch
{torch}; held-out bits per character at the end. Made by `python -m roleplay.pocket.ablate`.

| variant | Chinese chat | English chat | written for pocket | thousand tokens a second |
| --- | --- | --- | --- | --- |
{rows}
"""


def main() -> None:
    """Train what is not ready yet, then write the table; status 1 where something is left to do."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__)
    shared, here = Path(os.environ.get("ROLEPLAY_SHARED", "../shared")), Path(__file__).parent
    parser.add_argument("--text", type=Path, default=shared / "pretrain", help="folder of the .jsonl.xz sources")
    parser.add_argument("--recipe", type=Path, default=here / "gpu.yaml")
    parser.add_argument("--plan", type=Path, default=here / "gpu_ablations.yaml")
    parser.add_argument("--work", type=Path, default=Path("build/ablations"), help="a folder a variant")
    parser.add_argument("--tokens", type=Path, help="folder with the tokenizer and tokens that all share")
    parser.add_argument("--table", type=Path, help="where the table goes; default: beside the recipe, as it says")
    parser.add_argument("--minutes", type=float, help="stop after so many, to go on with the same command")
    chosen = parser.parse_args()
    recipe = load_recipe(chosen.recipe)
    plan = Plan.model_validate(yaml.safe_load(chosen.plan.read_text(encoding="utf-8")))
    whole = True
    for number, variant in enumerate(plan.variants):
        folder = chosen.work / str(number)
        if (folder / "pretrained.json").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        values = varied(recipe, variant, plan.share).model_dump()
        write_file(folder / "recipe.yaml", yaml.safe_dump(values, allow_unicode=True, sort_keys=False))
        sys.stderr.write(f"{number + 1}/{len(plan.variants)} {variant.name}\n")
        left = None if chosen.minutes is None else chosen.minutes - (time.monotonic() - began) / 60
        whole = _train(folder, chosen.text, chosen.tokens or chosen.work / "shared", left)
        if not whole:
            break
    write_file(chosen.table or chosen.recipe.with_name(recipe.ablations), table(plan, chosen.work))
    if not whole:
        sys.exit("stopped before the end; the same command goes on")


def _train(folder: Path, text: Path, tokens: Path, minutes: float | None) -> bool:
    """In a process of its own: a compiled model of another shape would stay in memory. False where it was stopped."""
    command = [sys.executable, "-m", "roleplay.pocket.pretrain", "--recipe", str(folder / "recipe.yaml")]
    command += ["--text", str(text), "--work", str(folder), "--tokens", str(tokens)]
    command += [] if minutes is None else ["--minutes", f"{max(0.0, minutes):.2f}"]
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait() == 0
            except KeyboardInterrupt:  # the process has heard it too, and is saving
                continue


if __name__ == "__main__":
    main()

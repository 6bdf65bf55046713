"""Put a pretrained `pocket` in the place of the one before: weights, tokenizer, hashes, comparison and card."""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from roleplay.errors import BaseModelError, RoleplayError
from roleplay.models.base import quieten
from roleplay.models.spec import verify_pocket
from roleplay.paths import new_folder, recover_folder, shown, write_file
from roleplay.pocket.card import read_pretrained, write_card
from roleplay.pocket.compare import compare
from roleplay.pocket.compared import compared_bytes
from roleplay.pocket.config import load_recipe
from roleplay.pocket.tokenizer import load_tokenizer

PARAMETERS = 12_000_000
"""A pocket has so many at most."""
FILE_BYTES = 15_000_000
"""No file of weights is larger."""
TREE_BYTES = 48_000_000
"""All files of the checkout together are not larger."""
_HEADER_BYTES = 100_000
"""A file of weights has a header besides its tensors, whose bytes alone are counted when they are split."""


def ship(work: Path, text: Path, recipe_file: Path, target: Path) -> None:
    """Build the pocket that a pretraining left in `work`, compare it with the one in `target`, then take its place.

    The recipe is the one of `work`; what was tried before it stands in a file beside `recipe_file`. Of the target's own
    files `chats/` is kept, and nothing else. Held-out chats of the comparison come from `text`. Until all of it is on
    disk the pocket before stays as it is; one that was shipped before is not compared with itself, and stays.

    Raises BaseModelError for a pretraining that is not at its end, for a pocket before that is damaged, and, before
    anything is measured, for one that is too large.
    """
    quieten()
    read_pretrained(work / "pretrained.json")
    recover_folder(target)
    before = [target] if (target / "config.json").exists() else []
    for folder in before:
        verify_pocket(folder)
        if _bytes(folder / "pretrained.json") == _bytes(work / "pretrained.json"):
            sys.stderr.write(f"{shown(target)} is the pocket of {shown(work)} already\n")
            return
    recipe = load_recipe(work / "recipe.json")  # JSON is YAML; the file given may have been changed since
    ablations = recipe_file.with_name(recipe.ablations)
    with new_folder(target) as fresh:
        save_weights(work / "final", fresh)
        load_tokenizer(work / "tokenizer").save_pretrained(fresh)
        write_hashes(fresh)
        for name in ("metrics.jsonl", "pretrained.json"):
            shutil.copy(work / name, fresh / name)
        check_tree(fresh, target)
        compared = compare([*before, fresh], text, target / "chats")
        write_file(fresh / "compared.json", compared_bytes(compared))
        write_card(recipe, fresh, ablations.read_text(encoding="utf-8") if ablations.exists() else "", compared)
        shutil.copytree(target / "chats", fresh / "chats")  # at the very end: somebody may be writing them


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def save_weights(final: Path, fresh: Path) -> None:
    """The weights in bfloat16, in as many files as it takes. Raises BaseModelError for too many."""
    model = AutoModelForCausalLM.from_pretrained(final, dtype=torch.bfloat16)
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > PARAMETERS:
        raise BaseModelError(
            f"the model in {shown(final)} has {count:,} parameters, and a pocket has {PARAMETERS:,} at most; make the "
            "recipe's shape smaller and pretrain again"
        )
    model.save_pretrained(fresh, max_shard_size=FILE_BYTES - _HEADER_BYTES)
    for path in sorted(fresh.glob("*.safetensors")):
        path.chmod(0o644)  # they are written for their owner alone, and ship to everybody
        if path.stat().st_size > FILE_BYTES:
            raise BaseModelError(
                f"{path.name} would have {path.stat().st_size:,} bytes, and a file of a pocket has {FILE_BYTES:,} at "
                "most: one of its matrices alone is too large; make the recipe's vocabulary smaller and pretrain again"
            )


def write_hashes(folder: Path) -> None:
    """`SHA256SUMS` of all files that are in `folder` now."""
    names = sorted(path.name for path in folder.iterdir())
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    write_file(folder / "SHA256SUMS", "".join(lines))


def check_tree(fresh: Path, target: Path) -> None:
    """Raises BaseModelError where the checkout would be too large with `fresh` in the place of `target`.

    Outside a checkout only `fresh` counts.
    """
    chats = target.resolve() / "chats"
    stays = [
        path
        for path in _checkout(target.parent)
        if chats in path.parents or not {target.resolve(), fresh.resolve()} & set(path.parents)
    ]
    size = sum(path.stat().st_size for path in [*stays, *fresh.rglob("*")] if path.is_file())
    if size > TREE_BYTES:
        raise BaseModelError(
            f"with this pocket the checkout would have {size:,} bytes, and it has {TREE_BYTES:,} at most; make the "
            "recipe's shape smaller and pretrain again, or remove other files"
        )


def _checkout(folder: Path) -> list[Path]:
    """All files of the checkout that `folder` is in but for ignored ones; none outside a checkout or without git."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ":/"]
    if shutil.which("git") is None:
        return []
    listed = subprocess.run(command, capture_output=True, check=False)
    names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
    return sorted((folder / name).resolve() for name in names)


def main() -> None:
    """Ship what a pretraining left in the work folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("ROLEPLAY_SHARED", "../shared"))
    parser.add_argument("--text", type=Path, default=shared / "pretrain", help="folder of the .jsonl.xz sources")
    parser.add_argument("--recipe", type=Path, default=Path(__file__).with_name("pretrain.yaml"))
    parser.add_argument("--work", type=Path, default=Path("build/pocket"), help="what the pretraining left")
    parser.add_argument("--target", type=Path, default=Path("data/pocket"))
    chosen = parser.parse_args()
    try:
        ship(chosen.work, chosen.text, chosen.recipe, chosen.target)
    except RoleplayError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

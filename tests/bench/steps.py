"""Training steps of a shipped character on `pocket`: as trees, and as padded rows."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from roleplay.cards.find import open_card
from roleplay.dataset.sample import Sample
from roleplay.dataset.tree import tree_of
from roleplay.measures.likelihood import pad_right, token_losses, tree_losses
from roleplay.models.tree_plan import GROUPED
from roleplay.paths import Home
from roleplay.training.batching import attend_to_trees
from roleplay.training.start import Start, load, plan_new

_STEPS = 9
_BATCH = 16
_PASS = 4
"""Rows of a padded pass: more at once are slower on two cores."""


def steps_as_trees_against_padded_rows() -> None:
    """Print seconds a step and the ratio; the two take turns on the same samples."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        start = Start(open_card("yui", home), None, "pocket", {}, None)
        job = load(plan_new(home, start), start)
    samples = [job.corpus.sample(row) for row in job.corpus.epoch(0)]
    pad = int(job.base.tokenizer.pad_token_id)

    def tree(batch: Sequence[Sample]) -> None:
        attend_to_trees(job.tuned, GROUPED)
        tree_losses(job.tuned, tree_of(batch)).sum().backward()

    def padded(batch: Sequence[Sample]) -> None:
        job.tuned.set_attn_implementation(job.config.decisions.attention)
        for i in range(0, _BATCH, _PASS):
            token_losses(job.tuned, pad_right(batch[i : i + _PASS], pad)).sum().backward()

    seconds: dict[str, list[float]] = {"tree": [], "padded": []}
    for step in range(_STEPS):
        batch = samples[step * _BATCH : (step + 1) * _BATCH]
        for name, work in (("tree", tree), ("padded", padded)):
            began = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=job.config.decisions.dtype == "bfloat16"):
                work(batch)
            seconds[name].append(time.perf_counter() - began)
    ratio = statistics.median(p / t for p, t in zip(seconds["padded"], seconds["tree"], strict=True))
    print(
        f"a step of {_BATCH} samples of yui: {statistics.median(seconds['tree']):.2f} s as a tree, "
        f"{statistics.median(seconds['padded']):.2f} s padded, ratio {ratio:.2f}"
    )

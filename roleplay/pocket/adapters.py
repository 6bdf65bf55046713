"""Make the adapters that ship: train each character on `pocket`, put best, last and canaries into `data/adapters/`."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from roleplay.cards.find import open_card
from roleplay.cards.load import CardFile
from roleplay.chat.open import open_on
from roleplay.dataset.build import build_corpus
from roleplay.generation.canaries import CANARIES, canaries_bytes
from roleplay.models.base import load_base
from roleplay.models.find import base_of_adapter
from roleplay.models.passport import read_passport
from roleplay.models.shape import WEIGHTS
from roleplay.models.spec import parse_spec
from roleplay.paths import Home, new_folder, recover_folder, write_file
from roleplay.pocket.figures import BEFORE, FIGURES
from roleplay.training.finish import canaries_of
from roleplay.training.resolve import load_presets
from roleplay.training.run import runs_of
from roleplay.training.start import Start, load, plan_new, plan_resume
from roleplay.training.tune import train
from roleplay.training.watch import Progress

CHARACTERS = ("yui", "dot", "wan")
PRESET = "pocket"
FILE_BYTES = 1_500_000
"""No file of a shipped adapter is larger."""
_HEADER_BYTES = 10_000
_KEPT = ("metrics.jsonl", "loss.png")


def make_adapter(name: str, home: Home) -> dict[str, Any]:
    """Train `name` with the preset `pocket`, going on with an unfinished run; returns the run's summary.

    On a wider `pocket` the rank, and alpha with it, is as much lower as keeps a file of the adapter below `FILE_BYTES`.
    """
    fits = rank_that_fits(AutoConfig.from_pretrained(parse_spec("pocket").source))
    lower = {"rank": fits, "alpha": fits} if fits < load_presets()[PRESET]["rank"] else {}
    start = Start(open_card(name, home), None, PRESET, lower, None)
    unfinished = [run for run in runs_of(home, name) if not run.finished]
    plan = plan_resume(home, start) if unfinished else plan_new(home, start)
    with plan.run.locked():
        return train(load(plan, start), resume=bool(unfinished), report=_tell, say=_say)


def rank_that_fits(config: Any) -> int:
    """Highest rank, a multiple of 8, with which an adapter of q, k and v has at most `FILE_BYTES` in bfloat16."""
    width = config.hidden_size // config.num_attention_heads
    ends = 3 * config.hidden_size + width * (config.num_attention_heads + 2 * config.num_key_value_heads)
    rank: int = (FILE_BYTES - _HEADER_BYTES) // (2 * config.num_hidden_layers * ends) // 8 * 8
    return rank


def is_stale(target: Path) -> bool:
    """Whether the adapters in `target` are not there, or belong to another base than the `pocket` that ships."""
    if not (target / "best").exists():
        return True
    return bool(read_passport(target / "best").base.differences(load_base(parse_spec("pocket")).identity))


def ship_adapter(run: Path, target: Path, card_file: CardFile, home: Home) -> None:
    """Copy a finished run's adapters, weights in bfloat16, with metrics, picture, and canaries of those weights.

    Figures of the adapters they replace are kept where those were made on another base.
    """
    recover_folder(target)
    before = figures_before(target, run)
    with new_folder(target) as fresh:
        if before is not None:
            shutil.copy(before, fresh / BEFORE)
        for which in ("best", "last"):
            shutil.copytree(run / "adapter" / which, fresh / which)
            weights = load_file(fresh / which / WEIGHTS)
            halved = {key: tensor.to(torch.bfloat16) for key, tensor in weights.items()}
            save_file(halved, fresh / which / WEIGHTS, metadata={"format": "pt"})
        for kept in _KEPT:
            shutil.copy(run / kept, fresh / kept)
        ship_canaries(fresh, card_file, home)


def figures_before(target: Path, run: Path) -> Path | None:
    """The figures in `target` that stand for the base before that of `run`; `None` where there are none.

    Adapters that are made once more on one base are no news of that base: what was kept stays.
    """
    kept, measured = target / BEFORE, target / FIGURES
    if measured.exists() and base_differs(target / "best", run / "adapter" / "best"):
        return measured
    return kept if kept.exists() else None


def base_differs(one: Path, other: Path) -> bool:
    """Whether two adapters were trained on different bases, as their passports say. Raises AdapterError."""
    return bool(read_passport(one).base.differences(read_passport(other).base))


def ship_canaries(target: Path, card_file: CardFile, home: Home) -> None:
    """What the `best` adapter in `target` answers on its base word for word, in float32 on a CPU."""
    spec = parse_spec(base_of_adapter(target / "best"))
    opened = open_on(card_file, home, load_base(spec, dtype=torch.float32, device="cpu"), target / "best")
    corpus = build_corpus(card_file, opened.voice.renderer, limit=opened.engine.base.context, seed=0)
    write_file(target / CANARIES, canaries_bytes(canaries_of(corpus, opened.engine, target / "best")))


def _tell(progress: Progress) -> None:
    if progress.step % 50 == 0 and progress.loss is not None:
        _say(f"step {progress.step}/{progress.steps} loss {progress.loss:.3f} held-out {progress.heldout or 0:.3f}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> None:
    """Train and ship those that are named, or every character whose adapters belong to another base than `pocket`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(CHARACTERS)}")
    parser.add_argument("--work", type=Path, default=Path("build/adapters"), help="home of the runs")
    parser.add_argument("--target", type=Path, default=Path("data/adapters"))
    parser.add_argument("--canaries", action="store_true", help="make only the canaries of what was shipped anew")
    chosen = parser.parse_args()
    home = Home(chosen.work.absolute())
    for name in chosen.names or CHARACTERS:
        card_file = open_card(name, home)
        if chosen.canaries:
            ship_canaries(chosen.target / name, card_file, home)
            continue
        if not chosen.names and not is_stale(chosen.target / name):
            _say(f"{name}: its adapters belong to this pocket; name it to train it all the same")
            continue
        summary = make_adapter(name, home)
        if not summary["finished"]:
            sys.exit("stopped; run it again to go on")
        ship_adapter(Path(summary["folder"]), chosen.target / name, card_file, home)


if __name__ == "__main__":
    main()

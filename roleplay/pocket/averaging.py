"""Which weights of the last stage are shipped: the newest, an older snapshot, or an average of the newest ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from roleplay.pocket.sequences import Heldout
from roleplay.pocket.watch import CHAT, snapshots

_AVERAGES = (2, 4, 8)
_BATCH = 8


@dataclass(frozen=True)
class Candidate:
    """Weights that may be shipped."""

    weights: str
    """`the last`, `average of 4`, `step 700`."""
    bits: dict[str, float]
    """Kind of held-out chat -> bits per character."""

    @property
    def chat(self) -> float:
        """What is chosen by: the mean over languages."""
        return sum(self.bits[kind] for kind in CHAT) / len(CHAT)


def choose(folder: Path, heldout: dict[str, Heldout], scale: dict[str, float], into: Path) -> list[Candidate]:
    """Score what the last stage in `folder` left, write the best into `into`; all candidates, the best first.

    `scale`: kind of held-out chat -> bits a character per nat a token.
    """
    kept = snapshots(folder / "snapshots")
    ways: dict[str, Sequence[Path]] = {"the last": [folder / "final"]}
    ways |= {f"average of {count}": kept[-count:] for count in _AVERAGES if count <= len(kept)}
    ways |= {f"step {path.name}": [path] for path in kept[:-1]}
    found = []
    for name, places in ways.items():
        model = average(places)
        losses = {kind: heldout_loss(model, rows) for kind, rows in heldout.items()}
        found.append(Candidate(name, {kind: loss * scale[kind] for kind, loss in losses.items()}))
    found.sort(key=lambda candidate: candidate.chat)
    average(ways[found[0].weights]).to("cpu").save_pretrained(into)
    return found


def average(places: Sequence[Path]) -> LlamaForCausalLM:
    """A model whose weights are the mean of those in `places`, on the GPU where there is one."""
    model = LlamaForCausalLM.from_pretrained(places[0], dtype=torch.float32)
    for place in places[1:]:
        other = dict(LlamaForCausalLM.from_pretrained(place, dtype=torch.float32).named_parameters())
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight += other[name]
    with torch.no_grad():
        for weight in model.parameters():
            weight /= len(places)
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def heldout_loss(model: LlamaForCausalLM, rows: Heldout) -> float:
    """Nats per token of held-out sequences."""
    total = 0.0
    for begin in range(0, len(rows), _BATCH):
        ids = torch.stack([rows[i]["input_ids"] for i in range(begin, min(begin + _BATCH, len(rows)))])
        ids = ids.to(model.device)
        with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16):
            total += float(model(input_ids=ids, labels=ids).loss) * len(ids)
    return total / len(rows)

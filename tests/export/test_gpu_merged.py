"""Merged weights on a device say what base and adapter say there side by side."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from roleplay.export.export import export
from roleplay.models.adapter import load_adapter
from roleplay.models.base import load_base
from roleplay.models.find import answering_adapter
from roleplay.models.spec import parse_spec
from roleplay.paths import Home

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
IDS = [[5 + (7 * row + 3 * column) % 330 for column in range(24)] for row in range(4)]

pytestmark = pytest.mark.parametrize("device", DEVICES)


def persona(home: Home, base: Path, dtype: torch.dtype, device: str) -> Any:
    """Base and adapter, unmerged."""
    choice = answering_adapter(home, "pell")
    assert choice is not None
    return load_adapter(load_base(parse_spec(str(base)), dtype=dtype, device=device), choice.folder)


def merged(home: Home, dtype: str, device: str) -> Any:
    """What `--to merged` wrote, loaded as any model."""
    folder = export(home, "pell", "merged", dtype=dtype).folder
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto").to(device).eval()


@torch.inference_mode()
def logits(model: Any) -> torch.Tensor:
    """Of every position of four texts, in double precision on the host."""
    found: torch.Tensor = model(input_ids=torch.tensor(IDS, device=model.device)).logits
    return found.double().cpu()


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found - exact).norm() / exact.norm())


def test_in_float32_logits_and_replies_are_those_of_the_adapter(
    device: str, pell: Path, home: Home, base: Path
) -> None:
    model, beside = merged(home, "float32", device), persona(home, base, torch.float32, device)
    assert model.device.type == device
    wanted = logits(beside)
    assert error(logits(model), wanted) < 3e-5  # measured on a CPU: 3e-6
    with beside.disable_adapter():
        assert error(logits(beside), wanted) > 0.1
    prompt = torch.tensor(IDS, device=device)
    options = {"attention_mask": torch.ones_like(prompt), "do_sample": False, "max_new_tokens": 32, "pad_token_id": 0}
    assert torch.equal(model.generate(prompt, **options), beside.generate(input_ids=prompt, **options))


def test_in_bfloat16_they_differ_by_its_rounding(device: str, pell: Path, home: Home, base: Path) -> None:
    exact = logits(persona(home, base, torch.float32, device))
    model, beside = merged(home, "bfloat16", device), persona(home, base, torch.bfloat16, device)
    assert model.dtype == torch.bfloat16
    found, rounding = error(logits(model), exact), error(logits(beside), exact)
    assert found < 0.15  # measured on a CPU: 0.043, and 0.051 unmerged; weights as large as these multiply rounding
    assert found < 2 * rounding

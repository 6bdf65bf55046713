"""Rows of one batch through their own adapters, beside what peft computes for them."""

from pathlib import Path

import pytest
import torch

from roleplay.models.adapter import PERSONA, load_adapter, load_beside
from roleplay.models.rows import BARE, row_adapters
from tests.tiny import load_tiny_base, save_tiny_adapter

OTHER = "other"
IDS = torch.arange(5, 29).reshape(4, 6)


@pytest.mark.parametrize(
    "names",
    [[PERSONA] * 4, [BARE] * 4, [BARE, PERSONA, BARE, PERSONA], [OTHER, OTHER, BARE, PERSONA]],
    ids=["one", "none", "scattered", "several"],
)
def test_rows_are_computed_as_peft_computes_them(names: list[str], base_folder: Path, tmp_path: Path) -> None:
    base = load_tiny_base(base_folder)
    other = save_tiny_adapter(base_folder, tmp_path / "other", seed=7, rank=2)
    bare = base.model(IDS).logits
    tuned = load_adapter(base, save_tiny_adapter(base_folder, tmp_path / "mine"))
    load_beside(tuned, base, other, OTHER)

    with torch.inference_mode():
        expected = tuned(input_ids=IDS, adapter_names=names).logits
        with row_adapters(tuned, [(name, 1.0) for name in names]):
            found = base.model(IDS).logits

    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    untouched = [name == BARE for name in names]
    assert torch.equal(found[untouched], bare[untouched])


def test_a_batch_of_another_size_is_refused_and_peft_is_itself_afterwards(
    base_folder: Path, adapter_folder: Path
) -> None:
    base = load_tiny_base(base_folder)
    tuned = load_adapter(base, adapter_folder)
    before = tuned(input_ids=IDS).logits

    with pytest.raises(ValueError, match="2 became 4"), row_adapters(tuned, [(PERSONA, 1.0), (BARE, 0.0)]):
        base.model(IDS)

    assert torch.equal(tuned(input_ids=IDS).logits, before)

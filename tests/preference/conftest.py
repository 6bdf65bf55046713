"""Pell with an adapter of her own and pairs to tune it by, in a home that tests copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerFast

from roleplay.paths import Home
from tests.preference.pell_choices import write_pell_pairs
from tests.tiny import save_tiny_base
from tests.training.pell import run_pell, write_pell


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A folder with base, card, pairs and a home in which Pell's adapter was trained; leave it as it is."""
    folder = tmp_path_factory.mktemp("begun")
    base = save_tiny_base(folder / "tiny", chatml_tokenizer)
    card = write_pell(folder / "characters", base)
    write_pell_pairs(folder / "pairs.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        _hasten(patch)
        run_pell(Home(folder / "home"), card, "first", max_steps=3, dropout=0.0, rank=4, alpha=8.0)
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What takes longer than tuning here, and is tested elsewhere, is left out; sums go in one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    _hasten(monkeypatch)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def pell(begun: Path, tmp_path: Path, quick: None) -> tuple[Home, Path, Path]:
    """A home of the test's own with Pell's first run, her card, and her pairs."""
    home = Home(tmp_path / "home")
    shutil.copytree(begun / "home", home.root)
    shutil.copy(begun / "pairs.jsonl", tmp_path / "pairs.jsonl")
    return home, begun / "characters" / "pell.yaml", tmp_path / "pairs.jsonl"


def _hasten(patch: pytest.MonkeyPatch) -> None:
    for place in ("tune", "finish"):
        patch.setattr(f"roleplay.training.{place}.draw_losses", lambda *_: None)
    patch.setattr("roleplay.preference.tune.draw_choices", lambda *_: False)
    patch.setattr("os.fsync", lambda handle: None)
    patch.setattr(PeftModel, "create_or_update_model_card", lambda *_: None)

"""Pell's card on a tiny base, and one finished run that tests look at without changing it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerFast

from roleplay.dataset.corpus import Row
from roleplay.paths import Home
from roleplay.training.picture import draw_losses
from roleplay.training.run import Run
from roleplay.training.trainer import EpochRows
from tests.tiny import save_tiny_base
from tests.training.pell import run_pell, write_pell


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Sums in one order, on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """What takes longer than training here, and is tested elsewhere, is left out."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ("tune", "finish"):
            patch.setattr(f"roleplay.training.{place}.draw_losses", lambda *_: None)
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr("gc.collect", lambda *_: 0)
        patch.setattr(PeftModel, "create_or_update_model_card", lambda *_: None)
        yield


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """Folder of a random llama."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_base: Path) -> Path:
    """Pell's card in a folder of the test's own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return write_pell(tmp_path / "characters", tiny_base)


@dataclass(frozen=True)
class Finished:
    """A finished run and what was fed to it."""

    run: Run
    """Its folder."""
    card: Path
    """Its card."""
    rows: list[Row]
    """Every row that was trained, in order."""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None) -> Finished:
    """One uninterrupted run with its pictures; leave it as it is."""
    folder = tmp_path_factory.mktemp("finished")
    card = write_pell(folder / "characters", tiny_base)
    with pytest.MonkeyPatch.context() as patch:
        for place in ("tune", "finish"):
            patch.setattr(f"roleplay.training.{place}.draw_losses", draw_losses)
        rows = record_rows(patch)
        run = run_pell(Home(folder / "home"), card, "whole")
    return Finished(run, card, rows)


def record_rows(patch: pytest.MonkeyPatch) -> list[Row]:
    """A list that fills with every row the Trainer asks for."""
    rows: list[Row] = []
    fetch = EpochRows.__getitem__

    def noted(self: EpochRows, index: int) -> object:
        rows.append(self.rows[index])
        return fetch(self, index)

    patch.setattr(EpochRows, "__getitem__", noted)
    return rows


@pytest.fixture
def trained_rows(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Rows that this test trains, in order."""
    return record_rows(monkeypatch)

"""A tiny base and an adapter on it, saved once."""

from pathlib import Path

import huggingface_hub.constants
import pytest
from transformers import PreTrainedTokenizerFast

from tests.tiny import save_tiny_adapter, save_tiny_base


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A tiny llama with its tokenizer; read only."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture(scope="session")
def adapter_folder(tmp_path_factory: pytest.TempPathFactory, base_folder: Path) -> Path:
    """An adapter on `base_folder`; read only."""
    return save_tiny_adapter(base_folder, tmp_path_factory.mktemp("adapters") / "mimi", 0)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub reads its variable once, when it is imported; this holds whoever imported it first."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

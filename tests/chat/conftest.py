"""A small base with an adapter on it, saved once."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from tests.tiny import save_tiny_adapter, save_tiny_base


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base with a short context; beside it, in `adapter`, an adapter on it."""
    folder = save_tiny_base(tmp_path_factory.mktemp("chat") / "base", chatml_tokenizer, context=128)
    save_tiny_adapter(folder, folder.parent / "adapter")
    return folder

"""A tiny base with an adapter, and an engine over them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.generation.engine import Engine
from roleplay.models.adapter import load_adapter
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base; beside it, in `adapter`, an adapter on it."""
    folder = save_tiny_base(tmp_path_factory.mktemp("lanes") / "base", chatml_tokenizer)
    save_tiny_adapter(folder, folder.parent / "adapter")
    return folder


@pytest.fixture
def engine(folder: Path) -> Engine:
    """All four lanes; 2 is the end of a turn."""
    base = load_tiny_base(folder)
    return Engine(base, load_adapter(base, folder.parent / "adapter"), [2])


@pytest.fixture
def bare(folder: Path) -> Engine:
    """An engine over a model that never saw an adapter."""
    return Engine(load_tiny_base(folder), None, [2])


@pytest.fixture
def before_token(engine: Engine) -> Callable[[int, Callable[[], object]], list[int]]:
    """Do something just before the model computes a token, counted from 0; returns the list of tokens computed."""

    def arrange(number: int, action: Callable[[], object]) -> list[int]:
        computed: list[int] = []

        def hook(*_: object) -> None:
            if len(computed) == number:
                action()
            computed.append(len(computed))

        engine.base.model.register_forward_pre_hook(hook)
        return computed

    return arrange

"""A character on a tiny base as the server's models, in this process; and the real server with those that ship."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.generation.engine import Engine
from roleplay.generation.rolling import Rolling
from roleplay.models.adapter import load_adapter
from roleplay.paths import Home
from roleplay.serve.model import Model
from tests.serve.mimi import mimi_models
from tests.serve.served import Served, serving
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base

Models = dict[str, Model]
MakeModels = Callable[..., Models]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base; beside it, in `adapter`, an adapter on it."""
    folder = save_tiny_base(tmp_path_factory.mktemp("serve") / "base", chatml_tokenizer)
    save_tiny_adapter(folder, folder.parent / "adapter")
    return folder


@pytest.fixture
def make_models(folder: Path) -> Iterator[MakeModels]:
    """Mimi's two names and her base's, over a Rolling of its own; closed when the test ends."""
    rollings: list[Rolling] = []

    def make(rows: int = 8, waiting: int = 8, end: int = 2) -> Models:
        base = load_tiny_base(folder)
        engine = Engine(base, load_adapter(base, folder.parent / "adapter"), [end])
        rollings.append(Rolling(engine, rows=rows, waiting=waiting))
        return mimi_models(rollings[-1])

    yield make
    for rolling in rollings:
        rolling.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`roleplay serve yui dot`, started once a worker."""
    with serving("yui", "dot", home=Home(tmp_path_factory.mktemp("served"))) as server:
        yield server

"""A project with one character, and a file of conversations."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui.person import MIRA, write_card


@pytest.fixture(autouse=True, scope="package")
def frozen() -> Iterator[None]:
    """What other tests imported is not searched for garbage at the start and end of every program here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an empty project; nothing that ships is in reach."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    for module in ("roleplay.cards.find", "roleplay.models.find"):
        monkeypatch.setattr(f"{module}.shipped", lambda: tmp_path / "shipped")
    return root


@pytest.fixture
def mira(project: Path) -> CardFile:
    """A cook with a greeting and two prefixes, one of them off."""
    return write_card(project / "characters", MIRA)


@pytest.fixture
def store(home: Home) -> Iterator[ChatStore]:
    """Conversations of this test."""
    store = ChatStore(home.chats)
    yield store
    store.close()

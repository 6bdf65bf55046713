"""Mira with two trainings, and somebody who answers for her as told."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.wire import Opening
from roleplay.models.passport import PASSPORT, BaseIdentity, Passport
from roleplay.paths import Home
from tests.tui.person import MIRA, write_card

HARBOUR = BaseIdentity("harbour", None, "config", "tokenizer", "template", None)
LAKE = BaseIdentity("lake", None, "other", "tokenizer", "template", None)


def train(home: Home, name: str, base: BaseIdentity = HARBOUR, which: str = "best", source: str = "") -> Path:
    """A finished run of Mira on `base`, which it calls `source`; returns the folder of its adapter."""
    run = home.runs / "mira" / name
    folder = run / "adapter" / which
    folder.mkdir(parents=True)
    (folder / PASSPORT).write_text(json.dumps(asdict(Passport("mira", base, name, 3, None))))
    (run / "run.json").write_text(json.dumps({"base_source": source or base.name}))
    (run / "summary.json").write_text("{}")
    return folder


@pytest.fixture
def mira(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CardFile:
    """Nothing that ships is in reach."""
    monkeypatch.setattr("roleplay.models.find.shipped", lambda: tmp_path / "shipped")
    return write_card(tmp_path / "characters", MIRA)


@pytest.fixture
def opening(mira: CardFile, home: Home) -> Callable[[str | None], Opening]:
    """What would be loaded on a base."""
    return lambda base: Opening(mira.path, home.root, base)

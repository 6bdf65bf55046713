"""A project with a character who has an adapter."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.paths import Home
from tests.export.made import save_run
from tests.tiny import save_tiny_base
from tests.training.pell import write_pell


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """Folder of a random llama; read only."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an empty project."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def pell(project: Path, base: Path, home: Home) -> Path:
    """Pell's card, with a finished run in the home; the current folder is the project."""
    save_run(home, "pell", base)
    more = "license: MIT\ntags: [locks]\ngeneration: {temperature: 0.5, top_k: 7}\n"
    return write_pell(project / "characters", base, more=more)

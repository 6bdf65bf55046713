"""A project folder in which a test writes cards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.errors import Fault, FileFaults

HEAD = "schema: 1\nname: mimi\ndisplay_name: Mimi\nlanguage: en\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `characters/` and `data/corpora/`; the checkout's own data is out of reach."""
    root = tmp_path / "project"
    (root / "characters").mkdir(parents=True)
    (root / "data" / "corpora" / "mimi").mkdir(parents=True)
    (root / "data" / "corpora" / "mimi" / "desc.yaml").write_text("- - user: Hi.\n  - char: Hello.\n")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def card(project: Path) -> Callable[..., CardFile]:
    """Load a card made of four good first lines and the lines given."""

    def load(more: str, name: str = "mimi") -> CardFile:
        path = Path("characters") / f"{name}.yaml"
        path.write_text(HEAD + more, encoding="utf-8")
        return load_card(path)

    return load


@pytest.fixture
def faults(project: Path) -> Callable[[str | bytes], list[Fault]]:
    """The faults of a whole card file, called `mimi.yaml`."""

    def load(content: str | bytes) -> list[Fault]:
        path = Path("characters") / "mimi.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(FileFaults) as caught:
            load_card(path)
        return list(caught.value.faults)

    return load

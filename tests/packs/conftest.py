"""A good pack, made once, and the folder it was made from."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.packs.export import built, export_pack
from roleplay.paths import Home
from tests.packs.mimi import write_adapter, write_mimi


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `mimi.charx` and `unpacked/`; leave it as it is."""
    folder = tmp_path_factory.mktemp("made")
    author = Home(folder / "author")
    write_mimi(author)
    write_adapter(author)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        export_pack("mimi", author, folder / "mimi.charx")
        with built("mimi", author) as (unpacked, _):
            shutil.copytree(unpacked, folder / "unpacked")
    return folder


@pytest.fixture
def pack(made: Path, tmp_path: Path) -> Path:
    """A good pack of a small character with an adapter on `pocket`; the test's own copy."""
    return shutil.copy(made / "mimi.charx", tmp_path / "mimi.charx")


@pytest.fixture
def unpacked(made: Path, tmp_path: Path) -> Path:
    """The same as a folder, the test's own copy."""
    return shutil.copytree(made / "unpacked", tmp_path / "unpacked")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, and nothing that ships is in reach but the base."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setattr("roleplay.cards.find.shipped", lambda: tmp_path / "shipped")
    return root


Install = Callable[..., Path]


@pytest.fixture
def installed(home: Home, project: Path) -> Install:
    """Install a pack, from a file or a folder, and return its folder."""
    from roleplay.packs.install import install, opened_pack, refuse_problems

    def put(source: Path) -> Path:
        with opened_pack(source, home) as opened:
            refuse_problems(opened, str(source))
            return install(opened, home)

    return put

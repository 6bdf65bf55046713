"""The house itself: sizes, floors, and that README tells the truth."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from roleplay.corpora.native import read_native
from roleplay.corpora.pairs import Pair, write_pairs
from roleplay.corpora.write import native_yaml
from roleplay.dialogue import Turn
from tests.cli.conftest import roleplay
from tests.readme_tables import PREFERENCES, filled

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split("   #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.S)
    for line in block.splitlines()
    if line.startswith("roleplay ")
]


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_tracked_tree_stays_small() -> None:
    sizes = {path: path.stat().st_size for path in _tracked()}
    assert sum(sizes.values()) <= 48e6
    assert [path for path, size in sizes.items() if size > 15e6] == []


def test_no_source_file_outgrows_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for room in ("roleplay", "tui")
        for path in (ROOT / room).rglob("*.py")
    }
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_a_room_uses_only_rooms_below_it() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_tables_of_readme_and_docs_are_those_of_the_code() -> None:
    for page in (README, PREFERENCES.read_text(encoding="utf-8")):
        assert filled(page) == page, "run: python -m tests.readme_tables"


def _few_dialogues(project: Path) -> None:
    """结衣 as she ships, but with the beginning of her corpora."""
    shutil.copytree(ROOT / "characters", project / "characters")
    (project / "characters" / "yui").mkdir()
    for corpus in (ROOT / "data" / "corpora" / "yui").glob("*.yaml"):
        text = native_yaml(read_native(corpus)[:8], "The beginning.")
        (project / "characters" / "yui" / corpus.name).write_text(text, encoding="utf-8")


def _few_choices(project: Path) -> None:
    """A file of pairs as README names it."""
    pairs = [Pair((Turn("user", f"{at}？"),), "嗯。", "学长，我不知道。", "swipe") for at in range(3)]
    write_pairs(project / "yui-pairs.jsonl", pairs)


async def _nothing(server: object) -> None:
    """Answer nobody."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_readme_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training is cut to one small step, a server stops when it could answer; a hub base must be missed by its name."""
    _few_dialogues(tmp_path)
    _few_choices(tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(command)[1:]
    if arguments[0] == "train":
        arguments += ["--max-steps", "1", "--batch-size", "2", "--grad-accum", "1"]
    if "--reward" in arguments:
        arguments += ["--generations", "2", "--max-new-tokens", "24"]
    if arguments[0] == "serve":
        arguments += ["--port", "0"]
        monkeypatch.setattr("uvicorn.Server.main_loop", _nothing)
    done = roleplay(*arguments)
    if "Qwen/" in command:
        assert done.status == 1
        assert "error: the base 'Qwen/Qwen3-0.6B' is neither a folder here nor to be had from the hub" in done.err
    else:
        assert done.status == 0, done.err
        assert done.out


def test_readme_shows_commands_at_all() -> None:
    assert len(COMMANDS) >= 10


def test_the_card_and_corpus_of_readme_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card, corpus = re.findall(r"```yaml\n(.*?)```", README, flags=re.S)
    (tmp_path / "characters" / "mira").mkdir(parents=True)
    (tmp_path / "characters" / "mira.yaml").write_text(card, encoding="utf-8")
    (tmp_path / "characters" / "mira" / "dialogue.yaml").write_text(corpus, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = roleplay("data", "build", "mira")
    assert done.status == 0, done.err


def test_every_dependency_is_pinned_to_a_version_it_admits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["development"]]
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))
    assert pinned["torch"] == "2.13.0"
    for requirement in wanted:
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), requirement

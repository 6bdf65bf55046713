"""The wheel carries everything: installed elsewhere, it lists characters and gives a trained reply."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def _answers(python: Path, folder: Path) -> None:
    """Outside the checkout, with nothing but what is installed beside `python`."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["ROLEPLAY_HOME"] = str(folder / "home")

    def run(*arguments: str) -> str:
        command = [str(python.with_name("roleplay")), *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert [row["name"] for row in json.loads(run("cards", "list", "--json"))] == ["dot", "wan", "yui"]
    places = json.loads(run("locate", "--json"))
    assert Path(places["pocket"]).is_relative_to(python.parents[1])
    reply = json.loads(run("chat", "yui", "--say", "你叫什么名字？", "--temperature", "0", "--json"))
    assert reply["lane"] == "persona+prefix"
    assert reply["adapter"].startswith("yui/")
    assert reply["text"]
    tui = "import tui, pathlib, sys; sys.exit(not pathlib.Path(tui.__file__).is_relative_to(sys.prefix))"
    subprocess.run([str(python), "-c", tui], cwd=folder, env=environment, check=True)


def test_the_wheel_gives_a_trained_reply_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """Only the wheel is installed; third-party libraries are lent by the environment that runs the tests.

    A path file adds their folder without reading the path files in it, so the checkout stays out of reach.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(command, check=True)
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _answers(python, tmp_path)


@pytest.mark.soak
def test_the_wheel_and_the_locked_libraries_do_so_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", str(ROOT / "requirements.lock"), str(wheel)], check=True)
    _answers(python, tmp_path)

"""What only a process of its own can show: cold imports, closed pipes, Ctrl-C, streams of other alphabets."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from roleplay import __version__
from roleplay.paths import Home
from tests.cli.conftest import in_a_process, roleplay, spawn

HEAVY = {"torch", "transformers", "peft"}
COLD = """\
import json, sys
from roleplay.cli import main
sys.argv = ["roleplay", *sys.argv[1:]]
try:
    main()
except SystemExit as exit_:
    status = exit_.code or 0
else:
    status = 0
json.dump([status, sorted({name.split(".")[0] for name in sys.modules})], sys.stderr)
"""


def modules_of(*arguments: str) -> set[str]:
    """Top-level modules that a successful command has loaded at its end."""
    done = subprocess.run([sys.executable, "-c", COLD, *arguments], capture_output=True, encoding="utf-8", check=True)
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert (status, bool(done.stdout)) == (0, True), done.stderr
    return set(modules)


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], HEAVY | {"pydantic", "textual", "rich", "yaml", "numpy"}),
        (["train", "--help"], HEAVY | {"textual", "rich"}),
        (["--version"], HEAVY | {"pydantic", "textual", "rich"}),
        (["cards", "list"], HEAVY | {"textual", "rich", "numpy"}),
        (["locate"], HEAVY | {"textual", "rich"}),
        (["runs", "list", "--json"], HEAVY | {"textual", "rich"}),
    ],
)
def test_a_quick_command_loads_nothing_heavy(pell: Path, arguments: list[str], unwanted: set[str]) -> None:
    modules = modules_of(*arguments)
    assert "typer" in modules
    assert not modules & unwanted


def test_the_module_is_the_command(pell: Path) -> None:
    done = in_a_process("--version")
    assert (done.status, done.out, done.err) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["cards"], ["data"], ["runs"]])
def test_a_command_without_arguments_shows_its_help(arguments: list[str]) -> None:
    told = roleplay(*arguments)
    assert told.status in (0, 2)
    assert "Usage: " in told.out + told.err
    assert "Commands:" in told.out + told.err


@pytest.mark.parametrize("command", ["cards", "chat", "data", "demo", "locate", "runs", "train"])
def test_every_command_has_help(command: str) -> None:
    told = roleplay(command, "--help")
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith(f"Usage: roleplay {command} ")


@pytest.mark.parametrize("arguments", [["cards", "list"], ["locate", "--json"], ["--help"]])
def test_a_pipe_that_nobody_reads_makes_no_traceback(pell: Path, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = in_a_process(*arguments, stdout=writer)
    finally:
        os.close(writer)
    assert done.err == ""
    assert done.status in (0, 1)


def test_a_stream_that_knows_ascii_alone_gets_escapes(project: Path, home: Home) -> None:
    (project / "characters").mkdir()
    (project / "characters" / "mimi.yaml").write_text(
        "schema: 1\nname: mimi\ndisplay_name: 图\nlanguage: zh\n", encoding="utf-8"
    )
    done = in_a_process("cards", "show", "mimi", env={"PYTHONIOENCODING": "ascii"})
    assert done.status == 0
    assert done.out.startswith("\\u56fe  mimi \\xb7 zh")


@pytest.mark.soak
def test_ctrl_c_in_a_chat_ends_with_130_and_keeps_what_was_said(pell: Path, home: Home) -> None:
    arguments = ("chat", "pell", "--say", "-", "--temperature", 0, "--max-new-tokens", 5, "--json")
    with spawn(*arguments, stdin=subprocess.PIPE) as process:
        process.stdin.write("Hi.\n")
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert first["tokens"] == 5
    assert home.chats.is_file()

"""`roleplay chats`: list, search, show, export, import and remove conversations."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from roleplay.chat.store import ChatStore
from roleplay.chat.transcripts.export import FORMATS
from roleplay.paths import Home
from tests.cli.conftest import refused, roleplay


@pytest.fixture
def talked(pell: Path, home: Home) -> Path:
    """Two chats: with pell, one reply drawn twice; with yui. The current folder."""
    store = ChatStore(home.chats)
    first = store.new_chat("pell")
    hi = store.add(first, None, "user", "Where is the lantern?")
    store.add(first, hi, "assistant", "Gone.", lane="persona+prefix", prefixes=["who"], stopped="end")
    kept = store.add(first, hi, "assistant", "On the \x1b[31mroof.", lane="persona+prefix", stopped="end")
    store.add(first, hi, "assistant", "A lantern is a lamp.", lane="base", beside=True, head=False)
    store.move_head(first, kept)
    store.add(store.new_chat("yui"), None, "user", "图书馆关门了吗？")
    store.close()
    return Path.cwd()


def test_conversations_are_listed_with_the_newest_first(talked: Path) -> None:
    told = roleplay("chats", "list")
    assert [line.split()[:2] for line in told.out.splitlines()] == [["2", "yui"], ["1", "pell"]]
    assert "图书馆关门了吗？" in told.out
    (row,) = roleplay("chats", "list", "pell", "--json").json
    assert (row["id"], row["said"], row["opening"]) == (1, 1, "Where is the lantern?")


def test_where_there_is_none_the_way_to_begin_is_told(home: Home) -> None:
    told = roleplay("chats", "list", "pell")
    assert (told.status, told.out) == (0, "")
    assert "no conversations with pell yet; 'roleplay chat pell' begins one" in told.err
    assert roleplay("chats", "list", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "turns"),
    [
        (["lant"], [4, 1]),
        (["书馆"], [5]),
        (["the", "lantern"], [1]),
        (["the lantern"], [1]),
        (['"lantern the"'], []),
        (["lant", "--limit", "1"], [4]),
        (["lant", "--character", "yui"], []),
        (["AND", "("], []),
    ],
)
def test_turns_are_found(talked: Path, arguments: list[str], turns: list[int]) -> None:
    found = roleplay("chats", "search", *arguments, "--json")
    assert (found.status, [one["turn"] for one in found.json]) == (0, turns)


def test_what_was_found_is_shown_with_its_line(talked: Path) -> None:
    told = roleplay("chats", "search", "图书")
    assert told.out.split()[:2] == ["2", "yui"]
    assert told.out.endswith("图书馆关门了吗？\n")
    assert "nothing found" in roleplay("chats", "search", "zebra").err


def test_a_conversation_is_shown_turn_by_turn(talked: Path) -> None:
    told = roleplay("chats", "show", 1)
    assert "On the [31mroof." in told.out
    assert "persona+prefix  no prefix  2/2" in told.out
    assert "Gone." not in told.out
    assert "not on this path: 1 swipes and turns of other branches, 1 replies beside the conversation" in told.err
    whole = roleplay("chats", "show", 1, "--json").json
    assert (whole["character"], whole["line"], len(whole["turns"])) == ("pell", [1, 3], 4)


@pytest.mark.parametrize("command", ["show", "export", "rm"])
def test_a_conversation_that_is_not_there_is_one_clear_error(talked: Path, command: str) -> None:
    assert "there is no conversation 9; 'roleplay chats list' shows" in refused(roleplay("chats", command, 9), 1)


@pytest.mark.parametrize("layout", FORMATS)
def test_an_export_goes_to_stdout_or_into_a_file(talked: Path, layout: str) -> None:
    out = talked / "chat.txt"
    told = roleplay("chats", "export", 1, "--format", layout)
    done = roleplay("chats", "export", 1, "--format", layout, "-o", out, "--json")

    assert told.status == done.status == 0
    assert out.read_text(encoding="utf-8") == told.out
    assert (done.json["format"], done.json["turns"]) == (layout, 2)
    assert "is there already" in refused(roleplay("chats", "export", 1, "-o", out), 1)
    assert roleplay("chats", "export", 1, "-o", out, "--force").out == "chat.txt\n"


def test_the_ending_tells_the_format_and_losses_are_told(talked: Path) -> None:
    assert roleplay("chats", "export", 1, "-o", "a.jsonl", "--json").json["format"] == "jsonl"
    done = roleplay("chats", "export", 1, "-o", "a.md", "--json")
    assert done.json["left_out"] == ["1 swipes and turns of other branches", "1 replies beside the conversation"]
    assert "left out: 1 swipes and turns of other branches" in done.err
    assert "Gone." in roleplay("chats", "export", 1, "--swipes").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "jsonll"], "there is no format 'jsonll'; did you mean 'jsonl'?"),
        (["--json"], "name one with -o"),
        (["--swipes", "--format", "jsonl"], "--swipes is for Markdown"),
    ],
)
def test_options_that_do_not_go_together_are_refused(talked: Path, arguments: list[str], told: str) -> None:
    assert told in refused(roleplay("chats", "export", 1, *arguments), 2)


@pytest.mark.parametrize("layout", ["jsonl", "sillytavern"])
def test_what_was_exported_can_be_imported(talked: Path, layout: str) -> None:
    roleplay("chats", "export", 1, "--format", layout, "-o", "a.jsonl")
    done = roleplay("chats", "import", "a.jsonl", "--character", "pell", "--json")

    assert (done.status, done.json["chat"], done.json["form"]) == (0, 3, layout)
    assert "roleplay chat pell --resume" in done.err
    line = [turn for turn in roleplay("chats", "show", 3, "--json").json["turns"] if not turn["beside"]]
    assert [turn["text"] for turn in line] == ["Where is the lantern?", "Gone.", "On the [31mroof."]


def test_an_import_that_cannot_be_is_refused(talked: Path) -> None:
    Path("a.jsonl").write_text(json.dumps({"roleplay_chat": 1, "created": "x"}), encoding="utf-8")
    assert "a.jsonl:1: character: field required" in refused(
        roleplay("chats", "import", "a.jsonl", "--character", "pell"), 1
    )
    assert "no character 'nobody'" in refused(roleplay("chats", "import", "a.jsonl", "--character", "nobody"), 1)
    assert "did you mean 'jsonl'" in refused(
        roleplay("chats", "import", "a.jsonl", "--character", "pell", "--as", "json"), 2
    )


def test_removing_asks_and_takes_all_or_none(talked: Path, home: Home) -> None:
    assert "nobody can be asked here; add --yes" in refused(roleplay("chats", "rm", 1), 2)
    refused(roleplay("chats", "rm", 1, 9, "--yes"), 1)
    assert len(roleplay("chats", "list", "--json").json) == 2
    assert roleplay("chats", "rm", 1, 2, "--yes").out == "1\n2\n"
    assert roleplay("chats", "list", "--json").json == []
    assert roleplay("chats", "search", "lantern", "--json").json == []


def test_the_commands_load_no_model(talked: Path) -> None:
    script = "import sys; from roleplay.cli import main; sys.argv = ['roleplay', 'chats', 'list']\n"
    script += (
        "try:\n    main()\nexcept SystemExit:\n    pass\nprint({'torch', 'transformers', 'openai'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"

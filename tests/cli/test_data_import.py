"""`roleplay data import`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roleplay.corpora.documents import read_documents
from roleplay.corpora.native import read_native
from tests.cli.conftest import refused, roleplay

CARD = "schema: 1\nname: mimi\ndisplay_name: Mimi\nlanguage: en\ncorpora: []\n"
GOOD = {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}], "system": "S"}
BAD = {"conversations": [{"from": "human", "value": "Q"}]}


@pytest.fixture
def mimi(project: Path) -> Path:
    """A project with a card and no corpora."""
    (project / "characters").mkdir()
    (project / "characters" / "mimi.yaml").write_text(CARD)
    return project


def put(path: str, *rows: Any) -> str:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def turns(path: str) -> list[list[tuple[str, str]]]:
    return [[(turn.role, turn.text) for turn in d.turns] for d in read_native(Path(path), allow_system=True)]


def left(folder: Path) -> list[str]:
    """Every file of the project."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_becomes_a_corpus_that_the_card_can_name(mimi: Path) -> None:
    done = roleplay("data", "import", put("talk dump.jsonl", *[GOOD] * 9, BAD), "--character", "mimi")

    assert done.status == 0
    assert done.out.splitlines() == [
        "talk dump.jsonl: read as ShareGPT because its rows have 'conversations' with 'from' and 'value'; UTF-8",
        "10 rows read, 9 kept, 1 dropped, 0 turns merged",
        "dropped 1: has an odd number of turns (row 10)",
        "9 system turns left out: a character's come from its prefixes",
        "written: 9 in characters/mimi/talk dump.yaml",
    ]
    entry = done.err.removeprefix("add to the card's corpora: ")
    card = Path("characters/mimi.yaml")
    card.write_text(CARD.replace("corpora: []", f"corpora:\n  {entry}"))
    assert roleplay("cards", "check", "mimi").status == 0
    assert turns("characters/mimi/talk dump.yaml") == [[("user", "Q"), ("assistant", "A")]] * 9


def test_more_than_a_tenth_dropped_is_refused_unless_it_is_accepted(mimi: Path) -> None:
    arguments = ["data", "import", put("talk.jsonl", *[GOOD] * 8, BAD), "--character", "mimi"]

    done = roleplay(*arguments)
    assert done.status == 1
    assert done.out.splitlines()[1] == "9 rows read, 8 kept, 1 dropped, 0 turns merged"
    assert done.err == (
        "error: 1 of 9 rows of talk.jsonl are dropped, more than a tenth; nothing was written: repair them, or add "
        "--accept-drops\n"
    )
    assert left(mimi) == ["characters/mimi.yaml", "talk.jsonl"]
    assert roleplay(*arguments, "--accept-drops").status == 0
    assert len(turns("characters/mimi/talk.yaml")) == 8


def test_nothing_kept_is_refused_even_then(mimi: Path) -> None:
    done = roleplay("data", "import", put("talk.jsonl", BAD), "--character", "mimi", "--accept-drops", "--json")

    assert done.status == 1
    assert (done.json["written"], done.json["out"], done.json["card_line"]) == (0, None, "")
    assert done.json["report"]["dropped"] == {"has an odd number of turns": {"rows": 1, "first": [1]}}
    assert done.json["refusal"].startswith("talk.jsonl holds nothing that could be kept; name the right form with --as")
    assert left(mimi) == ["characters/mimi.yaml", "talk.jsonl"]


def test_a_file_that_breaks_off_leaves_nothing_behind(mimi: Path) -> None:
    Path("talk.json").write_text(json.dumps([GOOD] * 5000)[:-10])

    error = refused(roleplay("data", "import", "talk.json", "--character", "mimi"), 1)

    assert error.startswith("error: talk.json: row 5000: is not JSON (")
    assert left(mimi) == ["characters/mimi.yaml", "talk.json"]


def test_what_is_there_is_replaced_by_force_alone(mimi: Path) -> None:
    Path("characters/mimi").mkdir()
    Path("characters/mimi/talk.yaml").write_text("# mine\n")
    arguments = ["data", "import", put("talk.jsonl", GOOD), "--character", "mimi"]

    error = refused(roleplay(*arguments), 1)
    assert error.startswith("error: characters/mimi/talk.yaml is there already; add --force to replace it")
    assert Path("characters/mimi/talk.yaml").read_text() == "# mine\n"
    assert roleplay(*arguments, "--force").status == 0
    assert Path("characters/mimi/talk.yaml").read_text().startswith("# Imported from talk.jsonl.\n- - user: Q\n")


def test_many_dialogues_become_json_lines(mimi: Path) -> None:
    done = roleplay("data", "import", put("talk.jsonl", *[GOOD] * 3001), "--character", "mimi", "--json")

    assert (done.json["out"], done.json["written"]) == (str(mimi / "characters" / "mimi" / "talk.jsonl"), 3001)
    assert done.json["card_line"] == "- {path: mimi/talk.jsonl, kind: dialogue}"
    assert turns("characters/mimi/talk.jsonl")[3000] == [("user", "Q"), ("assistant", "A")]


def test_form_speakers_kind_and_place_can_be_told(mimi: Path) -> None:
    said = [("Sly", "A play?"), ("Kate", "No."), ("Sly", "Wake me.")]
    scene = {"messages": [{"role": "user", "name": name, "content": text} for name, text in said]}
    there = ["--character", "mimi", "--kind", "general"]
    roleplay("data", "import", put("a.jsonl", scene), *there, "--as", "messages", "--me", "Kate", "--out", "x.jsonl")
    roleplay("data", "import", put("a.jsonl", scene), *there, "--me", "sly", "--them", "kate", "--out", "y.yaml")
    roleplay("data", "import", put("a.jsonl", GOOD), *there)

    assert turns("x.jsonl") == [[("user", "A play?"), ("assistant", "No."), ("user", "Wake me.")]]
    assert turns("y.yaml") == [[("assistant", "A play?"), ("user", "No."), ("assistant", "Wake me.")]]
    assert turns("characters/mimi/a.yaml") == [[("system", "S"), ("user", "Q"), ("assistant", "A")]]


def test_raw_text_becomes_a_corpus_of_text(mimi: Path) -> None:
    Path("tide.txt").write_bytes("潮水九点来。\r\n\r\n人们都在岸上等着。".encode("gb18030"))
    done = roleplay("data", "import", "tide.txt", "--character", "mimi")

    assert done.err == "add to the card's corpora: - {path: mimi/tide.jsonl, kind: text}\n"
    (document,) = read_documents(Path("characters/mimi/tide.jsonl"))
    assert document.text == "潮水九点来。\n\n人们都在岸上等着。"


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["no.jsonl"], 1, "no.jsonl: cannot be read: No such file or directory"),
        (["talk.doc"], 1, "talk.doc: has the ending '.doc'; use one of .jsonl"),
        (["talk.jsonl", "--as", "sharegtp"], 2, "there is no form 'sharegtp'; did you mean 'sharegpt'?"),
        (
            ["talk.jsonl", "--as", "alpaca", "--me", "x"],
            2,
            "the form alpaca names no speakers; leave --me and --them out",
        ),
        (["talk.jsonl", "--kind", "talk"], 2, "--kind talk: choose desc, dialogue or general"),
        (["talk.jsonl", "--out", "x.txt"], 2, "--out x.txt does not end in .yaml or .yml or .jsonl; rename it"),
        (
            ["talk.jsonl", "--out", "talk.jsonl", "--force"],
            2,
            "--out talk.jsonl is the file that is read; name another",
        ),
        (["talk.jsonl", "--character", "mim"], 1, "there is no character 'mim' in characters"),
        (["pairs.jsonl"], 1, "pairs.jsonl holds nothing that could be kept"),
    ],
)
def test_what_cannot_be_done_is_one_error(mimi: Path, arguments: list[str], status: int, expected: str) -> None:
    put("talk.jsonl", GOOD)
    put("talk.doc", GOOD)
    put("pairs.jsonl", {"prompt": "Q", "chosen": "A", "rejected": "B"})
    before = left(mimi)

    done = roleplay("data", "import", *(["--character", "mimi"] if "--character" not in arguments else []), *arguments)

    assert done.status == status
    assert done.err.startswith(f"error: {expected}")
    assert "Traceback" not in done.err
    assert left(mimi) == before


MEASURED = """
import re, resource, sys
from pathlib import Path
from roleplay.cli import main
sys.argv = ["roleplay", "data", "import", *sys.argv[1:]]
try:
    main()
finally:
    # What `resource` tells includes the process that this one was forked from.
    status = Path("/proc/self/status")
    held = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1] if status.exists() else 0
    print(int(held) * 1024 or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def memory(rows: int, ending: str) -> int:
    """Import so many rows in a process of its own; the most memory it held, in bytes."""
    path = Path(f"big{ending}")
    with path.open("w", encoding="utf-8") as file:
        file.write("[" if ending == ".json" else "")
        for i in range(rows):
            talk = [{"from": "human", "value": f"第{i}个问题？"}, {"from": "gpt", "value": f"Answer {i}. " * 5}]
            file.write((",\n" if i and ending == ".json" else "") + json.dumps({"conversations": talk}))
            file.write("\n" if ending == ".jsonl" else "")
        file.write("]" if ending == ".json" else "")
    command = [sys.executable, "-c", MEASURED, str(path), "--character", "mimi", "--force"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{rows} rows read, {rows} kept, 0 dropped" in done.stdout
    assert len(Path("characters/mimi/big.jsonl").read_bytes().splitlines()) == rows
    return int(done.stderr.splitlines()[-1])


def test_rows_stream_through(mimi: Path) -> None:
    assert memory(20_000, ".jsonl") < 120e6


@pytest.mark.soak
@pytest.mark.parametrize("ending", [".jsonl", ".json"])
def test_a_million_rows_stream_through(mimi: Path, ending: str) -> None:
    assert memory(1_000_000, ending) < 500e6

"""`roleplay data export`."""

import hashlib
import json
from pathlib import Path

import pytest

from roleplay.corpora.native import read_native
from roleplay.corpora.registered import read_registered
from roleplay.paths import shipped
from tests.cli.conftest import refused, roleplay
from tests.corpora.conftest import told

CARD = """\
schema: 1
name: mimi
display_name: Mimi
user_name: Tom
language: en
prefixes:
  - {id: who, text: "You are {{char}}."}
  - {id: near, text: "(Softly.)", place: last_user}
  - {id: off, text: "No.", default: off}
corpora:
  - {path: mimi/desc.yaml, kind: desc}
  - {path: mimi/talk.yaml, kind: dialogue, weight: 2}
  - {path: mimi/more.jsonl, kind: dialogue}
  - {path: mimi/other.yaml, kind: general}
  - {path: mimi/tide.txt, kind: text}
"""
FILES = {
    "desc.yaml": '- - user: Who?\n  - char: "{{char}}, {{user}}."\n',
    "talk.yaml": (
        "- - char: Hush.\n  - user: Why?\n  - char: The cat.\n  - user: Oh.\n"
        "- - char: Alone.\n"
        "- - user: |\n      two\n      lines\n  - char: Yes.\n  - user: And?\n  - char: 没有。\n"
    ),
    "more.jsonl": '[{"user": "Q"}, {"char": "A"}]\n',
    "other.yaml": "- - system: S\n  - user: Q\n  - char: A\n",
    "tide.txt": "One.\n\nTwo.\n",
}
TALK = [
    "assistant: Hush. | user: Why? | assistant: The cat.",
    "assistant: Alone.",
    "user: two\nlines | assistant: Yes. | user: And? | assistant: 没有。",
]


@pytest.fixture
def mimi(project: Path) -> Path:
    """A project with a character that has corpora of every kind."""
    (project / "characters" / "mimi").mkdir(parents=True)
    (project / "characters" / "mimi.yaml").write_text(CARD)
    for name, text in FILES.items():
        (project / "characters" / "mimi" / name).write_text(text, encoding="utf-8")
    return project


def sha1(path: str) -> str:
    return hashlib.sha1(Path(path).read_bytes(), usedforsecurity=False).hexdigest()


def read(folder: str) -> dict[str, list[str]]:
    """Every data set of a folder, as our own reader takes it, with nothing dropped or ignored."""
    registry = json.loads((Path(folder) / "dataset_info.json").read_text(encoding="utf-8"))
    found = {}
    for name in registry:
        reading = read_registered(Path(folder), name)
        found[name] = told(reading)
        assert reading.report.losses() == []
    return found


@pytest.mark.parametrize("layout", ["sharegpt", "alpaca"])
def test_what_is_exported_reads_back_equal(mimi: Path, layout: str) -> None:
    done = roleplay("data", "export", "mimi", "--format", layout)

    assert done.status == 0
    assert done.out.splitlines() == [
        f"desc           1 rows  weight 1  mimi-{layout}/mimi_desc.json",
        f"dialogue       3 rows  weight 2  mimi-{layout}/mimi_dialogue.json",
        "          1 last turns left out: nothing answers them",
        f"dialogue       1 rows  weight 1  mimi-{layout}/mimi_dialogue_2.json",
        f"general        1 rows  weight 1  mimi-{layout}/mimi_general.json",
    ]
    assert read(f"mimi-{layout}") == {
        "mimi_desc": ["user: Who? | assistant: Mimi, Tom."],
        "mimi_dialogue": TALK,
        "mimi_dialogue_2": ["user: Q | assistant: A"],
        "mimi_general": ["system: S | user: Q | assistant: A"],
    }


def test_the_whole_character_goes_to_llama_factory_with_prefixes_and_text(mimi: Path) -> None:
    done = roleplay("data", "export", "mimi", "--format", "llamafactory", "--out", "there/data", "--json")

    assert [one["kind"] for one in done.json["sets"]] == ["desc", "dialogue", "dialogue", "general", "text"]
    found = read("there/data")
    assert found["mimi_desc"] == ["system: You are Mimi. | user: (Softly.)\n\nWho? | assistant: Mimi, Tom."]
    assert found["mimi_dialogue"][1] == "system: You are Mimi. | assistant: Alone."
    assert found["mimi_general"] == ["system: S | user: Q | assistant: A"]
    assert found["mimi_text"] == ["One.\n\nTwo."]


def test_the_rows_are_those_that_llama_factory_reads(mimi: Path) -> None:
    roleplay("data", "export", "mimi", "--format", "sharegpt")
    roleplay("data", "export", "mimi", "--format", "alpaca")

    registry = json.loads(Path("mimi-sharegpt/dataset_info.json").read_text(encoding="utf-8"))
    assert registry["mimi_dialogue"] == {
        "file_name": "mimi_dialogue.json",
        "file_sha1": sha1("mimi-sharegpt/mimi_dialogue.json"),
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "system": "system"},
    }
    rows = json.loads(Path("mimi-sharegpt/mimi_dialogue.json").read_text(encoding="utf-8"))
    for row in rows:
        assert [message["from"] for message in row["conversations"]] == ["human", "gpt"] * (
            len(row["conversations"]) // 2
        )
    assert json.loads(Path("mimi-alpaca/mimi_dialogue.json").read_text(encoding="utf-8")) == [
        {"instruction": "Why?", "input": "", "output": "The cat.", "system": "", "history": [["", "Hush."]]},
        {"instruction": "", "input": "", "output": "Alone.", "system": "", "history": []},
        {"instruction": "And?", "input": "", "output": "没有。", "system": "", "history": [["two\nlines", "Yes."]]},
    ]


def test_a_shipped_character_reads_back_turn_by_turn(tmp_path: Path) -> None:
    assert roleplay("data", "export", "yui", "--format", "sharegpt", "--out", tmp_path / "yui").status == 0
    found = read(str(tmp_path / "yui"))
    corpus = shipped() / "data" / "corpora" / "yui" / "dialogue.yaml"
    assert found["yui_dialogue"] == told(read_native(corpus))
    assert len(found["yui_desc"]) > 100


def test_only_an_earlier_export_is_replaced(mimi: Path) -> None:
    arguments = ["data", "export", "mimi", "--format", "alpaca", "--out", "there"]
    Path("there").mkdir()
    Path("there/mine.txt").write_text("mine")

    error = refused(roleplay(*arguments, "--force"), 1)
    assert error.startswith("error: there is there already and no export; choose another --out")
    assert Path("there/mine.txt").read_text() == "mine"
    arguments[-1] = "here"
    assert roleplay(*arguments).status == 0
    assert "here is there already; add --force to replace it" in refused(roleplay(*arguments), 1)
    assert roleplay(*arguments, "--force").status == 0
    assert sorted(path.name for path in Path().iterdir()) == ["characters", "here", "there"]


def test_an_unknown_format_is_wrong_usage(mimi: Path) -> None:
    assert "--format alpacca: did you mean 'alpaca'?" in refused(
        roleplay("data", "export", "mimi", "--format", "alpacca"), 2
    )

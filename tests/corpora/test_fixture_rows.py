"""Third-party files: counts as a plain script on their JSON gives them, turns as LLaMA-Factory makes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from roleplay.corpora.read import read
from roleplay.corpora.registered import read_registered
from roleplay.dialogue import Dialogue

Turns = list[tuple[str, str]]


def rows_of(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)


def alpaca_turns(row: dict[str, Any]) -> Turns:
    """An Alpaca row by the rules of the reference page."""
    question = "\n".join(part for part in (row["instruction"], row["input"]) if part)
    return [("user", question.strip()), ("assistant", row["output"].strip())]


def sharegpt_turns(row: dict[str, Any]) -> Turns | None:
    """A ShareGPT row by the rules of the reference page; none where it is broken there."""
    sides = ({"human": "user", "observation": "tool"}, {"gpt": "assistant", "function_call": "tool"})
    messages = row["conversations"]
    if len(messages) % 2 or any(m["from"] not in sides[i % 2] for i, m in enumerate(messages)):
        return None
    return [(sides[i % 2][m["from"]], m["value"].strip()) for i, m in enumerate(messages)]


def turns_of(value: Any) -> Turns:
    assert isinstance(value, Dialogue)
    return [(turn.role, turn.text) for turn in value.turns]


@pytest.mark.parametrize("name", ["alpaca_en_demo", "alpaca_zh_demo", "identity"])
def test_alpaca_is_converted_as_llama_factory_does(shared: Path, name: str) -> None:
    folder = shared / "fixtures" / "llamafactory"
    reading = read_registered(folder, name)
    rows = rows_of(folder / f"{name}.json")

    assert [turns_of(value) for value in reading] == [alpaca_turns(row) for row in rows]
    assert reading.report.rows == reading.report.kept == len(rows) > 0
    assert [turns_of(value) for value in read(folder / f"{name}.json")] == [alpaca_turns(row) for row in rows]


def test_sharegpt_is_converted_as_llama_factory_does_but_for_tool_calls(shared: Path) -> None:
    folder = shared / "fixtures" / "llamafactory"
    reading = read_registered(folder, "glaive_toolcall_zh_demo")
    converted = [sharegpt_turns(row) for row in rows_of(folder / "glaive_toolcall_zh_demo.json")]
    spoken = [turns for turns in converted if turns and all(role != "tool" for role, _ in turns)]
    called = [i for i, turns in enumerate(converted, 1) if turns and any(role == "tool" for role, _ in turns)]

    assert [turns_of(value) for value in reading] == spoken
    (reason, dropped), *_ = reading.report.dropped.items()
    assert reason == "has a tool call, which a character cannot make"
    assert (dropped.rows, dropped.first) == (len(called), called[:5])
    assert reading.report.lost == len(converted) - len(spoken)


@pytest.mark.parametrize("name", ["gloucester", "menenius", "petruchio"])
def test_plays_are_read_turn_by_turn(shared: Path, name: str) -> None:
    path = shared / "fixtures" / "corpora" / f"{name}.jsonl"
    reading = read(path)
    rows = rows_of(path)

    assert [turns_of(value) for value in reading] == [
        [(m["role"], m["content"].strip()) for m in row["messages"]] for row in rows
    ]
    assert reading.report.rows == reading.report.kept == len(rows) > 100


def test_every_entry_of_a_real_registry_is_read_or_says_why_not(shared: Path) -> None:
    folder = shared / "fixtures" / "llamafactory"
    names = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    told: dict[str, str] = {}
    for name in names:
        try:
            list(read_registered(folder, name))
            told[name] = "read"
        except Exception as error:
            told[name] = str(error)

    assert {name for name, what in told.items() if what == "read"} == {
        "identity",
        "alpaca_en_demo",
        "alpaca_zh_demo",
        "glaive_toolcall_zh_demo",
    }
    assert all(
        what == "read" or "not local; download it" in what or "is not there; " in what for what in told.values()
    ), told

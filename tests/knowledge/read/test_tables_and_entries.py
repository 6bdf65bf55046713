import json
import tracemalloc
from typing import Any

import pytest

from roleplay.errors import FileFaults
from roleplay.knowledge.read.document import read_document
from tests.knowledge.read.conftest import Write, check_laid, read

BOOK = {
    "name": "Harbour",
    "entries": {
        "0": {"key": ["bell", "fog"], "content": "It rings.", "constant": False, "extensions": {"depth": 4}},
        "1": {"key": [], "content": "Two", "comment": None},
    },
}


@pytest.mark.parametrize(
    ("name", "text", "blocks"),
    [
        ("a.csv", "name,place\nBell,Harbour\nFog,\n", ["- name: Bell; place: Harbour", "- name: Fog"]),
        ("a.csv", 'name,place\n"B, ""x""","a\nb"\n', ['- name: B, "x"; place: a\nb']),
        ("a.csv", "\n,\nname,place\n,\nBell,x,more\n", ["- name: Bell; place: x; more"]),
        ("a.tsv", "name\tplace\nBell, old\tHarbour", ["- name: Bell, old; place: Harbour"]),
        ("a.csv", f"{'n' * 90}\nx\n", [f"- {'n' * 59}…: x"]),
    ],
)
def test_a_row_says_what_its_columns_are(write: Write, name: str, text: str, blocks: list[str]) -> None:
    assert read(write(name, text)) == blocks


def test_a_row_tells_the_line_it_begins_on(write: Write) -> None:
    blocks = list(read_document(write("a.csv", 'a,b\n\n1,"x\ny\nz"\n\n2,3\n')))

    assert [(block.line, block.text) for block in blocks] == [(3, "a: 1; b: x\ny\nz"), (7, "a: 2; b: 3")]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize(
    ("values", "blocks"),
    [
        (["one", "two", 3, None], ["- one", "- two", "- 3"]),
        ([{"a": "x", "b": {"c": 1, "d": True}}], ["- a: x; b.c: 1; b.d: true"]),
        ([{"a": ["x", 2, None, {"y": 1}], "e": "", "n": None}], ["- a: x, 2; a.3.y: 1"]),
        ([{"a\nb": 1}], ["- a b: 1"]),
        ([[["x"], [["y"]]]], ["- 0: x; 1.0: y"]),
    ],
)
def test_an_entry_is_told_under_dotted_keys(write: Write, name: str, values: list[Any], blocks: list[str]) -> None:
    text = json.dumps(values) if name == "a.json" else "\n".join(map(json.dumps, values))

    assert read(write(name, text)) == blocks


def test_entries_of_a_world_book_are_rows(write: Write) -> None:
    assert read(write("a.json", " \n" + json.dumps(BOOK))) == [
        "- name: Harbour",
        "- key: bell, fog; content: It rings.; constant: false; extensions.depth: 4",
        "- content: Two",
    ]


def test_lists_of_objects_in_an_object_are_rows(write: Write) -> None:
    value = {"people": [{"name": "Yui"}, {"name": "Dot"}], "mixed": [{"a": 1}, 2], "one": {"a": 1, "b": 2}}

    assert read(write("a.json", json.dumps(value))) == [
        "- name: Yui",
        "- name: Dot",
        "- mixed: 2; mixed.0.a: 1",
        "- one.a: 1; one.b: 2",
    ]


def test_lines_of_json_lines_are_counted(write: Write) -> None:
    assert [block.line for block in read_document(write("a.jsonl", '"a"\n\n"b"\n'))] == [1, 3]


def nested(depth: int) -> str:
    return '{"a": ' * depth + '"x"' + "}" * depth


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.json", "[" * 100_000, "is nested too deeply"),
        ("a.json", f"[{nested(18)}]", "nests values more than 16 deep"),
        ("a.json", '["a", oops]', "is not JSON"),
        ("a.json", '{"a": "cut', "is not JSON"),
        ("a.json", '["a"', "ends in the middle of its list"),
        ("a.jsonl", '"a"\n{oops\n', r"a\.jsonl:2: this line is not JSON"),
        ("a.jsonl", '"a"\n' + nested(18), r"a\.jsonl:2: nests values more than 16 deep"),
        ("a.csv", 'a,b\n"' + "x\n" * 5_000, r"a\.csv:2: is no table: a row goes on for more than 2,000 lines"),
        ("a.csv", "a,b\n" + "x" * 140_000, r"a\.csv:2: is no table: field larger than field limit"),
        ("a.csv", "a,b\n\n" + "," * 1_000, r"a\.csv:3: is no table: a row has 1,001 cells"),
        ("a.csv", "a,b\n", "holds no text"),
        ("a.json", "{}", "holds no text"),
    ],
)
def test_a_bad_table_or_list_is_one_fault(write: Write, name: str, text: str, problem: str) -> None:
    path = write(name, text)

    with pytest.raises(FileFaults, match=problem) as caught:
        list(read_document(path))
    assert len(caught.value.faults) == 1


def test_keys_that_are_repeated_for_every_value_stay_short(write: Write) -> None:
    value = {f"{'k' * 5_000}{level}": level for level in range(3)}
    path = write("a.json", json.dumps([{"k" * 5_000: {"m" * 5_000: {"n" * 5_000: value}}}]))

    assert sum(len(block.text) for block in read_document(path)) < 400


def test_a_long_entry_comes_in_pieces(write: Write) -> None:
    path = write("a.json", json.dumps([{f"key {number}": "word " * 1_000 for number in range(30)}]))
    blocks = list(read_document(path))

    check_laid(blocks)
    assert len(blocks) == 3
    assert all(block.text.startswith("key ") for block in blocks)
    assert sum(block.text.count("word") for block in blocks) == 30_000


@pytest.mark.parametrize(
    ("name", "head", "unit", "tail"),
    [
        ("a.csv", "name,text\n", f"Bell,{'word ' * 200}\n", ""),
        ("a.jsonl", "", json.dumps({"text": "word " * 200}) + "\n", ""),
        ("a.json", "[", json.dumps({"text": "word " * 200}) + ",", '"end"]'),
    ],
)
def test_a_long_table_is_never_in_memory(write: Write, name: str, head: str, unit: str, tail: str) -> None:
    path = write(name, head + unit * 4_000 + tail)
    tracemalloc.start()
    count = sum(1 for _ in read_document(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count >= 4_000
    assert peak < 3.5e6

"""Damaged files of every form: read, with what is damaged counted, or refused with one error; never a traceback."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from roleplay.corpora.read import read
from roleplay.errors import RoleplayError
from roleplay.text import clean
from tests.corpora.conftest import Write, lines, told

NASTY = [
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b"\x1b[2J", b"\xe2\x80\xae", b"\xc3", b"\xa4\xa2"),
    *(b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b"\\ud800", b"null", b"NaN", b"1e999", b"-", b"[[[[" * 50),
    *(b'"from"', b'"role": "tool"', b'"tool_calls": [{}]', b'"mes": ""', b'"is_system": true', b'"output": ["a", "b"]'),
]


def mutant(data: bytes, seed: int) -> bytes:
    """`data` with a few cuts, copies, flipped bits and strange bytes in it."""
    chance = random.Random(seed)
    found = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(found) + 1), chance.choice((1, 2, 8, 100, 2000))
        match chance.randrange(6):
            case 0:
                del found[at : at + length]
            case 1:
                found[at:at] = chance.choice(NASTY)
            case 2:
                found[at:at] = found[at : at + length]
            case 3 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 4:
                del found[at:]
            case _:
                found[at : at + length] = chance.choice(NASTY)
    return bytes(found)


def check(path: Path) -> str:
    """How it was read: all of it text that a terminal can show."""
    try:
        reading = read(path)
        values = told(reading)
    except RoleplayError as error:
        return "refused" if clean(str(error)) == str(error) else f"refused with {error!r}"
    report = reading.report
    assert report.rows == report.kept + report.lost
    assert all(clean(line) == line for line in (*values, *report.lines()))
    assert len(report.dropped) < 40
    return "dropped" if report.lost else "read"


def samples() -> dict[str, bytes]:
    """A small file of every form."""
    talk = [("human", "在看什么？"), ("gpt", "绘本，讲鼹鼠的。"), ("human", "And then?"), ("gpt", "It sleeps.")]
    sharegpt = {"conversations": [{"from": who, "value": text} for who, text in talk], "system": "S"}
    messages = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
    alpaca = {"instruction": "Q", "input": "x", "output": "A", "history": [["a", "b"]], "system": "S"}
    chat = [
        {"user_name": "T"},
        {"name": "M", "is_user": False, "mes": "Hi."},
        {"name": "T", "is_user": True, "mes": "Q"},
    ]
    rows: dict[str, list[Any]] = {
        "sharegpt": [sharegpt] * 5,
        "messages": [messages] * 5,
        "alpaca": [alpaca] * 5,
        "preference": [{"prompt": "Q", "chosen": "A", "rejected": "B"}] * 5,
        "native": [[{"user": "Q"}, {"char": "A"}]] * 5,
    }
    files = {f"{name}.jsonl": lines(*values).encode() for name, values in rows.items()}
    files |= {f"{name}.json": json.dumps(values, indent=1).encode() for name, values in rows.items()}
    files["chat.jsonl"] = lines(*chat, *chat[1:] * 3).encode()
    files["wide.json"] = json.dumps([sharegpt] * 5, ensure_ascii=False).encode("utf-16")
    files["gb.jsonl"] = lines(*[sharegpt] * 5).encode("gb18030")
    files["native.yaml"] = "- - user: 在看什么？\n  - char: |\n      绘本。\n".encode() * 5
    files["plain.txt"] = "One.\n\n二。\n".encode() * 20
    return files


def run(write: Write, files: dict[str, bytes], count: int) -> set[str]:
    found = set()
    for seed in range(count):
        name = sorted(files)[seed % len(files)]
        found.add(check(write(name, mutant(files[name], seed))))
    return found


def test_a_damaged_file_is_read_or_refused(write: Write) -> None:
    files = samples()

    assert {check(write(name, data)) for name, data in files.items()} == {"read"}
    assert run(write, files, 200) == {"read", "dropped", "refused"}


@pytest.mark.soak
@pytest.mark.parametrize("part", range(5))
def test_thousands_of_damaged_fixtures_are_read_or_refused(shared: Path, write: Write, part: int) -> None:
    files = samples() | {"table.csv": b"instruction,output\n" + b'Q,"A, B"\n' * 5}
    for path in sorted((shared / "fixtures").glob("*/*.json*")):
        files[path.name] = path.read_bytes()[:60_000]
    for seed in range(part * 1200, (part + 1) * 1200):
        name = sorted(files)[seed % len(files)]
        check(write(name, mutant(files[name], seed)))

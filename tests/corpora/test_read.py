import json
from pathlib import Path
from typing import Any

import pytest

from roleplay.corpora import encoding, rows
from roleplay.corpora.forms.row import Speakers
from roleplay.corpora.read import read
from roleplay.errors import FileFaults, UsageError
from tests.corpora.conftest import Write, lines, told

ALPACA = {"instruction": "Q", "input": "", "output": "A"}
SHAREGPT = {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}
OPENAI = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
SAID = "user: Q | assistant: A"


def reported(path: Path, form: str | None = None, **options: Any) -> list[str]:
    """The report after everything is read, without its first line."""
    reading = read(path, form, **options)
    assert len(list(reading)) <= reading.report.kept
    assert reading.report.rows == reading.report.kept + reading.report.lost
    return reading.report.lines()[1:]


@pytest.mark.parametrize(
    ("name", "content", "expected", "because"),
    [
        ("a.jsonl", lines(ALPACA), SAID, "Alpaca because its rows have 'instruction' and 'output'; UTF-8"),
        (
            "a.jsonl",
            lines(SHAREGPT),
            SAID,
            "ShareGPT because its rows have 'conversations' with 'from' and 'value'; UTF-8",
        ),
        (
            "a.jsonl",
            lines(OPENAI),
            SAID,
            "OpenAI messages because its rows have 'messages' with 'role' and 'content'; UTF-8",
        ),
        ("a.json", json.dumps([ALPACA]), SAID, "Alpaca because its rows have 'instruction' and 'output'; UTF-8"),
        ("a.json", lines(ALPACA, ALPACA), SAID, "Alpaca because its rows have 'instruction' and 'output'; UTF-8"),
        (
            "a.json",
            json.dumps(OPENAI, indent=2),
            SAID,
            "OpenAI messages because its rows have 'messages' with 'role' and 'content'; UTF-8",
        ),
        (
            "a.jsonl",
            lines({"prompt": "Q", "completion": "A"}),
            SAID,
            "prompt and completion because its rows have 'prompt' and 'completion'; UTF-8",
        ),
        (
            "a.jsonl",
            lines({"prompt": "Q", "chosen": "A", "rejected": "B"}),
            "user: Q > A > B",
            "preference pairs because its rows have 'chosen' and 'rejected'; UTF-8",
        ),
        (
            "a.jsonl",
            lines({"instruction": "Q", "output": ["A", "B"]}),
            "user: Q > A > B",
            "preference pairs because its rows have 'instruction' and an 'output' of two answers; UTF-8",
        ),
        ("a.jsonl", lines({"text": "T"}), "T", "raw text because its rows have 'text'; UTF-8"),
        ("a.txt", "T\n\nU\r\n", "T\n\nU", "raw text because its rows have 'text'; UTF-8"),
        (
            "a.jsonl",
            lines([{"user": "Q"}, {"char": "A"}]),
            SAID,
            "native because its rows are lists of 'user' and 'char' turns; UTF-8",
        ),
        ("a.yaml", "- - user: Q\n  - char: A\n", SAID, "native because it is YAML; UTF-8"),
        (
            "a.csv",
            'instruction,output\nQ,"A"\n',
            SAID,
            "Alpaca because its rows have 'instruction' and 'output'; UTF-8",
        ),
        (
            "a.tsv",
            "question\tanswer\nQ\tA\n",
            SAID,
            "prompt and completion because its rows have 'question' and 'answer'; UTF-8",
        ),
    ],
)
def test_a_form_is_told_by_the_first_rows(write: Write, name: str, content: str, expected: str, because: str) -> None:
    reading = read(write(name, content))

    assert told(reading)[0] == expected
    assert reading.report.lines()[0] == f"{name}: read as {because}"


def test_a_form_can_be_asked_for(write: Write) -> None:
    path = write("a.jsonl", lines(ALPACA | {"text": "T", "input": "x"}))

    assert told(read(path)) == ["user: Q\nx | assistant: A"]
    assert told(read(path, "alpaca-2024")) == ["user: Qx | assistant: A"]
    assert told(read(path, "text")) == ["T"]
    assert read(path, "text").report.lines()[0] == "a.jsonl: read as raw text because that was asked for; UTF-8"


def test_what_is_asked_for_must_be_a_form_that_can_be_had(write: Write) -> None:
    path = write("a.jsonl", lines(ALPACA))

    with pytest.raises(UsageError, match=r"there is no form 'alpacca'; did you mean 'alpaca'\?"):
        read(path, "alpacca")
    with pytest.raises(UsageError, match="the form alpaca names no speakers"):
        read(path, speakers=Speakers("Sly"))


def test_most_of_the_first_rows_decide(write: Write) -> None:
    path = write("a.jsonl", lines({"text": "T"}, ALPACA, ALPACA) + "{\n")

    assert reported(path) == [
        "4 rows read, 2 kept, 2 dropped, 0 turns merged",
        "dropped 1: has an output that is not text, so nothing to learn (row 1)",
        "dropped 1: is not JSON (row 4)",
    ]


def test_rows_are_counted_by_reason_with_the_numbers_of_the_first(write: Write) -> None:
    path = write("a.jsonl", lines(ALPACA) + "\n" + lines(*[ALPACA | {"output": ""}] * 7, ALPACA, "x") + '{"instr')

    assert reported(path) == [
        "11 rows read, 2 kept, 9 dropped, 0 turns merged",
        "dropped 7: has an empty answer (row 3, 4, 5, 6, 7, …)",
        "dropped 1: is not an object (row 11)",
        "dropped 1: is not JSON (row 12)",
    ]


def test_sources_name_file_and_row(write: Write) -> None:
    assert [d.source for d in read(write("a.jsonl", lines(ALPACA) + "\n" + lines(ALPACA)))] == [
        "a.jsonl:1",
        "a.jsonl:3",
    ]
    assert [d.source for d in read(write("a.json", json.dumps([ALPACA, ALPACA], indent=1)))] == ["a.json:1", "a.json:2"]


def test_system_turns_can_be_left_out(write: Write) -> None:
    path = write("a.jsonl", lines(ALPACA | {"system": "S"}, ALPACA))

    assert told(read(path)) == ["system: S | user: Q | assistant: A", SAID]
    assert told(read(path, keep_system=False)) == [SAID, SAID]
    assert reported(path, keep_system=False)[1:] == ["1 system turns left out: a character's come from its prefixes"]


def test_the_first_rows_can_be_taken(write: Write) -> None:
    path = write("a.jsonl", lines(*[ALPACA] * 50))

    assert [len(list(read(path, max_samples=n))) for n in (1, 30, 99)] == [1, 30, 50]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt"])
def test_every_format_is_read_in_every_encoding(write: Write, codec: str, name: str) -> None:
    row = {"instruction": "你平时都喜欢做什么？", "output": "我喜欢看书，尤其是下雨的时候。"}
    content = {
        "a.jsonl": lines(row),
        "a.json": json.dumps([row], ensure_ascii=False),
        "a.csv": f"instruction,output\r\n{row['instruction']},{row['output']}\r\n",
        "a.txt": row["output"],
    }[name]
    expected = row["output"] if name == "a.txt" else f"user: {row['instruction']} | assistant: {row['output']}"

    assert told(read(write(name, content.encode(codec)))) == [expected]


def test_cells_of_a_csv_file_stay_text(write: Write) -> None:
    path = write("a.csv", 'instruction,output\n007,NA\n"two\nlines","a ""b"""\n1e5,\n')

    assert told(read(path)) == ["user: 007 | assistant: NA", 'user: two\nlines | assistant: a "b"']
    assert reported(path)[1] == "dropped 1: has an empty answer (row 3)"


def test_messages_in_a_cell_are_read_as_json(write: Write) -> None:
    cell = json.dumps(SHAREGPT["conversations"]).replace('"', '""')

    assert told(read(write("a.csv", f'id,conversations\n1,"{cell}"\n'))) == [SAID]


def test_parquet_rows_are_read_with_what_is_nested_in_them(write: Write) -> None:
    import pyarrow
    from pyarrow import parquet

    path = write("a.parquet", "")
    parquet.write_table(pyarrow.Table.from_pylist([SHAREGPT, SHAREGPT]), path)
    reading = read(path)

    assert told(reading) == [SAID, SAID]
    assert reading.report.encoding == ""


def test_a_folder_is_read_file_by_file(write: Write) -> None:
    write("talk/b.jsonl", lines(ALPACA | {"output": "B"}))
    write("talk/a.jsonl", lines(ALPACA))
    folder = write("talk/.hidden", "x").parent

    assert [d.source for d in read(folder)] == ["talk/a.jsonl:1", "talk/b.jsonl:1"]


CHAT = [
    {"user_name": "Tom", "character_name": "Mimi", "create_date": "x", "chat_metadata": {}},
    {"name": "Mimi", "is_user": False, "is_system": False, "mes": "Hush.", "swipes": ["Hush.", "Hm."]},
    {"name": "Tom", "is_user": True, "mes": "Why?"},
    {"name": "Tom", "is_user": True, "mes": "Tell me."},
    {"name": "Note", "is_user": False, "is_system": True, "mes": "Hidden."},
    {"name": "Mimi", "is_user": False, "mes": "The cat sleeps."},
    {"name": "Tom", "is_user": True, "mes": " "},
    {"name": "Owl", "is_user": False, "mes": "Hoo."},
    {"name": "Mimi", "is_user": False, "mes": "Owl!"},
]


def test_a_tavern_chat_is_one_dialogue(write: Write) -> None:
    path = write("Mimi - 2024.jsonl", lines(*CHAT))

    assert told(read(path)) == ["assistant: Hush. | user: Why?\nTell me. | assistant: The cat sleeps.\nHoo.\nOwl!"]
    assert reported(path) == [
        "9 rows read, 7 kept, 2 dropped, 3 turns merged",
        "dropped 1: is hidden from the chat (is_system) (row 5)",
        "dropped 1: is an empty message (row 7)",
    ]
    assert next(iter(read(path))).source == "Mimi - 2024.jsonl:2"


def test_speakers_of_a_tavern_chat_are_its_names_and_a_third_ends_the_dialogue(write: Write) -> None:
    path = write("a.jsonl", lines(*CHAT))

    assert told(read(path, speakers=Speakers("Mimi", "Tom"))) == [
        "assistant: Hush. | user: Why?\nTell me. | assistant: The cat sleeps.",
        "assistant: Owl!",
    ]
    assert told(read(path, speakers=Speakers("Owl"))) == [
        "user: Hush.\nWhy?\nTell me.\nThe cat sleeps. | assistant: Hoo. | user: Owl!"
    ]
    assert "dropped 1: is spoken by somebody else than the two speakers (row 8)" in reported(
        path, speakers=Speakers("Mimi", "Tom")
    )


def test_each_chat_of_a_folder_is_a_dialogue_of_its_own(write: Write) -> None:
    write("chats/a.jsonl", lines(*CHAT[:3]))
    folder = write("chats/b.jsonl", lines(*CHAT[:2])).parent

    assert told(read(folder)) == ["assistant: Hush. | user: Why?", "assistant: Hush."]


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", "", "a.jsonl: holds no row; "),
        ("a.jsonl", "\ufeff\n \r\n", "a.jsonl: holds no row; "),
        ("a.json", "[]", "a.json: holds no row; "),
        ("a.json", "  ", "a.json: holds no row; "),
        ("a.csv", "", "a.csv: holds no row; "),
        ("a.csv", "a,a\n1,2\n", "a.csv:1: names a column twice; "),
        ("a.csv", 'instruction,output\nQ,"A', "a.csv: cannot be read as CSV: "),
        ("a.csv", "instruction,output\nQ,A,B\n", "a.csv: row 1: has 3 cells under 2 names; "),
        ("a.csv", "instruction,output\nQ,A\nQ,A,B\n", "a.csv: cannot be read as CSV: "),
        ("a.parquet", b"PAR1 and no more", "a.parquet: cannot be read as PARQUET: "),
        ("a.arrow", b"\xff\xff\xff\xff", "a.arrow: cannot be read as ARROW: "),
        ("a.jsonl", lines({"a": 1, "b\u001b[2J": 2}), "a.jsonl: has rows of no known form (seen: a, b"),
        ("a.jsonl", "{\n[\n", "a.jsonl: holds no row that can be read: row 1 is not JSON; "),
        ("a.jsonl", DEEP, "a.jsonl: holds no row that can be read: row 1 is not JSON; "),
        ("a.jsonl", "1" * 5000, "a.jsonl: holds no row that can be read: row 1 is not JSON; "),
        ("a.json", json.dumps([ALPACA] * 3)[:-20], "a.json: row 3: is not JSON ("),
        ("a.json", json.dumps([ALPACA] * 3)[:-1], "a.json: row 3: ends in the middle of its list; "),
        ("a.json", json.dumps([ALPACA]) + "x", "a.json: goes on after the end of its list; "),
        ("a.json", lines([{"user": "Q"}, {"char": "A"}]) * 2, "a.json: goes on after the end of its list; "),
        ("a.json", "[{} {}]", "a.json: row 1: has no comma after it; "),
        ("a.json", DEEP, "a.json: row 1: is nested too deeply; "),
        ("a.json", "[" + "1" * 5000 + "]", "a.json: row 1: is not JSON ("),
        ("a.json", "nonsense", "a.json: row 1: is not JSON ("),
        ("a.doc", "x", "a.doc: has the ending '.doc'; use one of .jsonl, "),
        ("a.yaml", "- - user: Q\n", "a.yaml:1: dialogue 1: has no answer; "),
    ],
)
def test_what_cannot_be_read_is_one_fault(write: Write, name: str, content: str | bytes, expected: str) -> None:
    path = write(name, content)

    with pytest.raises(FileFaults) as caught:
        list(read(path))
    (line,) = str(caught.value).splitlines()
    assert line.startswith(expected)
    assert "\x1b" not in line


def test_a_path_that_is_not_there_is_one_fault(write: Write) -> None:
    folder = write("mixed/a.jsonl", lines(ALPACA)).parent
    write("mixed/b.json", "[]")

    with pytest.raises(FileFaults, match=r"no\.json: cannot be read: No such file or directory; "):
        read(folder / "no.json")
    with pytest.raises(FileFaults, match=r"mixed: is a folder with the endings \.json, \.jsonl; keep files of one"):
        read(folder)
    (folder / "empty").mkdir()
    with pytest.raises(FileFaults, match="empty: is a folder with the endings no file; "):
        read(folder / "empty")


def test_a_link_out_of_a_folder_is_one_fault(write: Write) -> None:
    secret = write("secret.jsonl", lines(ALPACA))
    folder = write("talk/a.jsonl", lines(ALPACA)).parent
    (folder / "b.jsonl").symlink_to(secret)

    with pytest.raises(FileFaults, match="talk: has a link that leads out of it; "):
        read(folder)


def test_damaged_bytes_cost_the_row_they_are_in(write: Write) -> None:
    good = json.dumps(ALPACA | {"output": "今天的天气很好。"}, ensure_ascii=False).encode()
    bad = good.replace("气".encode(), b"\xe6\xb0")

    assert reported(write("a.jsonl", b"\n".join([good, bad, good])))[1:] == ["dropped 1: is not UTF-8 (row 2)"]
    assert reported(write("a.json", b"[" + b",".join([good, bad, good]) + b"]"))[1:] == [
        "dropped 1: is not UTF-8 (row 2)"
    ]


def test_a_row_that_is_too_long_is_dropped_from_lines_and_ends_a_list(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (encoding, rows):
        monkeypatch.setattr(module, "LONGEST", 100_000)
    long = ALPACA | {"output": "x" * 200_000}

    assert reported(write("a.jsonl", lines(ALPACA, long, ALPACA)))[1:] == [
        "dropped 1: is longer than 100000 characters (row 2)"
    ]
    with pytest.raises(FileFaults, match=r"row 2: is longer than 100000 characters, or not JSON; "):
        list(read(write("a.json", json.dumps([ALPACA, long]))))


def test_rows_of_a_list_are_found_wherever_a_block_of_the_file_ends(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [ALPACA, ALPACA | {"output": "[},{]" * 20}, ALPACA | {"input": '\\"' * 9}]
    expected = told(read(write("b.jsonl", lines(*values))))
    for size in range(1, 60):
        monkeypatch.setattr(rows, "_CHUNK", size)
        for indent in (None, 2):
            assert told(read(write("a.json", json.dumps(values, indent=indent)))) == expected
        assert told(read(write("a.json", lines(*values)))) == expected


def test_a_long_text_is_cut_at_ends_of_paragraphs(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (encoding, rows):
        monkeypatch.setattr(module, "LONGEST", 80)
    text = (
        "\n\n".join(f"Paragraph {i}." for i in range(8))
        + "\n"
        + "x" * 81
        + "\n"
        + "\n".join("abcdefghij" for _ in "123456789")
    )
    reading = read(write("a.txt", text))
    found = told(reading)

    assert found[:2] == ["Paragraph 0.", "Paragraph 1."]
    assert all(len(part) <= 80 for part in found)
    assert "".join("".join(found).split()) == "".join(text.replace("x" * 81, "").split())
    assert reading.report.losses()[1] == "dropped 1: has a line that is longer than 80 characters (row 16)"

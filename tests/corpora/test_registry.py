import contextlib
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.corpora.read import Reading
from roleplay.corpora.registered import read_registered
from roleplay.errors import FileFaults, NotFound
from tests.corpora.conftest import Write, lines, told

ROWS = [{"instruction": f"Q{i}", "input": "", "output": f"A{i}"} for i in range(10)]
SAID = [f"user: Q{i} | assistant: A{i}" for i in range(10)]
SHAREGPT = {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}], "system": "S"}


@pytest.fixture
def entry(write: Write) -> Any:
    """Open the data set `talk` with this entry, in a folder with `talk.jsonl`."""

    def open_entry(value: Any, rows: Any = None, **options: Any) -> Reading:
        write("data/talk.jsonl", lines(*(ROWS if rows is None else rows)))
        path = write("data/dataset_info.json", json.dumps({"talk": value}, indent=2))
        return read_registered(path.parent, "talk", **options)

    return open_entry


def test_an_entry_is_alpaca_unless_it_says_otherwise(entry: Any) -> None:
    reading = entry({"file_name": "talk.jsonl"})

    assert told(reading) == SAID
    assert reading.report.lines() == [
        "data/dataset_info.json: talk: read as Alpaca because 'talk' of data/dataset_info.json says so; UTF-8",
        "10 rows read, 10 kept, 0 dropped, 0 turns merged",
    ]


def test_an_entry_can_be_sharegpt_openai_or_a_ranking(entry: Any) -> None:
    file = {"file_name": "talk.jsonl"}
    openai = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
    columns = {"columns": {"messages": "messages"}}

    assert told(entry(file | {"formatting": "sharegpt"}, [SHAREGPT])) == ["user: Q | assistant: A"]
    assert told(entry(file | {"formatting": "openai"} | columns, [openai])) == ["user: Q | assistant: A"]
    pair = {"question": "Q", "chosen": "A", "rejected": "B"}
    ranked = file | {"ranking": True, "columns": {"prompt": "question", "chosen": "chosen", "rejected": "rejected"}}
    assert told(entry(ranked, [pair])) == ["user: Q > A > B"]
    dpo = {
        "conversations": [{"from": "human", "value": "Q"}],
        **{k: {"from": "gpt", "value": k} for k in ("chosen", "rejected")},
    }
    ranked |= {
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    }
    assert told(entry(ranked, [dpo])) == ["user: Q > chosen > rejected"]
    assert told(entry(file | {"columns": {"prompt": "text"}}, [{"text": "T"}])) == ["T"]
    assert told(entry(file | {"ranking": True}, [{"instruction": "Q", "output": ["A", "B"]}])) == ["user: Q > A > B"]


def test_columns_that_are_not_listed_are_not_read_and_this_is_said(entry: Any) -> None:
    rows = [{"instruction": "Q", "input": "x", "output": "A", "system": "S", "history": [["a", "b"]]}]

    plain = entry({"file_name": "talk.jsonl"}, rows)
    assert told(plain) == ["user: Q\nx | assistant: A"]
    assert plain.report.notes == ["not read, since 'columns' does not name it: system, history"]
    few = entry({"file_name": "talk.jsonl", "columns": {"prompt": "instruction", "response": "output"}}, rows)
    assert told(few) == ["user: Q | assistant: A"]
    assert few.report.notes == ["not read, since 'columns' does not name it: input, system, history"]
    every = {"prompt": "instruction", "query": "input", "response": "output", "system": "system", "history": "history"}
    full = entry({"file_name": "talk.jsonl", "columns": every}, rows)
    assert told(full) == ["system: S | user: a | assistant: b | user: Q\nx | assistant: A"]
    assert full.report.notes == []


def test_tags_that_are_not_listed_are_unknown_and_this_is_said(entry: Any) -> None:
    wanted = {"file_name": "talk.jsonl", "formatting": "sharegpt", "tags": {"role_tag": "from", "content_tag": "value"}}
    reading = entry(wanted, [SHAREGPT])

    assert told(reading) == []
    assert reading.report.lines()[2:] == [
        "dropped 1: has a turn by a wrong role where the user's is due (row 1)",
        "not read, since 'columns' does not name it: system",
        "'tags' leaves out user_tag, assistant_tag, which then has no name: add it, also where it is the default",
    ]


def test_a_row_that_is_not_to_be_imitated_is_dropped(entry: Any) -> None:
    rows = [ROWS[0] | {"label": True}, ROWS[1] | {"label": False}]
    columns = {"prompt": "instruction", "response": "output", "kto_tag": "label"}

    assert told(entry({"file_name": "talk.jsonl", "columns": columns}, rows)) == SAID[:1]


def test_num_samples_permutes_and_then_draws_again(entry: Any) -> None:
    some = told(entry({"file_name": "talk.jsonl", "num_samples": 4}))
    assert len(set(some)) == 4
    assert some != SAID[:4]
    assert told(entry({"file_name": "talk.jsonl", "num_samples": 4})) == some
    assert told(entry({"file_name": "talk.jsonl", "num_samples": 4}, seed=1)) != some
    more = told(entry({"file_name": "talk.jsonl", "num_samples": 25}))
    assert sorted(more[:10]) == SAID
    assert len(more) == 25
    assert max(Counter(more).values()) > 2
    assert told(entry({"file_name": "talk.jsonl", "num_samples": 25}, max_samples=3)) == more[:3]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", SAID),
        ("train[:3]", SAID[:3]),
        ("train[3:]", SAID[3:]),
        ("train[2:4]", SAID[2:4]),
        ("train[-2:]", SAID[-2:]),
        ("train[:20%]", SAID[:2]),
        ("train[50%:]", SAID[5:]),
        ("train[:99]", SAID),
    ],
)
def test_a_split_is_train_or_a_part_of_it(entry: Any, split: str, expected: list[str]) -> None:
    assert told(entry({"file_name": "talk.jsonl", "split": split})) == expected


def test_what_says_something_of_hubs_alone_is_noted(entry: Any) -> None:
    assert entry({"file_name": "talk.jsonl", "subset": "en", "folder": "x"}).report.notes == [
        "'subset' says something of a hub's data set only: ignored for a local file",
        "'folder' says something of a hub's data set only: ignored for a local file",
    ]


def test_a_folder_of_one_type_is_read(write: Write, entry: Any) -> None:
    write("data/parts/a.jsonl", lines(*ROWS[:2]))
    write("data/parts/b.jsonl", lines(*ROWS[2:4]))

    assert told(entry({"file_name": "parts"})) == SAID[:4]


def test_a_sha1_is_compared(entry: Any) -> None:
    right = hashlib.sha1(lines(*ROWS).encode(), usedforsecurity=False).hexdigest()

    assert told(entry({"file_name": "talk.jsonl", "file_sha1": right.upper()})) == SAID
    wrong = {"file_name": "talk.jsonl", "file_sha1": "0" * 40}
    with pytest.raises(FileFaults, match=rf"talk\.file_sha1: is '0000.*', but data/talk\.jsonl has {right}; get the"):
        entry(wrong)
    assert told(entry(wrong, verify=False)) == SAID


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"hf_hub_url": "a/b", "file_name": "talk.jsonl"},
            "talk.hf_hub_url: is on a hub ('a/b'), not local; download it",
        ),
        ({"ms_hub_url": "a/b"}, "talk.ms_hub_url: is on a hub ('a/b'), not local; download it"),
        ({"script_url": "x.py"}, "talk.script_url: is a script, and no code of a data set is ever run; "),
        ({"cloud_file_name": "s3://x"}, "talk.cloud_file_name: is in a cloud, not local; download it"),
        ({}, "talk: names no file; add 'file_name'"),
        ({"file_name": "tlk.jsonl"}, "talk.file_name: 'tlk.jsonl' is not there; did you mean 'talk.jsonl'?"),
        ({"file_name": "../secret.jsonl"}, "talk.file_name: '../secret.jsonl' leads out of the folder; "),
        ({"file_name": "/etc/passwd"}, "talk.file_name: '/etc/passwd' leads out of the folder; "),
        ({"file_name": "."}, "talk.file_name: '.' leads out of the folder; "),
        ({"file_name": "link.jsonl"}, "talk.file_name: 'link.jsonl' leads out of the folder; "),
        ({"file_name": "a\0b"}, "talk.file_name: 'ab' is not there; "),
        ({"file_name": "x" * 5000}, "talk.file_name: 'xxx"),
        (
            {"file_name": "talk.jsonl", "format": "sharegpt"},
            "talk.format: is not a key of a data set, so it would be ignored; did you mean 'formatting'?",
        ),
        (
            {"file_name": "talk.jsonl", "formating": "x"},
            "talk.formating: is not a key of a data set, so it would be ignored; did you mean 'formatting'?",
        ),
        (
            {"file_name": "talk.jsonl", "formatting": "sharegtp"},
            "talk.formatting: input should be 'alpaca', 'sharegpt' or 'openai' (seen: 'sharegtp'); did you mean 'sha",
        ),
        (
            {"file_name": "talk.jsonl", "columns": {"promt": "x"}},
            "talk.columns.promt: is not a key of a data set, so it would be ignored; did you mean 'prompt'?",
        ),
        (
            {"file_name": "talk.jsonl", "tags": {"user": "x"}},
            "talk.tags.user: is not a key of a data set, so it would be ignored; did you mean 'user_tag'?",
        ),
        (
            {"file_name": "talk.jsonl", "num_samples": 0},
            "talk.num_samples: input should be greater than or equal to 1 (seen: 0); ",
        ),
        (
            {"file_name": "talk.jsonl", "split": "test"},
            "talk.split: is 'test', and a local file has the split 'train' alone; ",
        ),
        ({"file_name": 5}, "talk.file_name: input should be a valid string (seen: 5); "),
        ("talk.jsonl", "talk: input should be a valid dictionary"),
    ],
)
def test_a_fault_of_an_entry_is_told_with_its_line(write: Write, entry: Any, value: Any, expected: str) -> None:
    secret = write("secret.jsonl", lines(*ROWS))
    write("data/x", "")
    Path("data/link.jsonl").symlink_to(secret)

    with pytest.raises(FileFaults) as caught:
        list(entry(value))
    (line,) = str(caught.value).splitlines()
    place, _, rest = line.partition(" ")
    assert rest.startswith(expected)
    assert place == "data/dataset_info.json:2:"


def test_an_unknown_name_is_answered_with_the_nearest(entry: Any, write: Write) -> None:
    entry({"file_name": "talk.jsonl"})

    with pytest.raises(NotFound, match=r"data/dataset_info\.json names no 'tlak'; did you mean 'talk'\?"):
        read_registered(Path("data"), "tlak")
    with pytest.raises(NotFound, match=r"there is no dataset_info\.json in nowhere; "):
        read_registered(Path("nowhere"), "talk")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{\n  nonsense", "data/dataset_info.json:2: is not JSON: "),
        ("[]", "data/dataset_info.json:1: holds a list where names with entries are expected; "),
        ("[" * 100_000, "data/dataset_info.json: is not JSON: "),
        ("", "data/dataset_info.json:1: is not JSON: "),
    ],
)
def test_a_registry_that_is_none_is_one_fault(write: Write, content: str, expected: str) -> None:
    write("data/dataset_info.json", content)

    with pytest.raises(FileFaults) as caught:
        read_registered(Path("data"), "talk")
    assert str(caught.value).startswith(expected)


KEYS = st.sampled_from(["file_name", "formatting", "columns", "tags", "prompt", "role_tag", "split", "ranking", "x"])
VALUES = st.recursive(
    st.sampled_from(["talk.jsonl", "alpaca", "sharegpt", "train[:1]", "train[%:]", "instruction", "\u202e"])
    | st.none()
    | st.booleans()
    | st.integers(),
    lambda inner: st.dictionaries(KEYS, inner, max_size=5) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@given(VALUES)
def test_any_entry_is_read_or_refused(write: Write, value: Any) -> None:
    write("data/talk.jsonl", lines(*ROWS))
    path = write("data/dataset_info.json", json.dumps({"talk": value}))
    with contextlib.suppress(FileFaults):
        list(read_registered(path.parent, "talk"))

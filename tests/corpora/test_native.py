import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from roleplay.corpora.native import read_native
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import FileFaults
from roleplay.paths import shipped
from roleplay.text import clean

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def put(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def told(path: Path, *, allow_system: bool = False) -> list[str]:
    with pytest.raises(FileFaults) as caught:
        read_native(path, allow_system=allow_system)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.faults)
    return lines


def shown(dialogues: list[Dialogue]) -> str:
    return "\n".join(
        "\n".join([dialogue.source, *(f"  {turn.role}: {turn.text!r}" for turn in dialogue.turns)])
        for dialogue in dialogues
    )


YAML = """\
# Mimi at the window.
- - user: 在看什么？
  - char: 绘本……讲鼹鼠的。

- - char: '学长，等一下。 '
  - user: >
      怎么
      了？
  - char: |
      袖口的扣子松了。

      先别动。
- [{user: 3}, {char: yes}, {user: 2026-07-31}, {char: ~}]
- - user: "a: b # c"
  - char: "\\e[31mred\\u202e"
"""

READ = """\
talk.yaml:2
  user: '在看什么？'
  assistant: '绘本……讲鼹鼠的。'
talk.yaml:5
  assistant: '学长，等一下。'
  user: '怎么 了？'
  assistant: '袖口的扣子松了。\\n\\n先别动。'
talk.yaml:13
  user: '3'
  assistant: 'yes'
  user: '2026-07-31'
  assistant: '~'
talk.yaml:14
  user: 'a: b # c'
  assistant: '[31mred'"""


def test_a_yaml_corpus_is_read_as_it_is_written(write: Write) -> None:
    assert shown(read_native(write("talk.yaml", YAML))) == READ
    assert shown(read_native(write("talk.yml", YAML))) == READ.replace(".yaml", ".yml")
    assert shown(read_native(write("talk.yaml", b"\xef\xbb\xbf" + YAML.replace("\n", "\r\n").encode()))) == READ


def test_a_json_lines_corpus_is_read_as_it_is_written(write: Write) -> None:
    path = write(
        "talk.jsonl",
        '[{"user": "在看什么？"}, {"char": "绘本\\n\\n书"}]\n'
        "\n"
        '[{"char": " yes "}]\r\n'
        '  [{"user": "\\u001b[2Ja"}, {"char": "half \\ud83d pair"}]',
    )

    assert shown(read_native(path)) == (
        "talk.jsonl:1\n  user: '在看什么？'\n  assistant: '绘本\\n\\n书'\n"
        "talk.jsonl:3\n  assistant: 'yes'\n"
        "talk.jsonl:4\n  user: '[2Ja'\n  assistant: 'half  pair'"
    )


def test_what_is_read_can_be_hashed_and_written(write: Write) -> None:
    (dialogue,) = read_native(write("a.jsonl", '[{"user": "\\ud800x"}, {"char": "\\udfffy"}]'))

    assert dialogue.turns == (Turn("user", "x"), Turn("assistant", "y"))
    assert len(dialogue.identity) == 64


REMEDY = "an entry is a list of turns such as '- user: …' and '- char: …'"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("- - user: a\n", ["1: dialogue 1: has no answer; add a 'char' turn"]),
        ("- []\n", ["1: dialogue 1: has no answer; add a 'char' turn"]),
        ("", [" holds no dialogue; " + REMEDY]),
        ("# comment\n", [" holds no dialogue; " + REMEDY]),
        ("[]", [" holds no dialogue; " + REMEDY]),
        ("a: 1\n", ["1: is not a list of dialogues; " + REMEDY]),
        ("text", ["1: is not a list of dialogues; " + REMEDY]),
        ("- text\n", ["1: dialogue 1: is not a list (seen: text); " + REMEDY]),
        ("- user: a\n- char: b\n", ["1: dialogue 1: is not a list", "2: dialogue 2: is not a list"]),
        ("- - char: a\n    user: b\n", ["1: dialogue 1: has a turn that is not one key and its text (seen: {"]),
        ("- - char: a\n  - text\n", ["2: dialogue 1: has a turn that is not one key and its text (seen: text)"]),
        ("- - char: a\n  - {}\n", ["2: dialogue 1: has a turn that is not one key and its text (seen: {})"]),
        ("- - char: a\n  - usr: b\n", ["2: dialogue 1: has a turn by 'usr'; did you mean 'user'?"]),
        ("- - bot: a\n", ["1: dialogue 1: has a turn by 'bot'; known: system, user, char"]),
        ("- - User: a\n  - char: b\n", ["1: dialogue 1: has a turn by 'User'; did you mean 'user'?"]),
        ("- - user: a\n  - user: b\n  - char: c\n", ["2: dialogue 1: has two 'user' turns in a row; join them"]),
        ("- - user: a\n  - char: b\n  - char: c\n", ["3: dialogue 1: has two 'char' turns in a row; join them"]),
        ("- - user:\n  - char: b\n", ["1: dialogue 1: has a turn without text (seen: '')"]),
        ('- - user: " \\e "\n  - char: b\n', ["1: dialogue 1: has a turn without text"]),
        ("- - user: [a]\n  - char: b\n", ["1: dialogue 1: has a turn without text (seen: ['a'])"]),
        (
            "- - system: a\n  - user: b\n  - char: c\n",
            ["1: dialogue 1: has a system turn; a character's system prompt"],
        ),
        ("- - user: a\n  - char: &x b\n- - char: *x\n", ["2: uses a YAML alias", "3: uses a YAML alias"]),
        ("- - user: a\n    user: b\n  - char: c\n", ["2: [0][0].user: is given twice (first in line 1)"]),
        ("- - user: a: b\n", ["1: is not valid YAML: mapping values are not allowed here"]),
        ("- - user: \x1b[2J\n", ["1: holds the control character U+001B"]),
        (b"- - user: a\n  - char: \xe4\xb8\n", ["2: is not UTF-8: byte 0xe4 at offset 22"]),
        ("- " * 100 + "a", ["1: is nested more than 32 deep"]),
        ("- - char: " + "[" * 20 + "]" * 20 + "\n", ["1: dialogue 1: has a turn without text (seen: [[[[["]),
    ],
)
def test_a_fault_of_a_yaml_corpus_is_told_with_its_line(
    write: Write, content: str | bytes, expected: list[str]
) -> None:
    lines = told(write("talk.yaml", content))

    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(f"talk.yaml:{start}")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [" holds no dialogue"]),
        ("\n\n", [" holds no dialogue"]),
        (
            '[{"char": "a"}]\n\n[{"char": "b"}\n',
            ["3: is not JSON: Expecting ',' delimiter at column 15; write one JSON"],
        ),
        ("{'char': 1}\n", ["1: is not JSON: Expecting property name enclosed in double quotes at column 2"]),
        ('[{"char": "a\tb"}]', ["1: is not JSON: Invalid control character at at column 13"]),
        ('{"char": "a"}', ["1: dialogue 1: is not a list (seen: {'char': 'a'})"]),
        ('[{"char": 5}]', ["1: dialogue 1: has a turn without text (seen: 5)"]),
        ('[{"char": null}]', ["1: dialogue 1: has a turn without text (seen: None)"]),
        ('["a", {"char": "b"}]', ["1: dialogue 1: has a turn that is not one key"]),
        ('[{"char": ' + "9" * 5000 + "}]", ["1: is not JSON: Exceeds the limit"]),
        ("[" * 100_000, ["1: is not JSON: maximum recursion depth exceeded"]),
        ("[" * 500 + "]" * 500, ["1: dialogue 1: has a turn that is not one key and its text (seen: [[[["]),
        (b'[{"char": "\xff"}]', ["1: is not UTF-8: byte 0xff at offset 11"]),
        (
            '[{"user": "a"}]\nnot json\n[{"usr": "a"}, {"char": "b"}]\n[1\n',
            [
                "1: dialogue 1: has no answer",
                "2: is not JSON: Expecting value at column 1",
                "3: dialogue 2: has a turn by 'usr'",
                "4: is not JSON: Expecting ',' delimiter at column 3",
            ],
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str | bytes) else None,
)
def test_a_fault_of_a_json_lines_corpus_is_told_with_its_line(
    write: Write, content: str | bytes, expected: list[str]
) -> None:
    lines = told(write("talk.jsonl", content))

    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(f"talk.jsonl:{start}")


def test_all_faults_of_a_corpus_are_told_at_once(write: Write) -> None:
    lines = told(
        write(
            "talk.yaml",
            "- - user: fine\n  - char: fine\n"
            "- - usr: a\n  - char:\n"
            "- text\n"
            "- - system: a\n  - user: b\n  - user: c\n  - char: d\n"
            "- - user: no answer\n",
        )
    )

    assert [line.split(" ", 1)[0] for line in lines] == [f"talk.yaml:{line}:" for line in (3, 4, 5, 6, 8, 10)]


@pytest.mark.parametrize("name", ["talk.txt", "talk", "talk.json", "talk.YAML"])
def test_another_ending_is_a_fault(write: Write, name: str) -> None:
    (line,) = told(write(name, "- - char: a\n"))

    assert line == f"{name}: has the ending '{Path(name).suffix}'; use .yaml or .jsonl"


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    (line,) = told(tmp_path / "absent.jsonl")

    assert line.endswith("absent.jsonl: cannot be read: No such file or directory; check the path and its permissions")


def test_only_a_general_corpus_may_begin_a_dialogue_with_a_system_turn(write: Write) -> None:
    path = write("general.yaml", "- - system: Be brief.\n  - user: a\n  - char: b\n")

    (dialogue,) = read_native(path, allow_system=True)

    assert dialogue.turns == (Turn("system", "Be brief."), Turn("user", "a"), Turn("assistant", "b"))
    assert told(path)[0].startswith("general.yaml:1: dialogue 1: has a system turn; ")


def test_a_system_turn_later_on_is_a_fault_even_in_a_general_corpus(write: Write) -> None:
    path = write("general.yaml", "- - user: a\n  - system: b\n  - char: c\n")

    assert told(path, allow_system=True)[0].startswith("general.yaml:2: dialogue 1: has a system turn; ")


@pytest.mark.parametrize("name", ["desc.yaml", "dialogue.yaml"])
def test_the_shipped_corpora_are_without_fault(name: str) -> None:
    dialogues = read_native(shipped() / "data" / "corpora" / "yui" / name)

    assert len(dialogues) > 50
    assert all(turn.text == clean(turn.text).strip() != "" for dialogue in dialogues for turn in dialogue.turns)


# PyYAML does not read back U+0085 as it writes it.
TEXTS = st.text(st.characters(exclude_characters="\x85", exclude_categories=["Cs"]), max_size=30).filter(
    lambda text: clean(text).strip() != ""
)


@st.composite
def dialogues(draw: st.DrawFn) -> list[dict[str, str]]:
    texts = draw(st.lists(TEXTS, min_size=1, max_size=5))
    first = draw(st.booleans())
    names = ("user", "char") if first else ("char", "user")
    return [{names[i % 2]: text} for i, text in enumerate(texts)]


def expected(corpus: list[list[dict[str, str]]]) -> list[tuple[Turn, ...]]:
    roles = {"user": "user", "char": "assistant"}
    return [
        tuple(Turn(roles[name], clean(text).strip()) for turn in entry for name, text in turn.items())
        for entry in corpus
    ]


CORPORA = st.lists(dialogues(), min_size=1, max_size=4)


@given(corpus=CORPORA, flow=st.sampled_from([None, True, False]), unicode=st.booleans())
def test_what_pyyaml_writes_is_read_back(
    tmp_path: Path, corpus: list[list[dict[str, str]]], flow: bool | None, unicode: bool
) -> None:
    assume(all(any("char" in turn for turn in entry) for entry in corpus))
    path = tmp_path / "corpus.yaml"
    path.write_text(yaml.safe_dump(corpus, allow_unicode=unicode, default_flow_style=flow), encoding="utf-8")

    assert [dialogue.turns for dialogue in read_native(path)] == expected(corpus)


@given(corpus=CORPORA, ascii_only=st.booleans())
def test_what_json_writes_is_read_back(tmp_path: Path, corpus: list[list[dict[str, str]]], ascii_only: bool) -> None:
    assume(all(any("char" in turn for turn in entry) for entry in corpus))
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join(json.dumps(entry, ensure_ascii=ascii_only) for entry in corpus), encoding="utf-8")

    assert [dialogue.turns for dialogue in read_native(path)] == expected(corpus)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["user", "char", "system", "x"]), inner, max_size=2)
    ),
    max_leaves=8,
)


@given(entries=st.lists(JSON, max_size=4), allow_system=st.booleans())
def test_whatever_is_written_is_a_dialogue_or_a_fault_that_is_safe_to_print(
    tmp_path: Path, entries: list[object], allow_system: bool
) -> None:
    path = tmp_path / "any.jsonl"
    path.write_text("\n".join(json.dumps(entry) for entry in entries))

    told = ""
    try:
        for dialogue in read_native(path, allow_system=allow_system):
            roles = [turn.role for turn in dialogue.turns]
            assert "assistant" in roles
            assert all(a != b for a, b in pairwise(roles))
            assert "system" not in (roles[1:] if allow_system else roles)
    except FileFaults as error:
        told = str(error)
    assert told == clean(told)

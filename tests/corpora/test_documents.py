from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.corpora.documents import read_documents
from roleplay.errors import FileFaults

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def put(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def read(path: Path) -> list[tuple[str, str]]:
    return [(document.text, document.source) for document in read_documents(path)]


def told(path: Path) -> list[str]:
    with pytest.raises(FileFaults) as caught:
        read_documents(path)
    return str(caught.value).splitlines()


def test_a_text_file_is_one_document_whatever_lines_it_has(write: Write) -> None:
    path = write("tide.txt", b"\xef\xbb\xbf\r\n\r\n\xe3\x80\x80One.\r\n\r\n---\n\n\nTwo. \n\n")

    assert read(path) == [("\u3000One.\n\n---\n\n\nTwo. ", "tide.txt:1")]


def test_a_json_lines_file_holds_a_document_a_line_and_other_keys_are_ignored(write: Write) -> None:
    path = write("tide.jsonl", '{"text": "One.\\n\\nStill one."}\n\n{"url": "x", "text": "二。", "n": 2}\n')

    assert read(path) == [("One.\n\nStill one.", "tide.jsonl:1"), ("二。", "tide.jsonl:3")]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_control_characters_are_taken_out(write: Write, name: str) -> None:
    text = "a\x1b[31mb\u202ec\x00\td"
    path = write(name, '{"text": "a\\u001b[31mb\\u202ec\\u0000\\td"}' if name == "a.jsonl" else text)

    assert read(path)[0][0] == "a[31mbc\td"


def test_a_document_is_known_by_its_text(write: Write) -> None:
    one, two, again = read_documents(write("a.jsonl", '{"text": "x"}\n{"text": "y"}\n{"text": "x\\n"}\n'))

    assert one.identity == again.identity != two.identity


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "", "a.txt: holds no text; write some, or take the corpus off the card"),
        ("a.txt", "\x00 \n\u3000\n", "a.txt: holds no text; "),
        ("a.jsonl", "\n\n", "a.jsonl: holds no text; "),
        ("a.txt", b"ok\nf\xfcr", "a.txt:2: is not UTF-8: byte 0xfc at offset 4; save the file as UTF-8"),
        ("a.jsonl", b'{"text": "f\xfcr"}', "a.jsonl:1: is not UTF-8: byte 0xfc at offset 11; "),
        ("a.md", "text", "a.md: has the ending '.md'; use .txt or .jsonl for 'kind: text'"),
        ("a.yaml", "text", "a.yaml: has the ending '.yaml'; "),
    ],
)
def test_a_file_that_cannot_be_read_is_one_fault(write: Write, name: str, content: str | bytes, expected: str) -> None:
    (line,) = told(write(name, content))

    assert line.startswith(expected)


def test_every_line_without_text_is_told_with_what_was_seen(write: Write) -> None:
    lines = ['{"text": "fine"}', '{"txt": "a"}', '{"text": 5}', '["text"]', '{"text": " \\u0000"}', "{", '"a"']

    faults = told(write("a.jsonl", "\n".join(lines)))

    remedy = '; write {"text": "…"} on every line'
    assert faults == [
        "a.jsonl:2: text: is no text (seen: {'txt': 'a'})" + remedy,
        "a.jsonl:3: text: is no text (seen: {'text': 5})" + remedy,
        "a.jsonl:4: text: is no text (seen: ['text'])" + remedy,
        "a.jsonl:5: text: is no text (seen: {'text': ' \\x00'})" + remedy,
        "a.jsonl:6: is not JSON: Expecting property name enclosed in double quotes at column 2; "
        "write one JSON value a line",
        "a.jsonl:7: text: is no text (seen: 'a')" + remedy,
    ]

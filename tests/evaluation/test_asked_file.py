"""Files of prompts, in every form that people have them in."""

from pathlib import Path

import pytest

from roleplay.errors import FileFaults
from roleplay.evaluation.asked_file import Asked, read_prompts


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.txt", "你好\n\nHow are you?\n"),
        ("p.jsonl", '"你好"\n{"prompt": "How are you?"}\n'),
        ("p.yaml", "- 你好\n- prompt: How are you?\n"),
    ],
)
def test_prompts_are_read_from_every_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert read_prompts(tmp_path / name) == [Asked("你好", ""), Asked("How are you?", "")]


def test_references_stand_beside_their_prompts(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("- {prompt: 你叫什么？, reference: 阿晚。}\n", encoding="utf-8")

    assert read_prompts(path) == [Asked("你叫什么？", "阿晚。")]


def test_every_fault_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "a"}\n{"promt": "b"}\n{"prompt": " "}\n{\n7\n', encoding="utf-8")

    with pytest.raises(FileFaults) as caught:
        read_prompts(path)

    assert sorted(fault.line or 0 for fault in caught.value.faults) == [2, 3, 4, 5]
    assert "promt" in str(caught.value)


def test_a_file_without_prompts_says_so(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("\n\n")

    with pytest.raises(FileFaults, match="holds no prompt; write one a line"):
        read_prompts(tmp_path / "p.txt")

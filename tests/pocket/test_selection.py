"""A selection of text holds everything that is held out, and trained rows up to its limit, the same each time."""

import json
import lzma
import random
import string
from pathlib import Path

import pytest

from roleplay.errors import NotFound
from roleplay.pocket.mixture import split_source
from roleplay.pocket.select import select


def test_a_limit_is_kept_and_held_out_rows_come_first(tmp_path: Path) -> None:
    drawn = random.Random(0)
    rows = [{"text": "".join(drawn.choices(string.printable, k=800))} for _ in range(1000)]
    with lzma.open(tmp_path / "en_novels.jsonl.xz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    found = select(tmp_path, tmp_path / "small", {"en_novels": 300e3})
    trained, held = split_source(tmp_path, tmp_path, "en_novels")
    kept, kept_held = split_source(tmp_path / "small", tmp_path, "en_novels")
    size = (tmp_path / "small" / "en_novels.jsonl.xz").stat().st_size
    assert found["en_novels"] == (len(kept) + len(kept_held), size)
    assert 200e3 < size < 300e3
    assert held
    assert sorted(map(str, kept_held)) == sorted(map(str, held))
    assert {str(row) for row in kept} < {str(row) for row in trained}


def test_it_is_the_same_each_time(text: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        select(text, tmp_path / name, {"en_chat": None})
    one, two = ((tmp_path / name / "en_chat.jsonl.xz").read_bytes() for name in ("one", "two"))
    assert one == two


def test_rows_that_speak_of_harm_are_not_selected(text: Path, tmp_path: Path) -> None:
    select(text, tmp_path / "small", {"zh_chat_counselling": None})
    trained, held = split_source(tmp_path / "small", tmp_path, "zh_chat_counselling")
    assert len(trained) + len(held) == 300


def test_a_source_that_is_not_there_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere/zh_chat_misc\.jsonl\.xz is missing; name the folder .* with --text"):
        select(tmp_path / "nowhere", tmp_path / "small")

"""What is written in the native format is read back as it was."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.corpora.native import read_native
from roleplay.corpora.write import native_lines, native_yaml
from roleplay.dialogue import Dialogue, Role, Turn
from roleplay.text import clean

TEXTS = st.text(min_size=1, max_size=40).map(lambda text: clean(text).strip()).filter(bool)
ROLES: tuple[Role, ...] = ("user", "assistant")


@st.composite
def dialogues(draw: st.DrawFn) -> Dialogue:
    first = draw(st.integers(0, 1))
    texts = draw(st.lists(TEXTS, min_size=2, max_size=5))
    return Dialogue(tuple(Turn(ROLES[(first + i) % 2], text) for i, text in enumerate(texts)), "made")


@pytest.mark.parametrize("ending", ["yaml", "jsonl"])
@given(st.lists(dialogues(), min_size=1, max_size=4))
def test_any_dialogue_survives(tmp_path: Path, ending: str, made: list[Dialogue]) -> None:
    text = native_yaml(made, "about\nit") if ending == "yaml" else "".join(native_lines(made))
    path = tmp_path / f"corpus.{ending}"
    path.write_bytes(text.encode())
    assert [found.turns for found in read_native(path)] == [one.turns for one in made]


def test_it_looks_as_people_write_it() -> None:
    talk = Dialogue((Turn("user", "在看什么？"), Turn("assistant", "绘本……\n讲鼹鼠的。")), "made")
    assert native_yaml([talk, talk], "Two of a kind.") == (
        "# Two of a kind.\n"
        "- - user: 在看什么？\n  - char: |-\n      绘本……\n      讲鼹鼠的。\n\n"
        "- - user: 在看什么？\n  - char: |-\n      绘本……\n      讲鼹鼠的。\n"
    )

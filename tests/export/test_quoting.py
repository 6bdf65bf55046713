"""Text stays text in other formats."""

import pytest

from roleplay.export.quoting import fenced, marked, modelfile_text
from tests.export.modelfile import read_modelfile

QUOTES = [
    '"',
    '""',
    '"""',
    '""""',
    '"""""""',
    'a"""\nb',
    '"\u200b""\nFROM x',
    '"""\n"""\n"""',
    'a""\n"b',
    '\u3000"\u3000',
]


@pytest.mark.parametrize("text", QUOTES)
def test_quotes_never_end_a_value_in_a_modelfile(text: str) -> None:
    (only,) = read_modelfile(f"SYSTEM {modelfile_text(text)}\n")
    assert only[1].replace(" ", "") == "".join(char for char in text if char not in "\u200b\u3000 ")


def test_what_is_no_danger_stays_as_it_is() -> None:
    text = '结衣 said "hush", then ""\n\tand 🌸 — e\u0301.'
    assert read_modelfile(f"SYSTEM {modelfile_text(text)}") == [("SYSTEM", text)]


def test_markdown_shows_text_as_it_is() -> None:
    assert fenced("a\n````\nb") == "`````\na\n````\nb\n`````\n"
    assert marked("# <b>\n[x](y)") == r"\# \<b\> \[x\](y)"

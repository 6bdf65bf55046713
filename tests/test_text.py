import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.text import clean, did_you_mean, draw, fingerprint, nearest, one_line


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("plain 文字 🙂", "plain 文字 🙂"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07text", "]0;titletext"),
        ("\x9b31mC1", "31mC1"),
        ("next\x85line", "nextline"),
        ("nul\x00 bell\x07 backspace\x08 delete\x7f", "nul bell backspace delete"),
        ("dos\r\nline", "dos\nline"),
        ("over\rwritten", "over\nwritten"),
        ("left\u202eright\u202c", "leftright"),
        ("\u2066isolated\u2069", "isolated"),
        ("marks\u200e\u200f\u061c", "marks"),
        ("line\u2028paragraph\u2029", "lineparagraph"),
        ("half \ud83d of a pair", "half  of a pair"),
        ("joined \u200d and \u2060 stay", "joined \u200d and \u2060 stay"),
    ],
)
def test_control_characters_are_cleaned_and_text_is_kept(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


@given(st.text(st.characters()))
def test_cleaning_twice_changes_nothing_more_and_the_result_can_be_encoded(text: str) -> None:
    once = clean(text)

    assert clean(once) == once
    assert once.encode().decode() == once
    assert not any(ord(c) < 32 and c not in "\t\n" for c in once)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("two\n  lines", 60, "two lines"),
        ("1234567890", 10, "1234567890"),
        ("12345678901", 10, "123456789…"),
        ("\x1b[2Jgone", 60, "[2Jgone"),
    ],
)
def test_a_value_shown_is_one_clean_line_of_limited_length(text: str, limit: int, expected: str) -> None:
    assert one_line(text, limit) == expected


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("temprature", ["temperature", "top_p"], "did you mean 'temperature'?"),
        ("xyz", ["temperature", "top_p"], "known: temperature, top_p"),
        ("xyz", [], "there is none yet"),
    ],
)
def test_a_remedy_names_the_nearest_name_else_all(name: str, names: list[str], expected: str) -> None:
    assert did_you_mean(name, names) == expected


def test_no_name_is_nearest_where_none_comes_close() -> None:
    assert nearest("temprature", iter(["top_p", "temperature"])) == "temperature"
    assert nearest("zzz", ["top_p", "temperature"]) is None


def test_a_fingerprint_is_the_same_for_text_and_its_bytes() -> None:
    assert fingerprint("结衣") == fingerprint("结衣".encode())
    assert fingerprint("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), 0.8894159948913374),
        ((0,), 0.3747088552916311),
        ((1, 2, "order"), 0.23650809654101884),
        (("结衣", "heldout"), 0.8176594083894339),
    ],
)
def test_a_draw_is_the_same_number_on_every_machine(parts: tuple[object, ...], expected: float) -> None:
    assert draw(*parts) == expected


def test_draws_tell_their_parts_apart_and_spread_evenly() -> None:
    assert draw("a", "b") != draw("ab") != draw("b", "a")
    numbers = [draw("spread", i) for i in range(2000)]
    assert all(0 <= number < 1 for number in numbers)
    assert sum(numbers) / len(numbers) == pytest.approx(0.5, abs=0.02)
    assert sum(number < 0.1 for number in numbers) == pytest.approx(200, abs=40)

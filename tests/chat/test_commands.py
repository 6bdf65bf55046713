"""Words that begin with a slash: what they are taken for, what is said about wrong ones, how they are completed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.chat.commands import Command, Value, complete, parse
from roleplay.chat.words import WORDS, Kind
from roleplay.errors import UsageError

NAMES: dict[str, list[str]] = {
    "prefix": ["who", "late"],
    "lane": ["persona+prefix", "base", "@qwen3:0.6b"],
    "adapter": ["first@best"],
}


def names(kind: Kind) -> list[str]:
    return NAMES.get(kind, [])


@pytest.mark.parametrize("text", ["Hello", "half / half", " /set", "1/2"])
def test_what_begins_with_no_slash_is_a_message(text: str) -> None:
    assert parse(text) == text


def test_two_slashes_begin_a_message_with_one() -> None:
    assert parse("//set sail") == "/set sail"


@pytest.mark.parametrize(
    ("text", "word", "values"),
    [
        ("/set temperature 0.8", "set", ("temperature", 0.8)),
        ("/set  top_k   40 ", "set", ("top_k", 40)),
        ("/set seed 7", "set", ("seed", 7)),
        ("/set seed card", "set", ("seed", None)),
        ("/set own_history on", "set", ("own_history", True)),
        ("/show sent", "show", ("sent",)),
        ("/save", "save", ()),
        ("/save my chat.md", "save", ("my chat.md",)),
        ("/save my chat.txt --format sillytavern", "save", ("my chat.txt", "sillytavern")),
        ("/save --format=jsonl", "save", ("", "jsonl")),
        ("/load a b.jsonl", "load", ("a b.jsonl",)),
        ("/CLEAR", "clear", ()),
        ("/swipe", "swipe", ()),
        ("/swipe -2", "swipe", (-2,)),
        ("/prefix late off", "prefix", ("late", False)),
        ("/lane base persona+prefix", "lane", ("base", "persona+prefix")),
        ("/strength 80", "strength", (0.8,)),
        ("/strength 12.5%", "strength", (0.125,)),
        ("/adapter", "adapter", ()),
        ("/adapter first@best", "adapter", ("first@best",)),
        ("/adapter card", "adapter", (None,)),
        ("/card new", "card", ("new",)),
        ("/find", "find", ()),
        ("/find 灯塔 and  fog", "find", ("灯塔 and  fog",)),
        ("/take base", "take", ("base",)),
        ("/bye\n", "bye", ()),
    ],
)
def test_a_word_is_read_with_what_stands_behind_it(text: str, word: str, values: tuple[Value, ...]) -> None:
    assert parse(text) == Command(word, values)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/", "there is no word '/'"),
        ("/sett temperature 1", "did you mean 'set'?"),
        ("/wink", "A message may begin with //"),
        ("/set", "write /set NAME VALUE"),
        ("/set temperature", "write /set NAME VALUE"),
        ("/set temperature 1 2", "write /set NAME VALUE"),
        ("/set temprature 1", "did you mean 'temperature'?"),
        ("/set temperature hot", "temperature hot:"),
        ("/set temperature nan", "temperature nan:"),
        ("/set top_p 2", "top_p 2:"),
        ("/set seed -1", "seed -1: write a whole number from 0 up"),
        ("/set own_history maybe", "own_history maybe: write on or off"),
        ("/show send", "did you mean 'sent'?"),
        ("/swipe far", "'far' is no number; write /swipe [N]"),
        ("/strength strong", "write /strength PERCENT"),
        ("/prefix late", "write /prefix ID on|off"),
        ("/prefix late maybe", "'maybe' does not go with /prefix ID on|off"),
        ("/save x --format pdf", "known: markdown, jsonl, sillytavern"),
        ("/undo it", "write /undo"),
    ],
)
def test_a_wrong_word_says_what_is_right(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("/pre", ["/prefix "]),
        ("/s", ["/set ", "/show ", "/save ", "/swipe ", "/stop", "/strength "]),
        ("/und", ["/undo"]),
        ("/set rep", ["/set repetition_penalty"]),
        ("/set top_p ", ["/set top_p card"]),
        ("/set own_history ", ["/set own_history on", "/set own_history off"]),
        ("/prefix ", ["/prefix who", "/prefix late"]),
        ("/prefix late o", ["/prefix late on", "/prefix late off"]),
        ("/lane base @", ["/lane base @qwen3:0.6b"]),
        ("/lane base b", []),
        ("/adapter f", ["/adapter first@best"]),
        ("/adapter c", ["/adapter card"]),
        ("/save a.md --f", [f"/save a.md --format {name}" for name in ("markdown", "jsonl", "sillytavern")]),
        ("/save a.md --format s", ["/save a.md --format sillytavern"]),
        ("/undo ", []),
        ("/nothing ", []),
        ("//pre", []),
        ("pre", []),
    ],
)
def test_a_line_is_completed_by_what_may_stand_there(text: str, whole: list[str]) -> None:
    assert complete(text, names) == whole


@given(st.text("/ setprfixwhoaln+@-0.\n", max_size=30).map("/".__add__))
def test_whatever_is_typed_is_a_command_a_message_or_told(text: str) -> None:
    try:
        meant = parse(text)
    except UsageError:
        return
    assert isinstance(meant, str) == text.startswith("//")


@given(st.sampled_from(sorted(WORDS)), st.integers(0, 30))
def test_what_completes_a_line_begins_with_it(name: str, length: int) -> None:
    line = f"/{name} "[:length]
    assert all(whole.startswith(line) for whole in complete(line, names))

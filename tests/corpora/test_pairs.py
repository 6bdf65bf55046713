"""Files of pairs: written as they are read, and every fault of one told at once."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.corpora.encoding import LONGEST
from roleplay.corpora.pairs import Pair, Provenance, Side, contradicted, pair_lines, read_pairs, write_pairs
from roleplay.dialogue import Role, Turn
from roleplay.errors import FileFaults
from roleplay.text import clean
from tests.corpora.conftest import Write, lines

TEXTS = st.text(min_size=1, max_size=30).map(lambda text: clean(text).strip()).filter(bool)
NAMES = st.text(max_size=12).map(clean)
ROLES: tuple[Role, ...] = ("user", "assistant")
NUMBERS = st.integers(0, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SIDES = st.builds(
    Side,
    turn=st.none() | st.integers(1, 10**9),
    lane=st.none() | NAMES,
    prefixes=st.lists(NAMES, max_size=2).map(tuple),
    base=st.none() | NAMES,
    adapter=st.none() | NAMES,
    sampling=st.dictionaries(NAMES, NUMBERS, max_size=3),
)
LEEK = Pair(
    turns=(Turn("assistant", "Soup's on."), Turn("user", "哪一种？")),
    chosen="Leek.",
    rejected="Soup.\nAgain.",
    why="swipe",
    prefixes=("who",),
    provenance=Provenance(
        chat=3,
        when=1.5,
        chosen=Side(7, "persona+prefix", ("who",), "pocket@1", "mira/one@12", {"temperature": 0.7, "seed": 2**62}),
        rejected=Side(6, "base"),
    ),
)
SOUND: dict[str, Any] = {"turns": [{"user": "Which?"}], "chosen": "Leek.", "rejected": "Soup.", "why": "edit"}


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    texts = draw(st.lists(TEXTS, min_size=1, max_size=4))
    turns = [Turn(ROLES[(len(texts) - 1 - i) % 2], text) for i, text in enumerate(texts)]
    if draw(st.booleans()):
        turns.insert(0, Turn("system", draw(TEXTS)))
    chosen, rejected = draw(st.lists(TEXTS, min_size=2, max_size=2, unique=True))
    why = draw(st.sampled_from(["swipe", "edit", "lane", "prefer"]))
    when = draw(st.none() | st.floats(0, 4e9))
    provenance = Provenance(draw(st.none() | st.integers(1, 99)), when, draw(SIDES), draw(SIDES))
    return Pair(tuple(turns), chosen, rejected, why, draw(st.lists(NAMES, max_size=2).map(tuple)), provenance)


def faults_of(path: Path) -> list[tuple[int | None, str, str]]:
    """Line, key and problem of each fault."""
    with pytest.raises(FileFaults) as caught:
        read_pairs(path)
    assert all(fault.file == path.name and fault.remedy for fault in caught.value.faults)
    return [(fault.line, fault.key, fault.problem) for fault in caught.value.faults]


@given(st.lists(pairs(), min_size=1, max_size=4))
def test_any_pair_survives(tmp_path: Path, made: list[Pair]) -> None:
    path = tmp_path / "pairs.jsonl"
    assert write_pairs(path, made) == len(made)
    found = read_pairs(path)
    assert found == made
    assert [pair.identity for pair in found] == [pair.identity for pair in made]
    assert found[0].source == f"{path}:1"


def test_a_pair_is_one_object_on_one_line() -> None:
    (line,) = pair_lines([LEEK])
    assert line.endswith("}\n")
    assert json.loads(line) == {
        "turns": [{"char": "Soup's on."}, {"user": "哪一种？"}],
        "prefixes": ["who"],
        "chosen": "Leek.",
        "rejected": "Soup.\nAgain.",
        "why": "swipe",
        "provenance": {
            "chat": 3,
            "when": 1.5,
            "chosen": {
                "turn": 7,
                "lane": "persona+prefix",
                "prefixes": ["who"],
                "base": "pocket@1",
                "adapter": "mira/one@12",
                "sampling": {"temperature": 0.7, "seed": 2**62},
            },
            "rejected": {
                "turn": 6,
                "lane": "base",
                "prefixes": [],
                "base": None,
                "adapter": None,
                "sampling": {},
            },
        },
    }
    assert "哪一种？" in line


def test_a_pair_needs_no_more_than_turns_replies_and_why(write: Write) -> None:
    (found,) = read_pairs(write("a.jsonl", "\n" + lines(SOUND)))
    assert found == Pair((Turn("user", "Which?"),), "Leek.", "Soup.", "edit")
    assert found.source == "a.jsonl:2"


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        ({"note": 1}, "note", "is no key of a pair (seen: 1)"),
        ({"provenance": {"chat": "3"}}, "provenance.chat", 'input should be a valid integer (seen: "3")'),
        ({"provenance": {"when": "now"}}, "provenance.when", 'input should be a valid number (seen: "now")'),
        (
            {"provenance": {"chosen": {"lan": "base"}}},
            "provenance.chosen.lan",
            'is no key of a pair (seen: "base")',
        ),
        (
            {"provenance": {"rejected": {"sampling": {"seed": True}}}},
            "provenance.rejected.sampling.seed",
            "input should be a finite number (seen: true)",
        ),
        (
            {"provenance": {"rejected": {"sampling": {"seed": float("nan")}}}},
            "provenance.rejected.sampling.seed",
            "input should be a finite number (seen: NaN)",
        ),
        ({"why": "swiped"}, "why", 'is no choice (seen: "swiped")'),
        ({"prefixes": [1]}, "prefixes.0", "input should be a valid string (seen: 1)"),
        ({"chosen": " \x1b\n"}, "chosen", "is without text (seen: ' \\x1b\\n')"),
        ({"rejected": None}, "rejected", "input should be a valid string (seen: null)"),
        ({"rejected": " Leek.\x07"}, "rejected", "is the same as 'chosen' (seen: Leek.)"),
        ({"turns": "Which?"}, "turns", 'input should be a valid list (seen: "Which?")'),
        ({"turns": []}, "turns", "does not end with the user's turn"),
        ({"turns": [{"user": "A"}, {"char": "B"}]}, "turns", "does not end with the user's turn"),
        ({"turns": [{"user": "A"}, {"user": "B"}]}, "turns", "has two 'user' turns in a row"),
        ({"turns": [{"user": "A"}, {"system": "S"}, {"user": "B"}]}, "turns", "has a system turn"),
        ({"turns": [{"user": " "}]}, "turns", "has a turn without text (seen: ' ')"),
        ({"turns": [{"bot": "A"}, {"user": "B"}]}, "turns", "has a turn by 'bot'"),
    ],
)
def test_what_is_wrong_with_a_pair_is_told_with_its_key(
    write: Write, change: dict[str, Any], key: str, problem: str
) -> None:
    found = faults_of(write("a.jsonl", lines(SOUND, SOUND | change)))
    assert (2, key, problem) in found
    assert len(found) == 1 + (problem == "has a system turn")


def test_all_faults_of_a_file_are_told_at_once(write: Write) -> None:
    broken = '{"turns": [{"user": "A"}], "chosen": NaN, "provenance": {"when": Infinity}}\n{\n[1]\n\n' + lines(SOUND)
    assert [found[:2] for found in faults_of(write("a.jsonl", broken))] == [
        (1, "chosen"),
        (1, "rejected"),
        (1, "why"),
        (1, "provenance.when"),
        (2, ""),
        (3, ""),
    ]


def test_the_nearest_name_is_the_remedy(write: Write) -> None:
    with pytest.raises(FileFaults, match=r"provenance\.chosen\.adaptor: .*did you mean 'adapter'\?"):
        read_pairs(write("a.jsonl", lines(SOUND | {"provenance": {"chosen": {"adaptor": "x"}}})))


def test_a_file_without_a_pair_is_one_fault(write: Write) -> None:
    assert faults_of(write("a.jsonl", "\n\n")) == [(None, "", "holds no pair")]


def test_a_line_of_many_megabytes_is_refused_and_the_others_are_read(write: Write) -> None:
    long = json.dumps(SOUND | {"chosen": "x" * LONGEST}) + "\n"
    assert faults_of(write("a.jsonl", long + lines(SOUND, SOUND | {"why": "?"}))) == [
        (1, "", f"is longer than {LONGEST} characters"),
        (3, "why", 'is no choice (seen: "?")'),
    ]


def test_bytes_that_are_no_text_are_a_fault_of_their_line(write: Write) -> None:
    content = lines(*[SOUND | {"chosen": "面包，还是汤？" * 9}] * 3).encode() + b'{"turns": "\xff"}\n'
    assert faults_of(write("a.jsonl", content)) == [(4, "", "is not UTF-8")]


def test_control_characters_are_cleaned_on_both_ways(write: Write) -> None:
    hostile = "\x1b]52;c;x\x07Le\u202eek.\r\n"
    side = Side(lane="ba\x1bse", prefixes=("w\x9bho",), sampling={"se\x07ed": 1})
    made = Pair((Turn("user", hostile),), hostile, "So\x1bup.", "edit", ("w\x9bho",), Provenance(chosen=side))
    (line,) = pair_lines([made])
    assert clean(line) == line
    raw = {"turns": [{"user": hostile}], "chosen": hostile, "rejected": "Soup.", "why": "edit", "prefixes": ["w\x9bho"]}
    raw["provenance"] = {"chosen": {"lane": "ba\x1bse", "prefixes": ["w\x9bho"], "sampling": {"se\x07ed": 1}}}
    for path in (write("ours.jsonl", line), write("theirs.jsonl", lines(raw))):
        (found,) = read_pairs(path)
        assert (found.turns, found.chosen, found.rejected) == ((Turn("user", "]52;c;xLeek."),), "]52;c;xLeek.", "Soup.")
        assert (found.prefixes, found.provenance.chosen) == (
            ("who",),
            Side(lane="base", prefixes=("who",), sampling={"seed": 1}),
        )


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def failing() -> Iterator[Pair]:
        yield replace(LEEK, chosen="Onion.")
        raise KeyboardInterrupt

    path = tmp_path / "pairs.jsonl"
    write_pairs(path, [LEEK])
    with pytest.raises(KeyboardInterrupt):
        write_pairs(path, failing())
    assert read_pairs(path) == [LEEK]
    assert [found.name for found in tmp_path.glob("*pairs*")] == ["pairs.jsonl"]


def test_a_pair_is_known_by_what_was_said_alone() -> None:
    same = replace(LEEK, why="edit", prefixes=(), provenance=Provenance(), source="a.jsonl:1")
    others = [
        replace(LEEK, chosen=LEEK.rejected, rejected=LEEK.chosen),
        replace(LEEK, turns=LEEK.turns[1:]),
        replace(LEEK, turns=(LEEK.turns[0], Turn("user", "Which one?"))),
        replace(LEEK, rejected="Stew."),
    ]
    assert same.identity == LEEK.identity
    assert len({LEEK.identity, *(other.identity for other in others)}) == 5


def test_pairs_that_turn_each_other_round_are_found() -> None:
    turned = replace(LEEK, chosen=LEEK.rejected, rejected=LEEK.chosen, why="edit")
    elsewhere = replace(turned, turns=LEEK.turns[1:])
    third = replace(LEEK, rejected="Stew.")
    assert contradicted([LEEK, third, elsewhere]) == set()
    assert contradicted([LEEK, turned, third, elsewhere]) == {LEEK.identity, turned.identity}

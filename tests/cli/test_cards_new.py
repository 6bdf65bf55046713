"""`roleplay cards new` and `roleplay data identity`: a character from nothing, by flags and by questions."""

import contextlib
import json
import sys
from pathlib import Path

import pytest

from roleplay.cards.load import load_card
from roleplay.corpora.native import read_native
from tests.cli.conftest import SHORT, Outcome, refused, roleplay
from tests.terminal import Terminal

NEW = [sys.executable, "-m", "roleplay", "cards", "new"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_new_card_passes_check_and_build_and_is_partly_held_out(project: Path, language: str) -> None:
    new = roleplay("cards", "new", "mo", "--language", language)
    assert (new.status, new.out.splitlines()) == (
        0,
        ["characters/mo.yaml", "characters/mo/desc.yaml", "characters/mo/dialogue.yaml"],
    )
    assert roleplay("cards", "check") == Outcome(0, "", "1 checked, 0 faults\n")
    counts = roleplay("data", "build", "mo", "--json").json
    assert counts["gate"]["passed"]
    assert all(part["heldout"] >= 1 and part["samples"] >= 10 for part in counts["corpora"])
    assert (counts["dropped"], counts["cut"], counts["end_lost"]) == (0, 0, 0)


def test_a_new_card_trains_as_it_is(project: Path, tiny_base: Path) -> None:
    assert roleplay("cards", "new", "mo").status == 0
    trained = roleplay("train", "mo", "--base", tiny_base, *SHORT, "--max-steps", "1", "--max-samples", "4", "--json")
    assert trained.status == 0, trained.err


def test_flags_fill_the_card(project: Path) -> None:
    flags = [
        "--display-name",
        "墨墨",
        "--description",
        "一句话",
        "--persona",
        "你是{{char}}。",
        "--likes",
        "雨",
        "--likes",
        "茶",
    ]
    assert roleplay("cards", "new", "mo", *flags, "--into", "my", "--json").json[0] == "my/mo.yaml"
    card = load_card(Path("my/mo.yaml")).card
    assert (card.display_name, card.language, card.description) == ("墨墨", "zh", "一句话")
    assert (card.prefixes[0].text, card.extra["likes"]) == ("你是{{char}}。", ["雨", "茶"])


def test_a_card_that_is_there_is_kept(project: Path) -> None:
    roleplay("cards", "new", "mo")
    Path("characters/mo.yaml").write_text("mine")
    assert "characters/mo.yaml, " in refused(roleplay("cards", "new", "mo", "--yes"), 1)
    assert Path("characters/mo.yaml").read_text() == "mine"
    assert roleplay("cards", "new", "mo", "--force").status == 0
    assert load_card(Path("characters/mo.yaml")).card.name == "mo"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["../mo"], "is no name for a character"),
        (["mo", "--language", "fr"], "--language fr"),
        (["mo", "--persona", " "], "--persona is empty"),
        (["mo", "--display-name", "x" * 300], "--display-name"),
    ],
)
def test_wrong_usage_writes_nothing(project: Path, arguments: list[str], said: str) -> None:
    assert said in refused(roleplay("cards", "new", *arguments), 2)
    assert list(project.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_named_error(project: Path) -> None:
    Path("characters").write_text("a file")
    assert "cannot write characters/mo/desc.yaml" in refused(roleplay("cards", "new", "mo"), 1)


def test_a_namesake_that_is_hidden_is_named(pell: Path) -> None:
    pell.parent.rename("shipped")
    Path("../shipped").mkdir()
    Path("shipped").rename("../shipped/characters")
    assert "it is found before the character of the same name in " in roleplay("cards", "new", "pell").err


def test_in_a_terminal_it_asks_and_enter_takes_what_is_proposed(project: Path) -> None:
    with Terminal([*NEW, "mo"]) as terminal:
        for question, answer in [
            ("Language, zh or en [en]:", "fr\r"),
            ("there is a sketch in zh and en", "zh\r"),
            ("Name it goes by [Mo]:", "墨墨\r"),
            ("About it in a line", "\r"),
            ("Who it is", "你是{{char}}，一盏灯。\r"),
            ("What it likes, with commas between", "雨，茶、 灯油\r"),
        ]:
            terminal.wait_for(question)
            terminal.type(answer)
        assert terminal.wait_exit() == 0
    card = load_card(Path("characters/mo.yaml")).card
    assert (card.display_name, card.language, card.description[:4]) == ("墨墨", "zh", "一个用铅")
    assert (card.prefixes[0].text, card.extra["likes"]) == ("你是{{char}}，一盏灯。", ["雨", "茶", "灯油"])


def test_what_is_typed_is_not_asked_and_yes_asks_nothing(project: Path) -> None:
    typed = ["--language", "en", "--display-name", "Mo", "--description", "d", "--persona", "p"]
    with Terminal([*NEW, "one", *typed]) as terminal:
        terminal.wait_for("What it likes, with commas between [warm tea, blank paper")
        terminal.type("\r")
        assert terminal.wait_exit() == 0
        assert len(terminal.text.split("[warm tea")[0].splitlines()) == 1
    with Terminal([*NEW, "two", "--yes"]) as terminal:
        assert terminal.wait_exit() == 0


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_leaving_a_question_writes_nothing(project: Path, key: str) -> None:
    with Terminal([*NEW, "mo"]) as terminal:
        terminal.wait_for("Language, zh or en [en]:")
        while terminal.process.isalive():  # Python misses a Ctrl-C between its prompt and its read; people press again
            terminal.type(key)
            with contextlib.suppress(TimeoutError):
                terminal.wait_exit(5)
        assert terminal.wait_exit() == 130
        assert "Traceback" not in terminal.text
    assert list(project.iterdir()) == []


def test_identity_is_written_beside_the_card_and_can_be_named_on_it(pell: Path) -> None:
    made = roleplay("data", "identity", "pell", "--age", "19", "--likes", "fog", "--likes", "tea")
    assert (made.status, made.out) == (0, "48 dialogues written: characters/pell/identity.yaml\n")
    assert made.err.splitlines() == [
        "left out: maker, of which the card tells nothing; give --maker",
        "add to the card's corpora: - {path: pell/identity.yaml, kind: desc}",
    ]
    assert len(read_native(Path("characters/pell/identity.yaml"))) == 48
    pell.write_text(pell.read_text() + "  - {path: pell/identity.yaml, kind: desc}\n")
    assert roleplay("cards", "check", "pell").status == 0
    assert "--force" in refused(roleplay("data", "identity", "pell"), 1)


def test_identity_reads_rows_of_llama_factory(pell: Path) -> None:
    greeting = {"instruction": "hi", "input": "", "output": "I am {{name}} by {{author}}."}
    rows = json.dumps([greeting, {"instruction": "you?", "output": "{{name}}."}])
    Path("identity.json").write_text(rows)
    made = roleplay("data", "identity", "pell", "--from", "identity.json", "--out", "own.yaml", "--json")
    assert (made.json["dialogues"], made.json["left_out"], made.json["rows_left_out"]) == (1, ["maker"], 1)
    assert "left out: maker (1 rows), of which the card tells nothing; give --maker\n" in made.err
    whole = ["--maker", "Ann", "--count", "2", "--force", "--out", "own.yaml"]
    assert roleplay("data", "identity", "pell", "--from", "identity.json", *whole).status == 0
    assert {d.turns[1].text for d in read_native(Path("own.yaml"))} == {"I am Pell by Ann.", "Pell."}
    Path("identity.json").write_text(rows.replace("author", "owner"))
    told = refused(roleplay("data", "identity", "pell", "--from", "identity.json", "--out", "new.yaml"), 1)
    assert "identity.json: row 1: holds the placeholder '{{owner}}'; " in told
    assert not Path("new.yaml").exists()


BOOK = """\
alternate_greetings: ["Ahoy, {{user}}.\\nMind the gate."]
catchphrases: [all in order, mind the gate]
generation: {temperature: 0.5, max_new_tokens: 80}
training: {preset: quick}
tags: [lock, goat]
creator: Ann
license: MIT
book:
  entries:
    - {keys: [lock, "gate\\e[2J"], content: Old.}
    - {keys: [], content: Wet., constant: true}
    - {content: Odd.}
    - odd
"""


def test_show_renders_all_of_a_card(pell: Path) -> None:
    pell.write_text(pell.read_text() + BOOK)
    Path("characters/pell/talk.yaml").write_text("- - user: A\n")
    lines = roleplay("cards", "show", "pell").out.splitlines()
    base = next(line for line in lines if line.startswith("base"))
    assert lines[lines.index("greeting      Hello, Tom.") :] == [
        "greeting      Hello, Tom.",
        "or            Ahoy, Tom.",
        "              Mind the gate.",
        "catchphrases  all in order · mind the gate",
        "book          4 entries",
        "              lock, gate[2J",
        "              always",
        "              no keys",
        "              no keys",
        "generation    temperature 0.5, max_new_tokens 80",
        "training      preset quick",
        base,
        "tags          lock, goat",
        "creator       Ann",
        "license       MIT",
        "corpus        desc      characters/pell/desc.yaml  6 dialogues",
        "corpus        dialogue  pell/talk.yaml  1 fault: roleplay cards check pell",
    ]


@pytest.mark.parametrize(("book", "shown"), [("{}", 0), ("{entries: 3}", 0), ("{entries: {'0': {key: a}}}", 1)])
def test_a_book_of_any_shape_is_shown(pell: Path, book: str, shown: int) -> None:
    pell.write_text(pell.read_text() + f"book: {book}\n")
    told = roleplay("cards", "show", "pell")
    assert told.status == 0
    assert told.out.count("1 entry\n              a\n") == shown

"""Cards, corpora, models and names of files come from strangers: nothing of them steers a terminal."""

import json
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cli.output import emit_json
from roleplay.paths import Home
from roleplay.text import clean
from tests.cli.conftest import Outcome, roleplay
from tests.cli.parrot import save_parrot

EVIL = "\x1b]0;own\x07\x1b[2J\x9b31m\x85\u202e\u2066\u2028\x7f"
"""OSC, CSI, its one-byte form, C1, reversals of direction, a line separator, DEL."""
CONTROL = EVIL.translate(dict.fromkeys(map(ord, "\u202e\u2066\u2028")))
"""What typer itself escapes in its own messages about what a person typed."""
ESCAPED = EVIL.encode("unicode_escape").decode()
"""The same as a double-quoted text of YAML holds it: no raw control character, no fault."""
CARD = f"""\
schema: 1
name: evil
display_name: "Evil{ESCAPED}"
user_name: "Tom{ESCAPED}"
language: "en{ESCAPED}"
description: "Quiet{ESCAPED}"
greeting: "Hello{ESCAPED}"
prefixes:
  - {{id: who, text: "You are{ESCAPED} {{{{char}}}}."}}
corpora:
  - {{path: evil/talk.jsonl, kind: dialogue}}
"""


def harmless(told: Outcome) -> Outcome:
    """What was told, once it is shown that no part of it can steer a terminal."""
    for text in (told.out, told.err):
        assert clean(text) == text
    return told


@pytest.fixture
def evil(project: Path) -> Path:
    """A faultless card whose texts are hostile."""
    folder = project / "characters" / "evil"
    folder.mkdir(parents=True)
    talk = [[{"user": f"Q{i}{EVIL}"}, {"char": f"A{i}{EVIL}"}] for i in range(4)]
    (folder / "talk.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in talk))
    card = folder.with_suffix(".yaml")
    card.write_text(CARD)
    return card


@pytest.fixture(scope="session")
def evil_base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base that says `a`, an escape sequence in both its forms, and `b`."""
    return save_parrot(tmp_path_factory.mktemp("bases") / "evil", chatml_tokenizer, "a\x1b]0\x07\x9bb")


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize("command", [["list"], ["show", "evil"], ["check"]])
def test_a_card_cannot_steer_the_terminal(evil: Path, command: list[str], flags: list[str]) -> None:
    told = harmless(roleplay("cards", *command, *flags))
    assert told.status == 0
    if command == ["show", "evil"]:
        assert "Evil]0;own[2J31m" in told.out


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_corpus_cannot_steer_the_terminal(evil: Path, tiny_base: Path, flags: list[str]) -> None:
    told = harmless(roleplay("data", "show", "evil", "-n", 9, "--base", tiny_base, *flags))
    assert told.status == 0
    assert "A1]0;own[2J31m" in told.out


@pytest.mark.parametrize("flags", [[], ["--json"], ["--lanes", "base+prefix,base"]])
def test_a_model_cannot_steer_the_terminal(evil: Path, evil_base: Path, home: Home, flags: list[str]) -> None:
    told = harmless(
        roleplay("chat", "evil", "--say", f"Hi{EVIL}", "--greet", "--base", evil_base, "--temperature", 0, *flags)
    )
    assert told.status == 0
    assert "a]0b" in told.out
    assert b"\x1b" not in home.chats.read_bytes()


def test_a_faulty_card_cannot_steer_the_terminal(project: Path) -> None:
    folder = project / "characters"
    folder.mkdir()
    (folder / "evil.yaml").write_text(
        f'schema: 1\nname: "evil{ESCAPED}"\n"disp{ESCAPED}": x\nlanguage: ["{ESCAPED}"]\n'
        f'training: {{preset: "quick{ESCAPED}"}}\ncorpora: [{{path: "x{ESCAPED}", kind: "desc{ESCAPED}"}}]\n'
    )
    for command in (["cards", "check"], ["cards", "check", "--json"], ["cards", "list"], ["train", "evil"]):
        assert harmless(roleplay(*command)).status == (0 if "list" in command else 1)


def test_a_faulty_training_block_cannot_steer_the_terminal(evil: Path, tiny_base: Path) -> None:
    evil.write_text(CARD + f'training: {{"ra{ESCAPED}": 1, scheduler: "x{ESCAPED}"}}\n')
    told = harmless(roleplay("train", "evil", "--base", tiny_base))
    assert (told.status, told.out) == (1, "")
    assert "training.ra]0;own[2J31m: is not a setting of training" in told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["cards", "show", EVIL],
        ["cards", "show", f"./{EVIL}.yaml"],
        ["train", "evil", "--preset", EVIL],
        ["train", "evil", "--run", EVIL],
        ["train", "evil", "--resume", "--run", EVIL],
        ["train", "evil", "--base", f"./{EVIL}"],
        ["train", "evil", "--scheduler", EVIL],
        ["train", "evil", "--rank", EVIL],
        ["train", "evil", CONTROL],
        [CONTROL],
        [f"--{CONTROL}"],
        ["chat", "evil", "--say", "Hi", "--lanes", EVIL],
        ["chat", "evil", "--say", "Hi", "--prefix", EVIL],
        ["chat", "evil", "--say", "Hi", "--prefix", f"{EVIL}=on"],
        ["chat", "evil", "--say", "Hi", "--run", EVIL],
        ["chat", "evil", "--say", "Hi", "--adapter", EVIL],
    ],
)
def test_an_error_message_cannot_steer_the_terminal(evil: Path, evil_base: Path, arguments: list[str]) -> None:
    evil.write_text(CARD + f"base: {evil_base}\n")
    told = harmless(roleplay(*arguments))
    assert told.status in (1, 2)
    assert told.out == ""


def test_the_name_of_a_file_cannot_steer_the_terminal(project: Path) -> None:
    (project / "characters").mkdir()
    (project / "characters" / f"x{EVIL}.yaml").write_text("schema: 1\n")
    (project / "characters" / "y\udcff.yaml").write_text("schema: 1\n")
    for flags in ([], ["--json"]):
        assert harmless(roleplay("cards", "list", *flags)).status == 0
        assert harmless(roleplay("cards", "check", *flags)).status == 1
    names = [row["name"] for row in roleplay("cards", "list", "--json").json]
    assert names == [f"x{EVIL}", "y\udcff"]


def test_json_keeps_what_it_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a\x9b": [EVIL, "图书室", "\ud800", 1.5, None]}
    emit_json(value)
    out = capsys.readouterr().out
    assert clean(out) == out
    assert "图书室" in out
    assert json.loads(out) == value

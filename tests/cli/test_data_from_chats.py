"""`roleplay data from-chats`."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from roleplay.cards.load import load_card
from roleplay.chat.session import Session
from roleplay.chat.store import ChatStore
from roleplay.corpora.native import read_native
from roleplay.corpora.pairs import read_pairs
from roleplay.corpora.ranking import read_ranking
from roleplay.corpora.registered import read_registered
from roleplay.dialogue import Turn
from roleplay.paths import Home
from tests.chat.scripted import ALONE, Reply, Scripted, hear
from tests.cli.conftest import refused, roleplay
from tests.corpora.conftest import told

TOLD = [
    "2 conversations read: 3 kept replies in 2 dialogues",
    "2 pairs: 1 swipe, 1 edit",
    "left out of the dialogues, 1: was stopped before its end",
    "left out of the pairs, 1: is nearly the same as the kept reply",
    "written: characters/pell/chats.yaml",
    "written: characters/pell/pell-pairs.jsonl",
]


def talk(card: Path, home: Home, *replies: Reply | str) -> Session:
    """A conversation with the character, kept in the home."""
    loaded = load_card(card).card
    return Session(loaded, loaded.switches, Scripted(*replies), ChatStore(home.chats))


@pytest.fixture
def talked(pell: Path, home: Home) -> Path:
    """Two chats: a reply swiped away, one drawn again nearly the same, one broken off; a reply edited. The card."""
    session = talk(pell, home, "Gone.", "On the \x1broof.", "On the roof!", Reply(["Beca"], "length"))
    session.say("Where is the lantern?")
    for _ in range(3):
        hear(session, ALONE)
    session.swipe(session.line[-1], -1)
    session.say("Why?")
    hear(session, ALONE)
    session = talk(pell, home, "At sea.", "Never.")
    for text in ("Where is the boat?", "Will it come back?"):
        session.say(text)
        hear(session, ALONE)
    session.edit(session.line[-1], "With the tide.")
    return pell


def test_what_was_kept_becomes_a_corpus_and_what_was_chosen_pairs(talked: Path) -> None:
    done = roleplay("data", "from-chats", "pell")

    assert (done.status, done.out.splitlines()) == (0, TOLD)
    assert done.err == "add to the card's corpora: - {path: pell/chats.yaml, kind: dialogue}\n"
    assert told(read_native(Path("characters/pell/chats.yaml"))) == [
        "user: Where is the lantern? | assistant: On the roof.",
        "user: Where is the boat? | assistant: At sea. | user: Will it come back? | assistant: With the tide.",
    ]
    swipe, edit = read_pairs(Path("characters/pell/pell-pairs.jsonl"))
    assert (swipe.why, swipe.chosen, swipe.rejected, swipe.provenance.chat) == ("swipe", "On the roof.", "Gone.", 1)
    assert (edit.why, edit.chosen, edit.rejected, edit.provenance.chat) == ("edit", "With the tide.", "Never.", 2)
    assert edit.turns == (
        Turn("user", "Where is the boat?"),
        Turn("assistant", "At sea."),
        Turn("user", "Will it come back?"),
    )


def test_the_corpus_tells_where_each_dialogue_comes_from(talked: Path) -> None:
    roleplay("data", "from-chats", "pell", "--out", "mine.yaml")
    text = Path("mine.yaml").read_text(encoding="utf-8")
    assert text.startswith(
        "# Replies that were kept in chats with pell.\n\n# chat 1, replies 3 to 3\n- - user: Where is"
    )
    assert "\n\n# chat 2, replies 8 to 11\n- - user" in text
    assert len(read_pairs(Path("pell-pairs.jsonl"))) == 2


def test_the_corpus_may_be_json_lines(talked: Path) -> None:
    assert roleplay("data", "from-chats", "pell", "--out", "mine.jsonl", "--pairs", "p.jsonl").status == 0
    assert len(read_native(Path("mine.jsonl"))) == 2


def test_the_corpus_can_be_named_by_the_card(talked: Path) -> None:
    line = roleplay("data", "from-chats", "pell", "--json").json["card_line"]
    talked.write_text(talked.read_text(encoding="utf-8").rstrip() + f"\n  {line}\n", encoding="utf-8")
    parts = roleplay("data", "build", "pell", "--json").json["corpora"]
    assert (parts[-1]["path"], parts[-1]["dialogues"]) == ("characters/pell/chats.yaml", 2)


def test_json_has_every_count(talked: Path) -> None:
    done = roleplay("data", "from-chats", "pell", "--json").json
    assert done == {
        "chats": 2,
        "dialogues": 2,
        "replies": 3,
        "pairs": {"all": 2, "swipe": 1, "edit": 1},
        "left_out": {
            "conversations": {},
            "dialogues": {"was stopped before its end": 1},
            "pairs": {"is nearly the same as the kept reply": 1},
        },
        "out": str(talked.parent / "pell" / "chats.yaml"),
        "pairs_out": str(talked.parent / "pell" / "pell-pairs.jsonl"),
        "card_line": "- {path: pell/chats.yaml, kind: dialogue}",
    }


@pytest.mark.parametrize("form", ["alpaca", "sharegpt", "kto"])
def test_pairs_go_to_llama_factory_with_the_prompt_written_out(talked: Path, form: str) -> None:
    done = roleplay("data", "from-chats", "pell", "--form", form, "--pairs", "talk.jsonl")

    entry = done.err.partition("in its dataset_info.json: ")[2]
    Path("dataset_info.json").write_text("{" + entry + "}", encoding="utf-8")
    pairs, report = read_ranking(Path("talk.jsonl"))
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [("On the roof.", "Gone."), ("With the tide.", "Never.")]
    assert (pairs[0].turns[0].role, report.losses()) == ("system", [])
    assert "{{" not in pairs[0].turns[0].text
    assert len(told(read_registered(Path(), "talk"))) == 2


@pytest.mark.parametrize("out", ["--out", "--pairs"])
def test_a_file_that_is_there_is_replaced_only_on_request(talked: Path, out: str) -> None:
    there = Path("there.jsonl")
    there.write_text("mine")
    told_ = refused(roleplay("data", "from-chats", "pell", out, there), 1)
    assert "there.jsonl is there already; add --force to replace it" in told_
    assert there.read_text() == "mine"
    assert not (talked.parent / "pell" / "chats.yaml").exists()
    assert not (talked.parent / "pell" / "pell-pairs.jsonl").exists()
    assert roleplay("data", "from-chats", "pell", out, there, "--force").status == 0
    assert "On the roof." in there.read_text()


def test_only_the_conversations_that_are_asked_for_are_read(talked: Path, home: Home) -> None:
    other = ChatStore(home.chats)
    other.add(other.new_chat("yui"), None, "user", "在吗")
    done = roleplay("data", "from-chats", "pell", "--chat", 2, "--chat", 3, "--json").json
    assert (done["chats"], done["pairs"]) == (1, {"all": 1, "edit": 1})
    assert done["left_out"]["conversations"] == {"is with another character": 1}


def test_conversations_from_before_a_day_are_left_out(talked: Path) -> None:
    today, tomorrow = datetime.now().astimezone(), datetime.now().astimezone() + timedelta(days=1)
    assert roleplay("data", "from-chats", "pell", "--since", today.date(), "--json").json["chats"] == 2
    late = refused(roleplay("data", "from-chats", "pell", "--since", tomorrow.date(), "--force"), 1)
    assert "left out of the conversations, 2: was not gone on with since then" in late


def test_without_choices_there_is_one_clear_error_and_no_file(pell: Path, home: Home) -> None:
    assert "no conversation with pell yet; 'roleplay chat pell' begins one" in refused(
        roleplay("data", "from-chats", "pell", "--json"), 1
    )
    session = talk(pell, home, Reply(["Beca"], "length"))
    session.say("Why?")
    hear(session, ALONE)
    error = refused(roleplay("data", "from-chats", "pell"), 1)
    assert error.splitlines() == [
        "error: 1 conversations with pell hold no kept reply and no choice, and nothing was written; talk on, or name "
        "others with --chat",
        "left out of the dialogues, 1: was stopped before its end",
    ]
    assert not list(pell.parent.rglob("*pairs*"))


def test_without_pairs_the_corpus_alone_is_written(pell: Path, home: Home) -> None:
    session = talk(pell, home, "Gone.")
    session.say("Where is the lantern?")
    hear(session, ALONE)
    done = roleplay("data", "from-chats", "pell", "--json").json
    assert (done["pairs"], done["pairs_out"]) == ({"all": 0}, None)
    assert not list(pell.parent.rglob("*pairs*"))


@pytest.mark.parametrize(
    ("arguments", "told_"),
    [
        (["--form", "alpacca"], "--form alpacca: did you mean 'alpaca'?"),
        (["--since", "yesterday"], "--since yesterday: write a day as 2026-11-27"),
        (["--pairs", "a.json"], "--pairs a.json does not end in .jsonl"),
        (["--pairs", "characters"], "--pairs characters does not end in .jsonl"),
        (["--out", "a.json"], "--out a.json does not end in"),
        (["--out", "a.jsonl", "--pairs", "a.jsonl"], "--out and --pairs are both a.jsonl"),
    ],
)
def test_wrong_options_are_wrong_usage(talked: Path, arguments: list[str], told_: str) -> None:
    assert told_ in refused(roleplay("data", "from-chats", "pell", *arguments), 2)


def test_a_conversation_that_is_not_there_is_told(talked: Path) -> None:
    assert "there is no conversation 9" in refused(roleplay("data", "from-chats", "pell", "--chat", 9), 1)


def test_the_command_loads_no_model(talked: Path) -> None:
    script = "import sys; from roleplay.cli import main; sys.argv = 'roleplay data from-chats pell --json'.split()\n"
    script += "try:\n    main()\nexcept SystemExit:\n    pass\n"
    script += "print({'torch', 'transformers', 'datasets'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[0])["replies"] == 3
    assert done.stdout.splitlines()[-1] == "set()"

"""`roleplay data review`, and `from-chats --review`."""

from pathlib import Path

import pytest

import tui.alone
from roleplay.corpora.pairs import Pair, Provenance, read_pairs, write_pairs
from roleplay.corpora.review import flipped, open_review
from roleplay.dialogue import Turn
from roleplay.paths import Home
from tests.chat.scripted import ALONE, hear
from tests.cli.conftest import refused, roleplay
from tests.cli.test_data_from_chats import talk
from tui.review_screen import ReviewScreen

LAMP = Pair(
    (Turn("user", "今晚\x1b你等谁？\n说。"),), "我在灯塔上等你。", "我在码头上等你。", "swipe", (), Provenance(12, 1.5)
)
BOAT = Pair((Turn("user", "Where?"),), "It lies in the harbour, as it did yesterday.", "Who knows.", "prefer")
PAIRS = [LAMP, BOAT, flipped(BOAT)]


@pytest.fixture
def path(project: Path) -> Path:
    write_pairs(project / "pairs.jsonl", PAIRS)
    return project / "pairs.jsonl"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks."""
    monkeypatch.setattr("roleplay.cli.data.review.check_terminal", lambda instead: None)
    monkeypatch.setattr("roleplay.cli.data.from_chats.check_terminal", lambda instead: None)


def looked_at(monkeypatch: pytest.MonkeyPatch, *keys: str) -> list[ReviewScreen]:
    """The screens that are opened; before each somebody decides and saves, as the words say."""
    opened: list[ReviewScreen] = []

    def run(screen: ReviewScreen, home: Home, words: str) -> None:
        assert (bool(words), home.root.name) == (True, "home")
        opened.append(screen)
        for at, key in enumerate(keys):
            if key == "save":
                screen.review.save()
            else:
                screen.review.decide(at, key)

    monkeypatch.setattr(tui.alone, "run_alone", run)
    return opened


def test_a_list_needs_no_screen(path: Path) -> None:
    open_review(path).decide(0, "flipped")
    done = roleplay("data", "review", path, "--list")
    long = "It lies in the harbour, as it did yeste…"
    assert done.out.splitlines() == [
        "1  flipped    swipe   chat 12   今晚你等谁？ 说。 | 我在码头上等你。 | 我在灯塔上等你。",
        f"2  undecided  prefer            Where? | {long} | Who knows.  ! contradicts pair 3",
        f"3  undecided  prefer            Where? | Who knows. | {long}  ! contradicts pair 2",
    ]
    assert (done.status, done.err) == (0, "")
    assert read_pairs(path)[1:] == PAIRS[1:]


def test_the_list_as_json_has_whole_texts(path: Path) -> None:
    open_review(path).decide(2, "dropped")
    first, second, third = roleplay("data", "review", path, "--list", "--json").json
    assert first == {
        "number": 1,
        "identity": read_pairs(path)[0].identity,
        "decision": None,
        "why": "swipe",
        "chat": 12,
        "when": 1.5,
        "turns": 1,
        "question": "今晚你等谁？\n说。",
        "chosen": "我在灯塔上等你。",
        "rejected": "我在码头上等你。",
        "flags": [],
    }
    assert (second["flags"], third["decision"], third["chosen"]) == ([], "dropped", "Who knows.")


def test_without_a_terminal_the_list_is_named(path: Path) -> None:
    told = refused(roleplay("data", "review", path), 2)
    assert told == f"error: the review screen needs a terminal; without one: roleplay data review {path} --list\n"


def test_json_goes_with_the_list(path: Path) -> None:
    assert "--json goes with --list" in refused(roleplay("data", "review", path, "--json"), 2)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "pairs.jsonl: holds no pair"),
        ("{}\n", "pairs.jsonl:1: turns: is missing"),
        ("x\n{}\n", "pairs.jsonl:2: chosen: is missing"),
        (None, "pairs.jsonl"),
    ],
)
def test_bad_files_are_refused(path: Path, terminal: None, text: str | None, told: str, listed: bool) -> None:
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    assert told in refused(roleplay("data", "review", path, *["--list"] * listed), 1)


def test_what_came_of_the_review_is_told(path: Path, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at(monkeypatch, "kept", "dropped", "save")
    done = roleplay("data", "review", path)
    assert (done.status, done.out, done.err) == (0, "2 pairs written: pairs.jsonl\n", "")
    assert read_pairs(path)[1:] == [flipped(BOAT)]


def test_what_waits_is_told(path: Path, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at(monkeypatch, "flipped")
    done = roleplay("data", "review", "pairs.jsonl")
    assert (done.status, done.out) == (0, "")
    assert (
        done.err
        == "what is not saved waits in pairs.jsonl.review.json; 'roleplay data review pairs.jsonl' goes on with it\n"
    )


@pytest.fixture
def talked(pell: Path, home: Home) -> Path:
    """A chat with a reply that was swiped away. The file its pairs go to."""
    session = talk(pell, home, "Gone.", "On the roof.")
    session.say("Where is the lantern?")
    for _ in range(2):
        hear(session, ALONE)
    return pell.parent / "pell" / "pell-pairs.jsonl"


def test_pairs_from_chats_are_reviewed_at_once(talked: Path, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = looked_at(monkeypatch, "flipped", "save")
    done = roleplay("data", "from-chats", "pell", "--review")
    assert done.out.splitlines()[-2:] == [
        "written: characters/pell/pell-pairs.jsonl",
        "1 pairs written: characters/pell/pell-pairs.jsonl",
    ]
    assert len(opened) == 1
    assert [(pair.chosen, pair.rejected) for pair in read_pairs(talked)] == [("Gone.", "On the roof.")]


def test_without_review_no_screen_is_opened(talked: Path, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = looked_at(monkeypatch)
    assert roleplay("data", "from-chats", "pell").status == 0
    assert opened == []


def test_without_pairs_no_screen_is_opened(
    pell: Path, home: Home, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = talk(pell, home, "Gone.")
    session.say("Where is the lantern?")
    hear(session, ALONE)
    opened = looked_at(monkeypatch)
    assert roleplay("data", "from-chats", "pell", "--review").status == 0
    assert opened == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            (),
            "needs a terminal; without one: leave --review out, then roleplay data review FILE --list",
        ),
        (("--form", "kto"), "--review goes through pairs of --form native; leave --form kto out"),
        (("--json",), "--review opens a screen; leave --json out"),
    ],
)
def test_a_review_that_cannot_be_is_refused_before_anything_is_written(
    talked: Path, options: tuple[str, ...], told: str
) -> None:
    assert told in refused(roleplay("data", "from-chats", "pell", "--review", *options), 2)
    assert not talked.exists()

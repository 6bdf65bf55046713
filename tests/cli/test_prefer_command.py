"""`roleplay prefer`: the summary, what is refused, and a whole sitting in a real terminal with what ships."""

import os
import sys
import time
from pathlib import Path

import pytest

from roleplay.chat.prefer.choices import KeptChoices, choices_beside, read_choices
from roleplay.chat.prefer.match import Choice, Drawn, Match, Verdict
from roleplay.corpora.pairs import Side, read_pairs
from roleplay.dialogue import Turn
from tests.cli.conftest import refused, roleplay
from tests.terminal import Terminal


def keep(path: Path, verdicts: list[Verdict]) -> None:
    kept = KeptChoices(path)
    for i, verdict in enumerate(verdicts):
        turns = (Turn("user", f"Soup {i}?"),)
        a, b = (Drawn(f"{name} side", f"{name} says", "end", Side()) for name in "AB")
        kept.add(Choice(Match(turns, (), a, b, "a"), verdict, time.time()))


def test_the_summary_tells_the_win_rate_of_all_choices_so_far(pell: Path) -> None:
    keep(pell.with_name("pell") / "pell-prefer-pairs.jsonl", ["a", "a", "b", "both"])

    told, as_json = roleplay("prefer", "pell", "--summary"), roleplay("prefer", "pell", "--summary", "--json")

    assert (told.status, as_json.status) == (0, 0)
    assert told.out.splitlines() == [
        "A  A side",
        "B  B side",
        "A over B: 67% (95 % interval 21% to 94%) of 3 decided choices",
        "1 both good",
    ]
    ((only),) = as_json.json
    assert (only["won"], only["lost"], only["both"], only["neither"], only["pairs"]) == (2, 1, 1, 0, 3)
    assert only["win_rate"]["value"] == pytest.approx(2 / 3)
    assert only["win_rate"]["low"] == pytest.approx(0.2077, abs=1e-4)


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        ([], 2, "choosing needs a terminal; without one: roleplay prefer pell --summary"),
        (["--json"], 2, "--json goes with --summary"),
        (["--summary"], 1, "pell-prefer-choices.jsonl holds no choice yet; 'roleplay prefer pell' makes some"),
        (["--summary", "--out", "x.json"], 2, "--out x.json does not end in .jsonl"),
        (["--device", "tpu"], 2, "--device tpu: choose auto, cpu or cuda"),
    ],
)
def test_what_cannot_be_done_is_refused(pell: Path, typed: list[str], status: int, told: str) -> None:
    assert told in refused(roleplay("prefer", "pell", *typed), status)


def left_open(folder: Path) -> list[int]:
    """Processes that answer for a home in `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"ROLEPLAY_HOME={folder}".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")
def test_a_sitting_with_what_ships_is_kept_resumed_and_left_clean(tmp_path: Path) -> None:
    (tmp_path / "ask.txt").write_text("结衣，你在看什么？\n逗号呢？\n今天冷吗？\n", encoding="utf-8")
    out = tmp_path / "yui-pairs.jsonl"
    asked = ["--prompts", str(tmp_path / "ask.txt"), "--max-new-tokens", "12", "--out", str(out)]
    command = [sys.executable, "-m", "roleplay", "prefer", "yui", "--a", "shipped@last", "--b", "base+prefix", *asked]
    with Terminal(command, columns=100, rows=30) as terminal:
        terminal.wait_for("after this one: 2")
        assert "学长: " in terminal.text
        assert "base" not in terminal.text
        terminal.type("1")
        terminal.wait_for("choices: 1")
        terminal.wait_for("after this one: 1")
        terminal.type("n")
        terminal.wait_for("choices: 2")
        terminal.type("q")
        assert terminal.wait_exit() == 0
        told = terminal.bytes.decode()
        assert "A  persona@shipped@last+prefix (yui/" in told
        assert "B  base+prefix (pocket) at temperature 0.7" in told
        assert "1 neither" in told
    first, second = read_choices(choices_beside(out))
    assert second.verdict == "neither"
    assert first.verdict == first.match.left
    assert {first.match.a.side.lane, first.match.b.side.lane} == {"persona@shipped@last+prefix", "base+prefix"}
    assert first.match.a.side.sampling == first.match.b.side.sampling
    assert first.match.a.side.base == first.match.b.side.base
    pairs = read_pairs(out) if out.exists() else []  # a better reply that was cut makes none
    assert [pair.chosen for pair in pairs] == ([first.pair.chosen] if first.pair is not None else [])
    with Terminal(command, columns=100, rows=30) as terminal:
        terminal.wait_for("left: 1")
        terminal.type("\x03")  # while it loads
        assert terminal.wait_exit() == 0
        assert "of 1 decided choices" in terminal.bytes.decode()
    assert left_open(Path(os.environ["ROLEPLAY_HOME"])) == []

"""`roleplay data stats` and `roleplay data check`."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from roleplay.cli.data.histogram import draw
from roleplay.measures.lengths import Bin
from tests.cli.conftest import refused, roleplay
from tests.training.pell import TALK

STEPS = "I have counted all the steps of the old lock today."


def rewrite(pell: Path, talk: str) -> None:
    (pell.parent / "pell" / "talk.yaml").write_text(talk, encoding="utf-8")


def repeated(times: int) -> str:
    """So many questions with one answer, two lines each; some of them are held out."""
    return "".join(f"- - user: Question {i}?\n  - char: {STEPS}\n" for i in range(times))


def test_stats_tell_amounts_lengths_repeats_and_habits(pell: Path) -> None:
    pell.write_text(pell.read_text() + "catchphrases: [Good, Never]\n")
    told = roleplay("data", "stats", "pell")

    assert (told.status, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0].startswith("desc      en         6 dialogues     12 turns ")
    assert lines[1].startswith("dialogue  en         7 dialogues ")
    assert "distinct-1/2/3 of words" in lines[0]
    assert any(line.endswith(" dialogues") and " tokens " in line for line in lines)
    assert "answers: 0 dropped, 0 cut, 0 end-lost" in lines
    assert any(line.startswith("0 held-out texts in training, of ") for line in lines)
    assert "  6.7%  Good" in lines
    assert lines[-1].startswith("- ")
    todo = lines[lines.index("to do") + 1 :]
    assert "- the catchphrase 'Never' is never said; write it into some answers, or take it off the card" in todo


def test_stats_as_json_are_one_object(pell: Path) -> None:
    told = roleplay("data", "stats", "pell", "--json", "--max-length", 70)

    assert (told.status, told.err) == (0, "")
    stats = told.json
    assert stats["cutoff"]["limit"] == 70
    assert sum(bar["dialogues"] for bar in stats["lengths"]["bins"]) == 13
    assert sum(part["dialogues"] for part in stats["amounts"]) == 13
    assert {"problem", "remedy"} == set(stats["findings"][0])


def test_stats_show_as_many_pairs_as_asked_for(pell: Path) -> None:
    rewrite(pell, TALK + repeated(6))

    told = roleplay("data", "stats", "pell", "--pairs", 2).out

    assert f"  1.00  characters/pell/talk.yaml:20 turn 2 | {STEPS}\n" in told
    assert "  and 3 more\n" in told
    assert "of the answers repeat another (first characters/pell/talk.yaml:18 turn 2)" in told


def test_check_passes_a_corpus_without_leaks_and_repeats(pell: Path) -> None:
    checked = roleplay("data", "check", "pell")
    assert (checked.status, checked.out) == (0, "")
    assert checked.err.startswith("0 leaks; 0.0% of ")
    assert roleplay("data", "check", "pell", "--json").json["passed"] is True


def test_check_fails_on_leaks_and_repeats_each_with_file_line_and_remedy(pell: Path) -> None:
    rewrite(pell, TALK + repeated(20))

    checked = roleplay("data", "check", "pell")

    assert checked.status == 1
    lines = checked.out.splitlines()
    leaks = [line for line in lines if "is held out, yet stands in training at " in line]
    assert leaks
    assert len(lines) == len(leaks) + 19
    assert all(line.startswith("characters/pell/talk.yaml:") for line in lines)
    assert all(line.endswith("; reword one of the two or leave it out") for line in lines)

    allowed = roleplay("data", "check", "pell", "--max-duplicates", 1, "--json")
    assert (allowed.status, allowed.json["passed"]) == (1, False)
    assert len(allowed.json["faults"]) == len(leaks) == len(allowed.json["leaks"])


def test_likeness_is_a_choice(pell: Path) -> None:
    rewrite(
        pell, TALK + repeated(1) + "- - user: Steps?\n  - char: I have counted all the steps of the new lock today.\n"
    )

    def near(least: float) -> int:
        return len(roleplay("data", "stats", "pell", "--json", "--similarity", least).json["repeated_answers"]["found"])

    assert (near(0.6), near(0.95)) == (1, 0)
    assert roleplay("data", "stats", "pell", "--similarity", 2).status == 2


def test_faults_of_the_corpus_are_told_as_ever(pell: Path) -> None:
    rewrite(pell, "- - user: Hi.\n")
    for command in ("stats", "check"):
        assert "has no answer; add a 'char' turn" in refused(roleplay("data", command, "pell"), 1)


@pytest.mark.parametrize("width", [40, 80])
def test_the_picture_is_as_wide_as_asked_and_without_colours(width: int) -> None:
    picture = draw([Bin(0, 63, 3), Bin(64, 127, 1200), Bin(128, 191, 0)], width)

    assert {len(line) for line in picture.splitlines()} == {width}
    assert "\x1b" not in picture
    assert "█" in picture
    assert " 128" in picture


def test_the_picture_is_drawn_on_a_terminal_unless_refused(pell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("roleplay.cli.data.histogram.sys", terminal)
    monkeypatch.setenv("COLUMNS", "64")
    drawn = roleplay("data", "stats", "pell")
    plain = roleplay("data", "stats", "pell", "--no-plot")

    assert "█" in drawn.out
    assert max(map(len, (line for line in drawn.out.splitlines() if "█" in line))) <= 64
    assert "█" not in plain.out

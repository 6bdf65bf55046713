"""Choices on disk: each is there at once, can be taken back, and survives a crash."""

from dataclasses import replace
from pathlib import Path

import pytest

from roleplay.chat.prefer import choices as module
from roleplay.chat.prefer.choices import KeptChoices, choices_beside, read_choices
from roleplay.chat.prefer.match import Choice, Drawn, Match, Verdict
from roleplay.chat.prefer.tally import tallies, tally
from roleplay.corpora.pairs import Pair, Side, read_pairs, write_pairs
from roleplay.dialogue import Turn
from roleplay.errors import FileFaults, StorageError, UsageError

ASKED = (Turn("user", "汤?"),)


def match(prompt: str = "汤?", a: str = "Leek.", b: str = "None.", who: tuple[str, str] = ("A", "B")) -> Match:
    one = Side(None, "persona+prefix", ("who",), "harbour@1", "mira/one@3", {"temperature": 0.7, "seed": 3})
    other = Side(None, "base", (), "harbour@1", None, {"temperature": 0.7, "seed": 3})
    turns = (Turn("user", prompt),)
    return Match(turns, ("who",), Drawn(who[0], a, "end", one), Drawn(who[1], b, "end", other), "b")


def choice(verdict: Verdict, made: Match | None = None) -> Choice:
    return Choice(made or match(), verdict, 1764273600.5)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "mira" / "mira-prefer-pairs.jsonl"


def test_a_choice_becomes_a_pair_with_both_sides(place: Path) -> None:
    KeptChoices(place).add(choice("b"))

    (pair,) = read_pairs(place)
    assert (pair.turns, pair.chosen, pair.rejected, pair.why, pair.prefixes) == (
        ASKED,
        "None.",
        "Leek.",
        "prefer",
        ("who",),
    )
    assert pair.provenance.when == 1764273600.5
    assert pair.provenance.chosen == match().b.side
    assert pair.provenance.rejected == match().a.side
    assert pair.provenance.rejected.sampling == {"temperature": 0.7, "seed": 3}


@pytest.mark.parametrize("verdict", ["both", "neither", "skip", "same"])
def test_what_is_undecided_is_kept_and_makes_no_pair(place: Path, verdict: Verdict) -> None:
    KeptChoices(place).add(choice(verdict))

    assert [kept.verdict for kept in read_choices(choices_beside(place))] == [verdict]
    assert not place.exists()


@pytest.mark.parametrize(
    ("verdict", "change", "is_pair"),
    [
        ("a", {"text": ""}, False),
        ("b", {"text": ""}, False),
        ("a", {"stopped": "length"}, False),
        ("b", {"stopped": "length"}, True),
    ],
)
def test_a_reply_without_text_or_a_better_one_that_was_cut_teaches_nothing(
    verdict: Verdict, change: dict[str, str], is_pair: bool
) -> None:
    made = match()
    assert (choice(verdict, replace(made, a=replace(made.a, **change))).pair is not None) == is_pair


def test_a_file_of_choices_is_read_as_it_was_written(place: Path) -> None:
    made = [choice("a"), choice("skip", match("\u201c{{user}}\u201d\nTwo"))]
    kept = KeptChoices(place)
    for one in made:
        kept.add(one)

    assert KeptChoices(place).choices == made


def test_a_choice_that_is_taken_back_leaves_nothing_behind_but_what_was_there(place: Path) -> None:
    other = Pair(ASKED, "x", "y", "swipe")
    write_pairs(place, [other])
    before = place.read_bytes()
    kept = KeptChoices(place)
    first, second = choice("a"), choice("b", match("And?"))
    kept.add(first)
    kept.add(second)
    kept.take_back(second)

    assert [pair.chosen for pair in read_pairs(place)] == ["x", "Leek."]
    kept.take_back(first)
    assert place.read_bytes() == before
    assert not choices_beside(place).exists()
    assert kept.choices == []


def test_the_only_pair_that_is_taken_back_leaves_no_file(place: Path) -> None:
    kept = KeptChoices(place)
    kept.add(choice("a"))
    kept.take_back(kept.choices[0])

    assert list(place.parent.iterdir()) == []


def test_a_crash_between_the_two_files_loses_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptChoices(place)
    kept.add(choice("a", match("First")))
    write = module.write_file
    with monkeypatch.context() as patch:

        def die(path: Path, data: bytes) -> None:
            if path == place:
                raise SystemExit
            write(path, data)

        patch.setattr(module, "write_file", die)
        patch.setattr(module, "_drop_line", lambda path, line: None)  # a dead process does nothing more
        with pytest.raises(SystemExit):
            kept.add(choice("b"))
    assert [pair.chosen for pair in read_pairs(place)] == ["Leek."]

    again = KeptChoices(place)

    assert [pair.chosen for pair in read_pairs(place)] == ["Leek.", "None."]
    assert [one.verdict for one in again.choices] == ["a", "b"]
    KeptChoices(place)
    assert len(read_pairs(place)) == 2


def test_a_choice_that_cannot_be_kept_whole_is_not_kept_at_all(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptChoices(place)
    write = module.write_file

    def full(path: Path, data: bytes) -> None:
        if path == place:
            raise StorageError("the disk is full")
        write(path, data)

    monkeypatch.setattr(module, "write_file", full)
    with pytest.raises(StorageError):
        kept.add(choice("a"))

    assert kept.choices == read_choices(kept.path) == []


def test_a_line_that_is_no_choice_is_told_with_its_place(place: Path) -> None:
    KeptChoices(place).add(choice("a"))
    path = choices_beside(place)
    path.write_bytes(path.read_bytes() + b'{"verdict": "left"}\nnonsense\n')

    with pytest.raises(FileFaults) as caught:
        KeptChoices(place)

    assert [fault.line for fault in caught.value.faults] == [2, 3]


@pytest.mark.parametrize(("out", "told"), [("pairs.json", "does not end in .jsonl"), ("folder.jsonl", "is a folder")])
def test_a_place_for_no_pairs_is_refused(tmp_path: Path, out: str, told: str) -> None:
    (tmp_path / "folder.jsonl").mkdir()

    with pytest.raises(UsageError, match=told):
        KeptChoices(tmp_path / out)


def test_choices_lie_beside_their_pairs() -> None:
    assert choices_beside(Path("yui-prefer-pairs.jsonl")) == Path("yui-prefer-choices.jsonl")
    assert choices_beside(Path("mine.jsonl")) == Path("mine-choices.jsonl")


def test_a_tally_counts_ties_beside_the_win_rate() -> None:
    verdicts: list[Verdict] = ["a", "a", "a", "b", "both", "neither", "neither", "skip", "same"]
    made = [choice(verdict) for verdict in verdicts]
    other = choice("b", match(who=("A", "C")))

    found = tally(("A", "B"), [*made, other])

    assert (found.won, found.lost, found.both, found.neither, found.skipped, found.same) == (3, 1, 1, 2, 1, 1)
    assert (found.decided, found.choices, found.pairs) == (4, 8, 4)
    assert found.rate is not None
    assert found.rate.value == 0.75
    assert found.words == "A over B: 75% (95 % interval 30% to 95%) of 4 decided choices"
    assert found.rest == "1 both good, 2 neither, 1 skipped, 1 the same replies"
    assert [(one.a, one.b, one.decided) for one in tallies([*made, other])] == [("A", "B", 4), ("A", "C", 1)]

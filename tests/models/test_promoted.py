"""One adapter is made a character's own, whatever is trained later, until that is taken back."""

import os
import shutil
from pathlib import Path

import pytest

from roleplay.errors import AdapterError
from roleplay.models.find import adapter_folders, answering_adapter, promoted_adapter, promoted_file
from roleplay.models.passport import PASSPORT
from roleplay.models.promoted import forget_removed, promote, promotion_trouble, take_back
from roleplay.paths import Home


@pytest.fixture
def runs(home: Home, adapter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two finished runs of `mimi`, an adapter of hers that ships, a run that stopped and one that tuned the base."""
    monkeypatch.setattr("roleplay.models.find.shipped", lambda: tmp_path / "shipped")
    shutil.copytree(adapter_folder, tmp_path / "shipped" / "data" / "adapters" / "mimi" / "best")
    runs = home.runs / "mimi"
    finish(runs / "old", adapter_folder, ("best", "last", "epoch-20"), ended=1000)
    finish(runs / "new", adapter_folder, ("best", "last"), ended=2000)
    (runs / "stopped" / "adapter").mkdir(parents=True)
    (runs / "stopped" / "run.json").write_text("{}")
    finish(runs / "whole", adapter_folder, (), ended=3000)
    (runs / "whole" / "base" / "best").mkdir(parents=True)
    return runs


def finish(run: Path, adapter: Path, kept: tuple[str, ...], *, ended: float) -> None:
    run.mkdir(parents=True)
    for which in kept:
        shutil.copytree(adapter, run / "adapter" / which)
    (run / "run.json").write_text("{}")
    (run / "summary.json").write_text("{}")
    os.utime(run / "summary.json", (ended, ended))


def labels(home: Home, which: str = "best") -> list[str]:
    """Adapters of `mimi` in the order in which they are tried; `adapters/mimi` is what ships."""
    folders = adapter_folders(home, "mimi", which)
    places = ["shipped" if "shipped" in folder.parts else folder.parents[1].name for folder in folders]
    return [f"{place}@{folder.name}" for place, folder in zip(places, folders, strict=True)]


def test_the_promoted_adapter_comes_before_newer_runs(runs: Path, home: Home, adapter_folder: Path) -> None:
    assert labels(home) == ["new@best", "old@best", "shipped@best"]

    assert promote(home, "mimi", "old").folder == runs / "old" / "adapter" / "best"
    finish(runs / "later", adapter_folder, ("best",), ended=4000)

    assert labels(home) == ["old@best", "later@best", "new@best", "shipped@best"]
    assert promotion_trouble(home, "mimi") == ""
    assert adapter_folders(home, "nobody") == []


def test_a_promoted_epoch_stands_for_the_best_and_its_run_for_the_last(runs: Path, home: Home) -> None:
    assert promote(home, "mimi", "old@epoch-20").label == "old@epoch-20"

    assert labels(home) == ["old@epoch-20", "new@best", "old@best", "shipped@best"]
    assert labels(home, "last") == ["old@last", "new@last"]


def test_one_that_ships_may_be_promoted(runs: Path, home: Home) -> None:
    promote(home, "mimi", "shipped")

    assert labels(home) == ["shipped@best", "new@best", "old@best"]
    now = answering_adapter(home, "mimi")
    assert now is not None
    assert (now.label, now.step) == ("shipped@best", 3)


def test_a_second_promotion_replaces_the_first_and_taking_it_back_leaves_none(runs: Path, home: Home) -> None:
    promote(home, "mimi", "shipped@best")
    promote(home, "mimi", "old@last")
    assert labels(home)[0] == "old@last"

    take_back(home, "mimi")
    assert labels(home)[0] == "new@best"
    assert promoted_adapter(home, "mimi") is None
    take_back(home, "mimi")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("odl", r"there is no run 'odl' of mimi; did you mean 'old'\?"),
        ("old@epoch-2", r"the run old of mimi has no adapter 'epoch-2'; did you mean 'epoch-20'\?"),
        ("shipped@last", r"the run shipped of mimi has no adapter 'last'; did you mean 'best'\?"),
        ("stopped", "stopped of mimi is not finished; .*'roleplay train mimi --resume --run stopped'"),
        ("whole", "whole of mimi tuned the base itself and made no adapter; chat with --base .*whole/base/best"),
        ("../mimi/old", "there is no run"),
        ("", "there is no run ''"),
    ],
)
def test_what_cannot_answer_is_refused_with_the_reason(runs: Path, home: Home, name: str, why: str) -> None:
    promote(home, "mimi", "old")
    with pytest.raises(AdapterError, match=why):
        promote(home, "mimi", name)
    assert labels(home)[0] == "old@best"


def test_an_adapter_of_an_unknown_base_is_refused(runs: Path, home: Home) -> None:
    (runs / "old" / "adapter" / "best" / PASSPORT).write_text("{")
    with pytest.raises(AdapterError, match="is damaged"):
        promote(home, "mimi", "old")
    assert labels(home)[0] == "new@best"


def test_a_character_without_adapters_is_told_how_to_make_one(home: Home) -> None:
    with pytest.raises(AdapterError, match="nobody has no adapter yet; 'roleplay train nobody' makes one"):
        promote(home, "nobody", "old")
    assert not home.runs.exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"run": 1, "which": "best"}', '{"run": "old", "which": "../best"}', '{"run": "old"}', "\xff" * 3],
)
def test_a_damaged_file_is_told_and_the_newest_answers_until_one_is_promoted_again(
    runs: Path, home: Home, text: str
) -> None:
    promoted_file(home, "mimi").write_text(text, encoding="latin-1")

    assert labels(home)[0] == "new@best"
    trouble = promotion_trouble(home, "mimi")
    assert ".promoted.json is damaged" in trouble
    assert "roleplay runs promote mimi RUN" in trouble
    assert forget_removed(home, "mimi", ["old"]) is None
    promote(home, "mimi", "old")
    assert (labels(home)[0], promotion_trouble(home, "mimi")) == ("old@best", "")


def test_a_damaged_file_is_taken_back_too(runs: Path, home: Home) -> None:
    promoted_file(home, "mimi").write_text("{")
    take_back(home, "mimi")
    assert promotion_trouble(home, "mimi") == ""


def test_a_promoted_adapter_that_is_gone_is_told_and_the_newest_answers(runs: Path, home: Home) -> None:
    promote(home, "mimi", "old@epoch-20")
    shutil.rmtree(runs / "old" / "adapter" / "epoch-20")

    assert labels(home)[0] == "new@best"
    assert labels(home, "last")[0] == "new@last"
    assert promotion_trouble(home, "mimi").startswith(
        "old@epoch-20 was promoted for mimi and is gone, so that new@best answers; promote another"
    )


def test_a_removed_run_is_forgotten_so_that_its_name_may_be_used_again(
    runs: Path, home: Home, adapter_folder: Path
) -> None:
    promote(home, "mimi", "old")
    assert forget_removed(home, "mimi", ["new"]) is None
    assert labels(home)[0] == "old@best"

    shutil.rmtree(runs / "old")
    fallen = forget_removed(home, "mimi", ["new", "old"])
    assert fallen is not None
    assert fallen.label == "old@best"
    finish(runs / "old", adapter_folder, ("best",), ended=1000)
    assert labels(home)[0] == "new@best"


def test_a_promoted_adapter_whose_saving_was_killed_between_two_renames_is_found(runs: Path, home: Home) -> None:
    promote(home, "mimi", "old")
    best = runs / "old" / "adapter" / "best"
    best.rename(best.with_name(".best.old"))
    assert labels(home)[0] == "old@best"

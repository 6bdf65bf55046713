"""Every adapter of a character that a person can choose."""

import os
import shutil
from pathlib import Path

import pytest

from roleplay.models.find import adapter_choices
from roleplay.models.passport import PASSPORT
from roleplay.paths import Home


@pytest.fixture
def run(home: Home, adapter_folder: Path) -> Path:
    """A finished run of `mimi` with kept epochs, and an older one that has only its last."""
    for name, kept, ended in (("new", ("epoch-10", "last", "epoch-2.5", "best"), 2000), ("old", ("last",), 1000)):
        for which in kept:
            shutil.copytree(adapter_folder, home.runs / "mimi" / name / "adapter" / which)
        summary = home.runs / "mimi" / name / "summary.json"
        summary.write_text("{}")
        os.utime(summary, (ended, ended))
    return home.runs / "mimi" / "new"


def test_the_newest_run_comes_first_and_in_it_best_last_and_epochs_in_order(
    run: Path, home: Home, adapter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roleplay.models.find.shipped", lambda: tmp_path / "shipped")
    shipped = shutil.copytree(adapter_folder, tmp_path / "shipped" / "data" / "adapters" / "mimi" / "best")

    choices = adapter_choices(home, "mimi")

    assert [choice.label for choice in choices] == [
        "new@best",
        "new@last",
        "new@epoch-2.5",
        "new@epoch-10",
        "old@last",
        "shipped@best",
    ]
    assert (choices[0].folder, choices[-1].folder) == (run / "adapter" / "best", shipped)
    assert (choices[0].step, choices[0].heldout_loss) == (3, 1.25)
    assert adapter_choices(home, "nobody") == []


def test_an_unfinished_run_and_other_folders_offer_nothing(run: Path, home: Home) -> None:
    shutil.copytree(run / "adapter" / "best", run / "adapter" / "epoch-x")
    (run / "adapter" / "epoch-3").write_text("a file")
    (home.runs / "mimi" / "old" / "summary.json").unlink()

    assert [c.label for c in adapter_choices(home, "mimi")] == ["new@best", "new@last", "new@epoch-2.5", "new@epoch-10"]


def test_what_a_crash_left_between_two_renames_is_offered_and_a_damaged_passport_hides_nothing(
    run: Path, home: Home
) -> None:
    (run / "adapter" / "best").rename(run / "adapter" / ".best.old")
    (run / "adapter" / "last" / PASSPORT).write_text("{")

    best, last, *_ = adapter_choices(home, "mimi")

    assert (best.which, best.step) == ("best", 3)
    assert (last.which, last.step, last.heldout_loss) == ("last", None, None)

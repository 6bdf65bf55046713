"""What goes along to show that an adapter works, and that it is of this adapter."""

import dataclasses
import json
from pathlib import Path

import pytest

from roleplay.evaluation.report import write_report
from roleplay.models.find import answering_adapter
from roleplay.packs.evidence import evidence_of, recipe_of
from roleplay.packs.manifest import Evidence
from roleplay.paths import Home
from tests.evaluation.reports import invented
from tests.packs.mimi import write_adapter, write_mimi


@pytest.fixture
def author(home: Home, project: Path) -> Home:
    write_mimi(home)
    write_adapter(home)
    return home


def evaluated(home: Home, label: str, size: str = "quick", display_name: str = "Mimi") -> None:
    report = dataclasses.replace(invented(character="mimi"), adapter=label, display_name=display_name)
    if size == "full":
        report = dataclasses.replace(report, measures=report.measures[:1])
    write_report(report, home.evaluations / "mimi" / f"{label}-{size}-0000000{len(size)}" / "report.json")


def evidence(home: Home) -> Evidence:
    adapter = answering_adapter(home, "mimi")
    assert adapter is not None
    return evidence_of(home, "mimi", adapter)


def test_figures_and_replies_of_the_newest_evaluation_go_along(author: Home) -> None:
    assert evidence(author).evaluation == []
    evaluated(author, "attic@best")
    found = evidence(author)
    report = invented(character="mimi")
    assert [one.name for one in found.evaluation] == [one.name for one in report.measures]
    first, invention = found.evaluation[0], report.measures[0]
    assert {lane: figure.value for lane, figure in first.lanes.items()} == {
        lane: interval.value for lane, interval in invention.lanes.items()
    }
    assert 0 < len(found.samples) <= 4
    assert (
        found.samples[0].replies == next(one for one in report.samples if one.prompt == found.samples[0].prompt).replies
    )


def test_a_full_evaluation_says_more_than_a_quick_one(author: Home) -> None:
    evaluated(author, "attic@best", "full")
    evaluated(author, "attic@best", "quick")
    assert len(evidence(author).evaluation) == 1


def test_evaluations_of_other_adapters_stay_at_home(author: Home) -> None:
    evaluated(author, "attic@last")
    assert evidence(author).evaluation == []


def test_held_out_bits_of_the_run_go_along_and_its_folder_does_not(author: Home) -> None:
    adapter = answering_adapter(author, "mimi")
    assert adapter is not None
    summary = adapter.folder.parents[1] / "summary.json"
    bits = {"persona+prefix": {"value": 2.5, "low": 2.0, "high": 3.0}}
    summary.write_text(json.dumps({"epochs": 3.5, "heldout_bits_per_character": bits, "folder": "/somewhere"}))
    found = evidence(author)
    assert found.training == {"epochs": 3.5}
    assert found.heldout_bits["persona+prefix"].low == 2.0
    assert "somewhere" not in found.model_dump_json()


def test_an_adapter_without_its_run_has_no_recipe(author: Home) -> None:
    adapter = answering_adapter(author, "mimi")
    assert adapter is not None
    assert recipe_of(adapter) is None
    (adapter.folder.parents[1] / "summary.json").write_text("{")
    assert evidence(author) == Evidence()

"""`roleplay runs promote`: which adapter answers in chat, and how that is told."""

import json
import os
import shutil
from pathlib import Path

import pytest

from roleplay.models.find import promoted_file
from roleplay.models.passport import PASSPORT
from roleplay.paths import Home
from tests.cli.conftest import refused, roleplay


@pytest.fixture
def runs(tuned_pell: Path, home: Home) -> Path:
    """Pell's run `whole`, which kept an epoch, and a newer one called `newer`."""
    runs = home.runs / "pell"
    shutil.copytree(runs / "whole", runs / "newer")
    os.utime(runs / "whole" / "summary.json", (1000, 1000))
    shutil.copytree(runs / "whole" / "adapter" / "best", runs / "whole" / "adapter" / "epoch-2")
    for run in ("whole", "newer"):
        for step, which in enumerate(("best", "last", "epoch-2")):
            passport = runs / run / "adapter" / which / PASSPORT
            if passport.exists():
                passport.write_text(json.dumps(json.loads(passport.read_text()) | {"run": run, "step": step}))
    return runs


def test_the_adapter_that_answers_now_is_printed(runs: Path) -> None:
    assert roleplay("runs", "promote", "pell", "whole").out == "whole@best\n"
    assert roleplay("runs", "promote", "pell", "whole@epoch-2", "--json").json == {
        "character": "pell",
        "adapter": "whole@epoch-2",
        "promoted": True,
    }
    assert roleplay("runs", "promote", "pell", "--none").out == "newer@best\n"
    assert roleplay("runs", "promote", "pell", "--none", "--json").json == {
        "character": "pell",
        "adapter": "newer@best",
        "promoted": False,
    }


def test_chat_opens_the_promoted_adapter(runs: Path) -> None:
    def answers(*options: str) -> str:
        options = ("--say", "Hm?", "--max-new-tokens", "1", "--no-save", "--json", *options)
        label: str = roleplay("chat", "pell", *options).json["adapter"]
        return label

    assert answers() == "pell/newer@0"
    roleplay("runs", "promote", "pell", "whole@epoch-2")
    assert answers() == "pell/whole@2"
    assert answers("--adapter", "last") == "pell/whole@1"
    assert answers("--run", "newer") == "pell/newer@0"
    assert answers("--run", "whole") == "pell/whole@0"


def test_list_and_show_mark_the_promoted_one(runs: Path) -> None:
    assert "promoted" not in roleplay("runs", "show", "pell", "whole").out
    roleplay("runs", "promote", "pell", "whole@epoch-2")

    listed = roleplay("runs", "list", "pell").out.splitlines()
    assert sorted(line.endswith("  promoted: epoch-2") for line in listed) == [False, True]
    rows = {row["run"]: row["promoted"] for row in roleplay("runs", "list", "--json").json}
    assert rows == {"whole": "epoch-2", "newer": None}
    assert roleplay("runs", "show", "pell", "whole").out.splitlines()[1] == "promoted: epoch-2"
    assert roleplay("runs", "show", "pell", "whole", "--json").json["promoted"] == "epoch-2"
    assert roleplay("runs", "show", "pell", "newer", "--json").json["promoted"] is None


def test_rm_says_that_a_promotion_falls_away(runs: Path) -> None:
    roleplay("runs", "promote", "pell", "whole")
    done = roleplay("runs", "rm", "pell", "whole", "--yes")
    assert (done.status, done.err) == (0, "whole@best was promoted; now newer@best answers\n")
    roleplay("runs", "promote", "pell", "newer")
    assert "now the base alone answers" in roleplay("runs", "rm", "pell", "newer", "--yes").err


def test_rm_of_another_run_leaves_the_promotion(runs: Path) -> None:
    roleplay("runs", "promote", "pell", "whole")
    assert roleplay("runs", "rm", "pell", "newer", "--yes").err == ""
    assert roleplay("runs", "list", "--json").json[0]["promoted"] == "best"


def test_a_promotion_that_does_not_hold_is_told_by_list(runs: Path, home: Home) -> None:
    promoted_file(home, "pell").write_text("{")
    told = roleplay("runs", "list", "pell")
    assert told.status == 0
    assert ".promoted.json is damaged" in told.err
    promoted_file(home, "pell").write_text('{"run": "gone", "which": "best"}')
    assert "gone@best was promoted for pell and is gone, so that newer@best answers" in roleplay("runs", "list").err


def test_a_shipped_adapter_that_is_promoted_is_told_by_list(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roleplay.models.find.shipped", lambda: tmp_path / "shipped")
    shutil.copytree(runs / "whole" / "adapter" / "last", tmp_path / "shipped" / "data" / "adapters" / "pell" / "last")
    assert roleplay("runs", "promote", "pell", "shipped@last").out == "shipped@last\n"
    assert roleplay("runs", "list", "pell").err == "shipped@last is promoted for pell\n"


@pytest.mark.parametrize("arguments", [[], ["whole", "--none"]])
def test_one_adapter_is_named_or_none(runs: Path, arguments: list[str]) -> None:
    assert "take the promotion back with --none" in refused(roleplay("runs", "promote", "pell", *arguments), 2)


def test_wrong_names_and_unfinished_runs_are_refused(runs: Path) -> None:
    assert "did you mean 'whole'?" in refused(roleplay("runs", "promote", "pell", "whale"), 1)
    assert "did you mean 'epoch-2'?" in refused(roleplay("runs", "promote", "pell", "whole@epoch-3"), 1)
    (runs / "newer" / "summary.json").unlink()
    assert "'roleplay train pell --resume --run newer'" in refused(roleplay("runs", "promote", "pell", "newer"), 1)


def test_a_character_without_adapters_is_answered_by_nobody(pell: Path) -> None:
    told = roleplay("runs", "promote", "pell", "--none")
    assert (told.status, told.out) == (0, "")
    assert told.err == "pell has no adapter yet; 'roleplay train pell' makes one\n"
    assert roleplay("runs", "promote", "pell", "--none", "--json").json["adapter"] is None

"""Nothing gets in: thousands of changed packs, and installs that end in the middle."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.packs.mutants import TABLES, cases_of

ROOT = Path(__file__).parents[2]


def lines(module: str, *arguments: object) -> list[dict[str, Any]]:
    """What a module of these tests prints in a process of its own, where every warning is an error."""
    command = [sys.executable, "-W", "error", "-B", "-m", f"tests.packs.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def attacked(pack: Path, tmp_path: Path, count: int) -> list[dict[str, Any]]:
    folder = tmp_path / "attack"
    folder.mkdir()
    return lines("attack", pack, folder, 0, count)


def hold_promises(outcomes: list[dict[str, Any]]) -> None:
    """No traceback, hang, file outside or control character; nothing left; 500 MB and 10 s at most."""
    *each, end = outcomes
    assert each
    broken = [outcome for outcome in each if outcome["breaches"]]
    assert not broken, broken[:3]
    slowest = max(each, key=lambda outcome: outcome["seconds"])
    assert slowest["seconds"] < 10, slowest
    assert end["peak"] < 500e6
    told = Counter(outcome["status"] for outcome in each)
    print(f"{len(each)} commands: {told}, peak {end['peak'] / 1e6:.0f} MB, longest {slowest['seconds']:.2f} s")


def hit(outcomes: list[dict[str, Any]]) -> Counter[tuple[str, int]]:
    """How often each way to change a pack was tried alone, each time refused for what it is or installed as it may."""
    found = Counter[tuple[str, int]]()
    for outcome in outcomes[:-1]:
        (table, row), *more = cases_of(outcome["number"])
        if outcome["command"] != "install" or more:
            continue
        case, said = TABLES[table][row], outcome["said"]
        as_meant = case.may_pass or not case.told if outcome["status"] == 0 else re.search(case.told or "$^", said)
        assert as_meant, f"{outcome['number']}, row {row} of '{table}', is {outcome['status']} with {said!r}"
        found[table, row] += 1
    return found


def test_two_hundred_mutants_do_no_harm_and_each_meets_what_it_is_meant_for(pack: Path, tmp_path: Path) -> None:
    outcomes = attacked(pack, tmp_path, 200)
    hold_promises(outcomes)
    assert {table for table, _ in hit(outcomes)} == set(TABLES)


@pytest.mark.soak
def test_ten_thousand_mutants_do_no_harm_and_every_way_is_tried_alone(pack: Path, tmp_path: Path) -> None:
    outcomes = attacked(pack, tmp_path, 10_000)
    hold_promises(outcomes)
    assert set(hit(outcomes)) == {(table, row) for table, rows in TABLES.items() for row in range(len(rows))}


def never_half(count: int, pack: Path, tmp_path: Path) -> None:
    whole, *each = lines("interrupted", pack, tmp_path, count)
    assert (whole["status"], whole["versions"]) == (0, 2)
    assert len(each) == count
    for one in each:
        assert one["status"] in ((-9,) if one["signal"] == "SIGKILL" else (130,)), one
        assert (one["odd"], one["again"], one["left"], one["used"]) == ([], 0, [], True), one


def test_an_install_that_ends_anywhere_leaves_no_half_and_the_next_one_clears_up(pack: Path, tmp_path: Path) -> None:
    never_half(20, pack, tmp_path)


@pytest.mark.soak
def test_two_hundred_installs_that_end_anywhere_leave_no_half(pack: Path, tmp_path: Path) -> None:
    never_half(200, pack, tmp_path)

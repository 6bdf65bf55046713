"""Rows are kept one by one, the last of a key counts, and machines are kept apart."""

from pathlib import Path

import pytest

from tests.bench.gpu.results import Results, read_results

ONE = {"gpu": "one", "date": "2026-01-01"}


def test_the_last_row_of_a_key_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "rows" / "part-cuda.jsonl"
    results = Results(path, ONE, ("base", "prefix"))
    results.add({"base": "a", "prefix": 64, "speed": 1.0})
    results.add({"base": "a", "prefix": 200, "speed": 2.0})
    again = Results(path, ONE | {"date": "2026-01-02"}, ("base", "prefix"))
    again.add({"base": "a", "prefix": 64, "speed": 3.0})
    assert [row["speed"] for row in again.rows()] == [3.0, 2.0]
    assert [m.hardware["date"] for m in read_results(path)] == ["2026-01-02"]


def test_rows_of_another_machine_replace_nothing(tmp_path: Path) -> None:
    path = tmp_path / "part-cuda.jsonl"
    Results(path, ONE, ("base",)).add({"base": "a", "speed": 1.0})
    other = Results(path, {"gpu": "other", "date": ""}, ("base",))
    other.add({"base": "a", "speed": 9.0})
    assert [row["speed"] for row in other.rows()] == [9.0]
    assert [[row["speed"] for row in m.rows] for m in read_results(path)] == [[1.0], [9.0]]


def test_a_line_that_a_kill_cut_off_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "part-cuda.jsonl"
    results = Results(path, ONE, ("base",))
    results.add({"base": "a", "speed": 1.0})
    with path.open("a", encoding="utf-8") as file:
        file.write('{"base": "b", "spe')
    Results(path, ONE, ("base",)).add({"base": "c", "speed": 3.0})
    assert [row["base"] for row in results.rows()] == ["a", "c"]


def test_a_row_without_a_column_of_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks its columns prefix"):
        Results(tmp_path / "x.jsonl", ONE, ("base", "prefix")).add({"base": "a"})

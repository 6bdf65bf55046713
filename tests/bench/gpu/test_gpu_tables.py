"""What was measured goes between the markers of the docs, and nothing else changes there."""

from pathlib import Path

from tests.bench.gpu.results import Results
from tests.bench.gpu.tables import PAGE, filled, markdown

HARDWARE = {
    "gpu": "Some GPU",
    "gpu_bytes": 80e9,
    "cuda": "13.0",
    "driver": "580.1",
    "processor": "Some CPU",
    "cores": 16,
    "python": "3.12",
    "versions": {"torch": "2.11.0"},
    "date": "2026-01-01",
}


def test_a_table_has_a_column_for_each_name_and_hides_what_begins_with_a_bar() -> None:
    rows = [{"base": "a|b", "n": 12345, "_raw": [1]}, {"base": "c", "x": 0.123456, "same": True}]
    assert markdown(rows) == [
        "| base | n | x | same |",
        "| --- | ---: | ---: | --- |",
        "| a/b | 12,345 | – | – |",
        "| c | – | 0.123 | yes |",
    ]


def test_rows_are_written_between_their_markers_and_again_in_their_place(tmp_path: Path) -> None:
    results = Results(tmp_path / "training-cuda.jsonl", HARDWARE, ("base",))
    results.add({"base": "first", "speed": 1.5})
    page = filled(PAGE.read_text(encoding="utf-8"), tmp_path)
    assert "| first | 1.5 |" in page
    assert "Some GPU (80 GB, driver 580.1, CUDA 13.0); Some CPU, 16 cores; Python 3.12, torch 2.11.0; 2026" in page
    assert "Share of rate:" in page
    results.add({"base": "first", "speed": 2.5})
    again = filled(page, tmp_path)
    assert again == page.replace("| first | 1.5 |", "| first | 2.5 |")


def test_a_part_without_rows_says_that_it_was_not_run(tmp_path: Path) -> None:
    Results(tmp_path / "exact-cuda.jsonl", HARDWARE, ("base",))
    Results(tmp_path / "exact-cpu.jsonl", HARDWARE, ("base",)).add({"base": "tried on a CPU"})
    page = filled("<!-- gpu:exact -->\nold\n<!-- /gpu:exact -->\nrest\n", tmp_path)
    assert page == "<!-- gpu:exact -->\nNot run yet.\n<!-- /gpu:exact -->\nrest\n"


def test_the_page_has_markers_for_every_part() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for part in ("training", "founding", "exact", "lanes"):
        assert page.index(f"<!-- gpu:{part} -->\n") < page.index(f"<!-- /gpu:{part} -->")

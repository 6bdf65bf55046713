"""Tables in Markdown from rows that were measured, printed or written into the docs."""

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from roleplay.paths import write_file
from tests.bench.gpu.device import Options
from tests.bench.gpu.results import Measured, Results, read_results

PAGE = Path(__file__).parents[3] / "docs" / "gpu.md"
_MARKED = re.compile(r"(<!-- gpu:(\w+) -->\n).*?(<!-- /gpu:\2 -->)", re.DOTALL)
_NONE = "–"


def run(options: Options) -> None:
    """Write what was measured on GPUs between the markers of docs/gpu.md."""
    text = filled(PAGE.read_text(encoding="utf-8"), options.folder)
    write_file(PAGE, text)
    print(f"wrote {PAGE.name}")


def filled(page: str, folder: Path) -> str:
    """`page` with a table of each part between its markers, from the files in `folder`."""

    def table(found: re.Match[str]) -> str:
        begin, part, end = found.groups()
        measured = [m for m in read_results(folder / f"{part}-cuda.jsonl") if m.rows]
        if not measured:
            return f"{begin}Not run yet.\n{end}"
        note = getattr(importlib.import_module(f"tests.bench.gpu.{part}"), "NOTE", "")
        lines = [line for one in measured for line in (told(one), "", *markdown(one.rows), "")]
        return begin + "\n".join([*lines, *([note, ""] if note else [])]) + end

    return _MARKED.sub(table, page)


def show(results: Results) -> None:
    """Print the rows that are known on this hardware."""
    measured = Measured(results.hardware, results.rows())
    print("\n".join([told(measured), "", *markdown(measured.rows), ""]), flush=True)


def told(measured: Measured) -> str:
    """Hardware and versions in one line."""
    found = measured.hardware
    parts = [f"{found['processor']}, {found['cores']} cores"]
    if "gpu" in found:
        driver = f", driver {found['driver']}" if "driver" in found else ""
        parts.insert(0, f"{found['gpu']} ({found['gpu_bytes'] / 1e9:.0f} GB{driver}, CUDA {found['cuda']})")
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return f"{'; '.join(parts)}; Python {found['python']}, {versions}; {found['date']}."


def markdown(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table with a column for each name that some row has, in the order in which they come up."""
    columns = list(dict.fromkeys(name for row in rows for name in row if not name.startswith("_")))
    numbers = [any(_is_number(row.get(name)) for row in rows) for name in columns]
    return [
        _line(columns),
        _line(["---:" if number else "---" for number in numbers]),
        *(_line([cell(row.get(name)) for name in columns]) for row in rows),
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def cell(value: Any) -> str:
    """A value as a cell shows it; numbers in three digits."""
    if value is None or value == "":
        return _NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if _is_number(value) else str(value)

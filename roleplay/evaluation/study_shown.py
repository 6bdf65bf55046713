"""A prefix study to look at: a table of a terminal, Markdown for documents, and a picture."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from roleplay.evaluation.measure_run import FEWER
from roleplay.evaluation.pictures import Pen
from roleplay.evaluation.report import Measure
from roleplay.evaluation.study import MEASURES, Study, StudyRow
from roleplay.evaluation.table import Part, spread, written
from roleplay.measures.interval import Interval
from roleplay.paths import write_file
from roleplay.text import one_line

_WORDS = {"base": "base alone", "never": "never", "half": "half the time", "always": "always"}
_ASKED = ("with", "without")
_HEADING, _QUIET, _BEST = "1", "2", "1;32"


def write_study(study: Study, folder: Path, command: str) -> None:
    """`study.json`, `study.md` and `study.png`; `command` is what made it. Raises StorageError."""
    draw_study(study, folder / "study.png")
    write_file(folder / "study.md", study_markdown(study, command))
    write_file(folder / "study.json", json.dumps(asdict(study), ensure_ascii=False, indent=2) + "\n")


def study_table(study: Study) -> list[list[Part]]:
    """A block a measure: how it was trained, then the figures asked with and without the prefix, best ones starred."""
    lines: list[list[Part]] = [[(f"{one_line(study.display_name, 20)} ({study.character})", _HEADING)]]
    lines[0].append((f"  {_made(study)}", _QUIET))
    for name in study.measures:
        cells = {(row.trained, asked): _cell(study, name, row, asked) for row in study.rows for asked in _ASKED}
        width = max(len(cell) for cell, _ in cells.values())
        heads = "".join(f"  {head:<{width}}" for head in ("asked with", "asked without"))
        lines += [[], [(MEASURES[name], _HEADING)], [(f"{'trained with the prefix':<23}{heads}", _QUIET)]]
        for row in study.rows:
            line: list[Part] = [(f"{_WORDS[row.trained]:<23}", "")]
            line += [(f"  {cell:<{width}}", style) for cell, style in (cells[row.trained, a] for a in _ASKED)]
            lines.append(line)
    return [*lines, [], [(_sentence(study), "")]]


def study_markdown(study: Study, command: str) -> str:
    """The table with its picture and the command that made it."""
    heads = [f"{MEASURES[name]}, asked {asked}" for name in study.measures for asked in _ASKED]
    rows = [["trained with the prefix", *heads], ["---"] * (len(heads) + 1)]
    for row in study.rows:
        cells = [_cell(study, name, row, asked)[0].replace("  ", " ") for name in study.measures for asked in _ASKED]
        rows.append([_WORDS[row.trained], *cells])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    name = one_line(study.display_name, 40)
    about = f"{name}: {_made(study)}. Made by `{command}`. In brackets: 95 % intervals over dialogues."
    return f"{about}\n\n{table}\n\n{_sentence(study)}\n\n![{name}: {finding(study)}](study.png)\n"


def draw_study(study: Study, path: Path) -> None:
    """Write a PNG: a panel a measure, in it the base and the three trainings, each without and with the prefix."""
    pen = Pen(11, 3.8)
    panels = pen.figure.subplots(1, len(study.measures), squeeze=False)[0]
    for axes, name in zip(panels, study.measures, strict=True):
        lanes = {
            row.trained + ("+prefix" if asked == "with" else ""): _asked(row, asked)[name]
            for row in study.rows
            for asked in _ASKED
        }
        measure = Measure(name, "style", MEASURES[name], "lower" if name in FEWER else "higher", lanes, _scale(name))
        pen.bars(axes, measure, list(lanes))
    caption = "trained never, half the time or always with the prefix; dark: asked with it, light: asked without"
    pen.write(path, f"{study.character}: {finding(study)}", f"{caption}; whiskers are 95 % intervals")


def finding(study: Study) -> str:
    """Which training is best when asked with the prefix, and when asked without, as far as intervals tell."""
    return f"asked with the prefix, {_best(study, 'with')}; without, {_best(study, 'without')}"


def _best(study: Study, asked: str) -> str:
    """The best training by the first measure, with those that intervals do not tell from it."""
    name = study.measures[0]
    found = {row.trained: _asked(row, asked)[name] for row in study.rows if row.run}
    first = found[_first({trained: one.value for trained, one in found.items()}, name)]
    alike = [trained for trained, one in found.items() if not one.apart_from(first)]
    return "none is clearly best" if len(alike) == len(found) else f"best trained {' or '.join(alike)}"


def _first(values: Mapping[str, float], name: str) -> str:
    """The key of the best value of a measure."""
    return (min if name in FEWER else max)(values, key=lambda key: values[key])


def _asked(row: StudyRow, asked: str) -> dict[str, Interval]:
    return row.asked_with if asked == "with" else row.asked_without


def _cell(study: Study, name: str, row: StudyRow, asked: str) -> Part:
    """`3.10* (2.98 to 3.22)`: a star where no other row is better when asked so."""
    values = {other.trained: _asked(other, asked)[name].value for other in study.rows}
    figures = {trained: written(value, _scale(name)) for trained, value in values.items()}
    mine, best = figures[row.trained], figures[_first(values, name)]
    star = "*" if mine == best and len(set(figures.values())) > 1 else " "
    around = spread(_asked(row, asked)[name], _scale(name)) or mine
    return f"{mine}{star} ({around})", _BEST if star == "*" else ""


def _scale(name: str) -> Literal["number", "percent"]:
    return "percent" if name == "style" else "number"


def _made(study: Study) -> str:
    return f"preset {study.preset}, {study.epochs:g} epochs on {one_line(study.base, 20)}"


def _sentence(study: Study) -> str:
    told = finding(study)
    return f"{told[0].upper()}{told[1:]}."

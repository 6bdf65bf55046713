"""A report as one HTML file that needs neither network nor scripts."""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from roleplay.evaluation.report import SECTIONS, Measure, Report, Sample
from roleplay.evaluation.table import best_lanes, references, spread, written
from roleplay.paths import write_file
from roleplay.text import clean

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PARTS = {
    "heldout": "Held-out turn",
    "trained": "Trained turn",
    "identity": "About itself",
    "out_of_world": "Out of its world",
    "with_knowledge": "About its books, with passages",
    "without_knowledge": "About its books, without",
    "general": "General knowledge",
}


def write_page(report: Report, path: Path, pictures: Mapping[str, Path]) -> None:
    """Write it, whole or not at all. Raises StorageError.

    Of the PNGs in `pictures`, by name, those named as a section stand in it and the others above all sections; those
    whose file is missing are left out. Texts of the report are hostile: none becomes markup.
    """
    images = {name: _picture(name, file) for name, file in pictures.items() if file.is_file()}
    above = "".join(image for name, image in images.items() if name not in SECTIONS)
    sections = "".join(
        f"<section><h2>{_safe(heading)}</h2>{images.get(section, '')}{_table(report, measures)}</section>"
        for section, heading in SECTIONS.items()
        if (measures := [measure for measure in report.measures if measure.section == section])
    )
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_safe(report.display_name)}: evaluation</title>
<style>{style}</style></head><body>
{_head(report)}{_findings(report)}{above}{sections}{_samples(report)}{_facts(report)}
</body></html>
"""
    write_file(path, page)


def _safe(text: str) -> str:
    """Text that is neither markup nor an end of an attribute, and steers nothing."""
    return escape(clean(text), quote=True)


def _head(report: Report) -> str:
    return f"""<header><h1 lang="{_safe(report.language)}">{_safe(report.display_name)}</h1>
<p>Adapter <b>{_safe(report.adapter)}</b> of {_safe(report.character)} on <b>{_safe(report.base)}</b>,
measured in {_duration(report.seconds)}.</p>
<p class="quiet">Lanes: <b>persona</b> answers with the adapter, <b>base</b> without it; <b>+prefix</b> also sends the
active prefixes. Below each figure is its 95 % bootstrap interval; the best lane is tinted.</p></header>
"""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _findings(report: Report) -> str:
    items = (f'<li class="{one.level}"><b>{one.level.title()}</b>{_safe(one.text)}</li>\n' for one in report.findings)
    return f'<ul class="findings">{"".join(items)}</ul>' if report.findings else ""


def _picture(name: str, file: Path) -> str:
    data = base64.b64encode(file.read_bytes()).decode()
    return f'<figure><img alt="Picture of {_safe(name)}" src="data:image/png;base64,{data}"></figure>\n'


def _table(report: Report, measures: Sequence[Measure]) -> str:
    """Measures by lanes, and in a last column what they are held against; columns stand alike in all sections."""
    last = any(measure.references for measure in report.measures)
    named = any(measure.references for measure in measures)
    heads = "".join(f'<th scope="col">{_safe(lane)}</th>' for lane in report.lanes)
    against = '<th scope="col">held against</th>' if named else "<td></td>" if last else ""
    rows = "".join(_row(report, measure, last) for measure in measures)
    return f"""<div class="wide"><table><thead><tr><th scope="col">measure</th>{heads}{against}</tr></thead>
<tbody>{rows}</tbody></table></div>
"""


def _row(report: Report, measure: Measure, last: bool) -> str:
    way = "" if measure.better == "neither" else f"{measure.better} is better"
    told = "".join(f"<small>{_safe(text)}</small>" for text in (measure.note, way) if text)
    best = best_lanes(measure)
    cells = "".join(_cell(measure, lane, lane in best) for lane in report.lanes)
    against = f"<td>{''.join(f'<small>{_safe(text)}</small>' for text in references(measure))}</td>" if last else ""
    return f'<tr><th scope="row">{_safe(measure.title)}{told}</th>{cells}{against}</tr>\n'


def _cell(measure: Measure, lane: str, best: bool) -> str:
    if lane not in measure.lanes:
        return '<td class="quiet">–</td>'
    interval = measure.lanes[lane]
    around = spread(interval, measure.scale)
    figure = written(interval.value, measure.scale) + (f"<small>{around}</small>" if around else "")
    return f'<td class="best">{figure}</td>' if best else f"<td>{figure}</td>"


def _samples(report: Report) -> str:
    if not report.samples:
        return ""
    return "<section><h2>Replies to read</h2>" + "".join(_sample(report, one) for one in report.samples) + "</section>"


def _sample(report: Report, sample: Sample) -> str:
    language = _safe(report.language)
    lanes = [*report.lanes, *(lane for lane in sample.replies if lane not in report.lanes)]
    replies = "".join(
        f'<div><small>{_safe(lane)}</small><p class="said" lang="{language}">{_safe(sample.replies[lane])}</p></div>\n'
        for lane in lanes
        if lane in sample.replies
    )
    source = "A book says" if sample.part in ("with_knowledge", "without_knowledge") else "The corpus says"
    reference = (
        f'<small>{source}</small><p class="said" lang="{language}">{_safe(sample.reference)}</p>'
        if sample.reference
        else ""
    )
    return f"""<article class="sample"><small>{_safe(_PARTS.get(sample.part, sample.part))}</small>
<p class="said" lang="{language}"><b>{_safe(sample.prompt)}</b></p>{reference}
<div class="lanes">{replies}</div></article>
"""


def _facts(report: Report) -> str:
    """What was counted, what decided the figures, what computed them."""
    named = (("Counts", report.counts), ("Settings", report.settings), ("Versions", report.versions))
    return (
        '<section><h2>How it was measured</h2><div class="facts">'
        + "".join(
            f"<div><h3>{title}</h3><dl>{''.join(_fact(key, value) for key, value in facts.items())}</dl></div>\n"
            for title, facts in named
        )
        + "</div></section>"
    )


def _fact(key: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"<dt>{_safe(key)}</dt><dd>{_safe(text)}</dd>"

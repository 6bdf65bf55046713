"""A comparison as one HTML file that needs neither network nor scripts."""

import base64
import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import roleplay.evaluation.page as evaluation_page
from roleplay.evaluation.against.comparison import HEADINGS, Comparison, Figure, SideBySide
from roleplay.evaluation.against.table import around, signed, verdict
from roleplay.evaluation.table import spread
from roleplay.paths import write_file
from roleplay.text import clean

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def write_comparison_page(found: Comparison, path: Path, picture: Path) -> None:
    """Write it with the PNG `picture`, where that is there; whole or not at all. Raises StorageError.

    Texts of the comparison are hostile: none becomes markup.
    """
    style = Path(evaluation_page.__file__).with_name("page.css").read_text(encoding="utf-8")
    image = ""
    if picture.is_file():
        data = base64.b64encode(picture.read_bytes()).decode()
        image = f'<figure><img alt="Differences with intervals" src="data:image/png;base64,{data}"></figure>\n'
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_safe(found.display_name)}: before and after</title>
<style>{style}</style></head><body>
{_head(found)}{_findings(found)}{image}{"".join(_sections(found))}{_samples(found)}{_facts(found)}
</body></html>
"""
    write_file(path, page)


def _safe(text: str) -> str:
    """Text that is neither markup nor an end of an attribute, and steers nothing."""
    return escape(clean(text), quote=True)


def _head(found: Comparison) -> str:
    return f"""<header><h1 lang="{_safe(found.language)}">{_safe(found.display_name)}</h1>
<p>Adapter <b>{_safe(found.after)}</b> of {_safe(found.character)} against <b>{_safe(found.before)}</b>
on <b>{_safe(found.base)}</b>.</p>
<p class="quiet">Both were asked the same. In brackets are 95 % bootstrap intervals; that of a difference is computed
prompt by prompt, and one that holds 0 may be chance. A difference for the better beyond chance is tinted.</p></header>
"""


def _findings(found: Comparison) -> str:
    items = (f'<li class="{one.level}"><b>{one.level.title()}</b>{_safe(one.text)}</li>\n' for one in found.findings)
    return f'<ul class="findings">{"".join(items)}</ul>' if found.findings else ""


def _sections(found: Comparison) -> Iterator[str]:
    for section, heading in HEADINGS:
        rows = "".join(_row(figure) for figure in found.figures if figure.section == section)
        if rows:
            heads = "".join(f'<th scope="col">{head}</th>' for head in ("figure", "before", "after", "difference"))
            table = f"<table><thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table>"
            yield f'<section><h2>{_safe(heading)}</h2><div class="wide">{table}</div></section>\n'


def _row(figure: Figure) -> str:
    way = "" if figure.better == "neither" else f"{figure.better} is better"
    told = "".join(f"<small>{_safe(text)}</small>" for text in (figure.note, way, f"lane {figure.lane}") if text)
    change, ends = "–", ""
    if figure.difference is not None:
        change, ends = signed(figure.difference.value, figure.scale), spread(figure.difference, figure.scale)
    cell = f"{change}<small>{ends} {verdict(figure)}</small>"
    tinted = f'<td class="best">{cell}</td>' if verdict(figure) == "better" else f"<td>{cell}</td>"
    both = "".join(f"<td>{around(one, figure.scale)}</td>" for one in (figure.before, figure.after))
    return f'<tr><th scope="row">{_safe(figure.title)}{told}</th>{both}{tinted}</tr>\n'


def _samples(found: Comparison) -> str:
    if not found.samples:
        return ""
    return "<section><h2>Replies to read</h2>" + "".join(_sample(found, one) for one in found.samples) + "</section>"


def _sample(found: Comparison, sample: SideBySide) -> str:
    language = _safe(found.language)
    replies = "".join(
        f'<div><small>{side}</small><p class="said" lang="{language}">{_safe(text)}</p></div>\n'
        for side, text in (("before", sample.before), ("after", sample.after))
    )
    return f"""<article class="sample"><small>{_safe(sample.part.replace("_", " "))}</small>
<p class="said" lang="{language}"><b>{_safe(sample.prompt)}</b></p>
<div class="lanes">{replies}</div></article>
"""


def _facts(found: Comparison) -> str:
    named: tuple[tuple[str, Mapping[str, Any]], ...] = (("Counts", found.counts), ("Settings", found.settings))
    parts = "".join(
        f"<div><h3>{title}</h3><dl>{''.join(_fact(key, value) for key, value in facts.items())}</dl></div>\n"
        for title, facts in named
    )
    return f'<section><h2>How it was compared</h2><div class="facts">{parts}</div></section>'


def _fact(key: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"<dt>{_safe(key)}</dt><dd>{_safe(text)}</dd>"

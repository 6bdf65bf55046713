"""A report as one HTML file."""

import base64
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from roleplay.evaluation.page import write_page
from roleplay.evaluation.report import Finding, Measure, Report, Sample
from roleplay.text import clean
from tests.evaluation.reports import MEASURES, around, invented

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)' x=\"",
    "</title></style></p></td></table><h1>taken over</h1>",
    "]]><!-- --> <![CDATA[ <?php ?> <!doctype x>",
    "&lt;b&gt; &amp; &#60;i&#62; &nbsp;",
    "\x1b[2J\x1b]0;title\x07\x00\x9b31m\x7f",
    "\u202egnp.exe\u202c \u2066left\u2069 \u200f",
    "javascript:alert(1)//url(http://example.org)",
    "長" * 20_000,
]


class Parsed(HTMLParser):
    """Elements with their attributes, texts by the element they stand in, and table rows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.others: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.elements[-1][0], data.strip()))

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    handle_pi = unknown_decl = handle_comment

    def shape(self) -> list[tuple[str, tuple[str, ...], str | None]]:
        return [(tag, tuple(attributes), attributes.get("class")) for tag, attributes in self.elements]


def page_of(report: Report, tmp_path: Path, **pictures: Path) -> str:
    path = tmp_path / "report.html"
    write_page(report, path, pictures)
    return path.read_text(encoding="utf-8")


def filled_with(text: str) -> Report:
    """A report with `text` wherever a card, a model or a person can put one."""
    measure = Measure("style", "style", text, "higher", {text: around(0.5)}, "number", {text: 0.1}, text)
    return invented(
        character=text,
        display_name=text,
        language=text,
        adapter=text,
        base=text,
        lanes=(text,),
        counts={text: 1},
        settings={text: text, "nested": [text]},
        measures=(measure,),
        samples=(Sample(text, text, text, {text: text, "other": text}),),
        findings=(Finding("note", text),),
        versions={text: text},
    )


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload[:16]))
def test_no_text_becomes_an_element_or_an_attribute(payload: str, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"png")
    report = filled_with(payload)
    path = tmp_path / "report.html"
    write_page(report, path, {payload: picture})
    hostile = Parsed(path.read_text(encoding="utf-8"))
    write_page(filled_with("x"), path, {"x": picture})
    harmless = Parsed(path.read_text(encoding="utf-8"))
    assert hostile.shape() == harmless.shape()
    assert hostile.others == harmless.others == []
    for (tag, attributes), (_, expected) in zip(hostile.elements, harmless.elements, strict=True):
        changed = {key for key in attributes if attributes[key] != expected[key]}
        assert changed <= {"lang", "alt"}, tag
    assert [text for _, text in hostile.texts].count(clean(payload).strip()) == [
        text for _, text in harmless.texts
    ].count("x")


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload[:16]))
def test_nothing_on_the_page_steers_or_reverses(payload: str, tmp_path: Path) -> None:
    page = page_of(filled_with(payload), tmp_path)
    assert clean(page) == page


def test_the_page_asks_nobody_for_anything(tmp_path: Path) -> None:
    picture = tmp_path / "lanes.png"
    picture.write_bytes(b"png")
    page = page_of(invented(), tmp_path, lanes=picture)
    elements = Parsed(page).elements
    policies = [attributes["content"] for tag, attributes in elements if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert not {tag for tag, _ in elements} & {"script", "link", "iframe", "object", "a", "form", "base"}
    sources = [value or "" for _, attributes in elements for key, value in attributes.items() if key in ("src", "href")]
    assert len(sources) == 1
    assert sources[0].startswith("data:image/png;base64,")
    assert "url(" not in page
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page


def test_a_picture_named_as_a_section_stands_in_it_and_others_above(tmp_path: Path) -> None:
    style, lanes = tmp_path / "s.png", tmp_path / "l.png"
    style.write_bytes(b"the style")
    lanes.write_bytes(b"the lanes")
    page = page_of(invented(), tmp_path, style=style, lanes=lanes, gone=tmp_path / "gone.png")
    places = [page.index(base64.b64encode(data).decode()) for data in (b"the lanes", b"the style")]
    headings = [page.index(f"<h2>{text}") for text in ("How likely", "Does it sound", "Manner")]
    assert places[0] < headings[0] < headings[1] < places[1] < headings[2]
    assert page.count("<img") == 2


def row_of(page: str, title: str) -> str:
    return next(row for row in page.split("<tr>")[1:] if title in row)


def test_a_figure_stands_over_its_interval_and_the_best_is_tinted(tmp_path: Path) -> None:
    row = row_of(page_of(invented(), tmp_path), "bits per character")
    assert '<td class="best">3.10<small>2.98 to 3.22</small></td><td>5.21<small>5.09 to 5.33</small></td>' in row
    assert row.count("best") == 1
    assert "lower is better" in row
    assert "How surprised the lane is" in row


def test_shares_are_per_cent_and_lanes_not_measured_are_dashes(tmp_path: Path) -> None:
    row = row_of(page_of(invented(), tmp_path), "general questions answered")
    assert row.count('<td class="quiet">–</td>') == 2
    assert '<td>26.7 %<small>21.7 to 31.7 %</small></td><td class="best">30.0 %<small>' in row


def test_references_stand_at_the_end_of_their_row(tmp_path: Path) -> None:
    page = page_of(invented(), tmp_path)
    assert "<td><small>floor 0.121</small><small>ceiling 0.883</small></td>" in row_of(page, "taken for")
    assert page.count("held against") == 2
    assert "held against" not in page_of(invented(measures=MEASURES[:2]), tmp_path)


def test_findings_come_first_and_how_it_was_measured_last(tmp_path: Path) -> None:
    page = page_of(invented(), tmp_path)
    marks = ["<h1", 'class="warning"', 'class="note"', 'class="good"', "How likely", "Replies to read"]
    marks += ["How it was measured", "heldout prompts", "max_new_tokens", "2.11.0"]
    places = [page.index(mark, page.index("<body")) for mark in marks]
    assert places == sorted(places)
    assert "measured in 2 min 15 s" in page
    assert "<dd>{&quot;copied&quot;: 0.1}</dd>" in page
    assert "<dd>2.11.0</dd>" in page


def test_replies_stand_lane_beside_lane(tmp_path: Path) -> None:
    parsed = Parsed(page_of(invented(), tmp_path))
    texts = [text for _, text in parsed.texts]
    start = texts.index("Held-out turn")
    assert texts[start : start + 8] == [
        "Held-out turn",
        "学长：今天的书还剩几页？",
        "The corpus says",
        "……还剩十二页。读完这一章，就去浇花。",
        "persona+prefix",
        "还有……九页。再三页就好，学长先坐。",
        "base+prefix",
        "我今天读了一本书，书里有很多有趣的故事。",
    ]
    assert texts.count("The corpus says") == 1
    assert ("p", {"class": "said", "lang": "zh"}) in parsed.elements


def test_what_there_is_none_of_has_no_heading(tmp_path: Path) -> None:
    page = page_of(invented(measures=(MEASURES[0],), samples=(), findings=()), tmp_path)
    assert page.count("<h2>") == 2
    assert "<ul" not in page


def test_an_older_page_stays_when_a_new_one_cannot_be_made(tmp_path: Path) -> None:
    before = page_of(invented(), tmp_path)
    broken = replace(invented(), settings={"it": object()})
    with pytest.raises(TypeError):
        write_page(broken, tmp_path / "report.html", {})
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before

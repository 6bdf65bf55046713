"""Pairs as LLaMA-Factory ranks them, and back: Alpaca rows, ShareGPT rows, and answers marked one by one (KTO).

    {"instruction": "…", "input": "", "chosen": "…", "rejected": "…", "system": "…", "history": [["…", "…"]]}
    {"conversations": [{"from": "human", "value": "…"}], "chosen": {"from": "gpt", "value": "…"}, "rejected": {…}}
    {"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}], "kto_tag": true}

Rows as its `AlpacaDatasetConverter` and `SharegptDatasetConverter` read them (`src/llamafactory/data/converter.py`).
What the character says first answers an empty question there.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from roleplay.corpora.forms import preference
from roleplay.corpora.forms.alpaca import Alpaca
from roleplay.corpora.forms.row import Drop, fields, items
from roleplay.corpora.forms.sharegpt import ShareGPT
from roleplay.corpora.pairs import Pair
from roleplay.corpora.read import values
from roleplay.corpora.report import Report
from roleplay.corpora.rows import Row, open_table
from roleplay.dialogue import Dialogue, Turn
from roleplay.dialogue import Pair as Answers
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown

Form = Literal["alpaca", "sharegpt", "kto"]
_MARK = "kto_tag"

REGISTRY: dict[Form, dict[str, Any]] = {
    "alpaca": {
        "formatting": "alpaca",
        "ranking": True,
        "columns": {
            "prompt": "instruction",
            "query": "input",
            "chosen": "chosen",
            "rejected": "rejected",
            "system": "system",
            "history": "history",
        },
    },
    "sharegpt": {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "system": "system", "chosen": "chosen", "rejected": "rejected"},
    },
    "kto": {
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "system": "system", "kto_tag": _MARK},
    },
}
"""What `dataset_info.json` says of a file of each form, but for its name."""


def ranking_lines(pairs: Iterable[Pair], form: Form) -> Iterator[str]:
    """JSON Lines, each with its newline: a row a pair, or for KTO one a reply."""
    for pair in pairs:
        for row in _rows(pair, form):
            yield json.dumps(row, ensure_ascii=False) + "\n"


def read_ranking(path: Path) -> tuple[list[Pair], Report]:
    """The pairs of a file of rankings of any known form, and what became of its rows.

    Marked answers make a pair where the same question has one of each kind. Raises FileFaults where no row makes one.
    """
    table = open_table(path)
    rows = list(table.rows())
    first = next((row.value for row in rows if isinstance(row.value, dict)), {})
    if _MARK in first:
        report = Report(shown(path), "marked answers", f"its rows have '{_MARK}'", table.encoding)
        pairs = list(_opposed(rows, report))
    else:
        report = Report(shown(path), "preference pairs", "that is asked for", table.encoding)
        make = Alpaca(ranking=True).make if "instruction" in first else preference.make
        found = values(rows, make, report, keep_system=True)
        pairs = [pair_of(value) for value in found if isinstance(value, Answers)]
    if not pairs:
        told = "; ".join(report.losses(always=True))
        raise FileFaults([Fault(report.file, None, "", f"holds no pair: {told}", "give rows of a known form")])
    return pairs, report


def pair_of(answers: Answers) -> Pair:
    """Two answers from a file as a pair: somebody preferred one to the other."""
    return Pair(answers.prompt, answers.chosen, answers.rejected, "prefer", source=answers.source)


def _opposed(rows: Sequence[Row], report: Report) -> Iterator[Pair]:
    """Every good answer to a question with every bad one to the same."""
    # By the question: good answers and bad ones, each with its row.
    asked: dict[tuple[Turn, ...], tuple[dict[str, Row], dict[str, Row]]] = {}
    for row in rows:
        report.rows += 1
        try:
            turns, good = _marked(row)
        except Drop as reason:
            report.drop(row.number, str(reason))
            continue
        answers = asked.setdefault(turns[:-1], ({}, {}))
        text = turns[-1].text
        if text in answers[good]:
            report.drop(row.number, "has an answer that is marked both ways")
        elif text in answers[not good]:
            report.drop(row.number, "says what another row says")
        else:
            answers[not good][text] = row
            report.kept += 1
    for turns, (better, worse) in asked.items():
        for row in (better | worse).values() if not (better and worse) else ():
            report.kept -= 1
            report.drop(row.number, "has no answer of the other kind to its question")
        yield from (Pair(turns, one, two, "prefer", source=better[one].source) for one in better for two in worse)


def _marked(row: Row) -> tuple[tuple[Turn, ...], bool]:
    """The conversation of a row, and whether its last answer is one to imitate. Raises Drop."""
    if row.problem:
        raise Drop(row.problem)
    cells = fields(row.value)
    good = cells.get(_MARK)
    if not isinstance(good, bool):
        raise Drop(f"has a '{_MARK}' that is neither true nor false")
    make = ShareGPT().make if items(cells.get("conversations")) else Alpaca().make
    value = make(cells, row.source).value
    turns = value.turns if isinstance(value, Dialogue) else ()
    if [turn.role for turn in turns[-2:]] != ["user", "assistant"]:
        raise Drop("has an empty question")
    return turns, good


def _rows(pair: Pair, form: Form) -> Iterator[dict[str, Any]]:
    system, said = _paired(pair.turns)
    *history, (question, _) = said
    if form == "alpaca":
        yield {
            "instruction": question,
            "input": "",
            "chosen": pair.chosen,
            "rejected": pair.rejected,
            "system": system,
            "history": [list(old) for old in history],
        }
        return
    messages = [_message(*said) for old in history for said in zip(("human", "gpt"), old, strict=True)]
    messages.append(_message("human", question))
    better, worse = (_message("gpt", text) for text in (pair.chosen, pair.rejected))
    if form == "sharegpt":
        yield {"conversations": messages, "system": system, "chosen": better, "rejected": worse}
        return
    for answer, good in ((better, True), (worse, False)):
        yield {"conversations": [*messages, answer], "system": system, _MARK: good}


def _message(who: str, text: str) -> dict[str, str]:
    return {"from": who, "value": text}


def _paired(turns: Sequence[Turn]) -> tuple[str, list[tuple[str, str]]]:
    """The system prompt, and questions with their answers; the last question has none yet."""
    system = turns[0].text if turns[0].role == "system" else ""
    texts = [turn.text for turn in turns if turn.role != "system"]
    opens = next(turn.role for turn in turns if turn.role != "system") == "assistant"
    texts = ["", *texts, ""] if opens else [*texts, ""]
    return system, list(zip(texts[::2], texts[1::2], strict=True))

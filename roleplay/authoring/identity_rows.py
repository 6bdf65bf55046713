"""Rows about who an assistant is, as LLaMA-Factory's `identity.json` has them, filled for a character."""

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from roleplay.authoring.identity import PLACEHOLDER, Facts, Identity, filled
from roleplay.errors import Fault, FileFaults, NotFound, UsageError
from roleplay.paths import shown
from roleplay.strictyaml import read_utf8
from roleplay.text import clean, did_you_mean, draw, one_line

_AUTHOR = "author"  # their word for the maker
_FORM = "give a JSON list of rows with 'instruction' and 'output'"


def from_rows(path: Path, known: Facts, seed: str, count: int | None = None) -> Identity:
    """`count` rows of such a file, else all, `{{name}}` and `{{author}}` filled.

    Rows that ask for a maker where none is told are left out. Raises FileFaults with every faulty row, UsageError
    where there are fewer, and NotFound where none is left.
    """
    values = {"name": known.name, _AUTHOR: known.maker}
    dialogues, faults, without = [], [], 0
    for number, row in enumerate(_rows(path), 1):
        problems = _row_faults(shown(path), number, row, list(values))
        faults += problems
        if problems:
            continue
        question = "\n".join(filter(None, [row["instruction"].strip(), (row.get("input") or "").strip()]))
        answer = row["output"]
        if not known.maker and _AUTHOR in PLACEHOLDER.findall(f"{question}\n{answer}"):
            without += 1
        else:
            dialogues.append(filled(question, answer, values, f"{shown(path)}: row {number}"))
    if faults:
        raise FileFaults(faults)
    if not dialogues:
        raise NotFound(f"{shown(path)} has no row that can be filled; give --maker, or a file with rows")
    if count is not None and count > len(dialogues):
        raise UsageError(f"--count {count}: {shown(path)} has {len(dialogues)} rows that can be filled")
    if count is not None:
        dialogues = sorted(dialogues, key=lambda dialogue: draw(seed, dialogue.identity))[:count]
    return Identity(tuple(dialogues), ("maker",) if without else (), without)


def _rows(path: Path) -> list[Any]:
    try:
        rows = json.loads(read_utf8(path))
    except RecursionError as error:
        raise FileFaults([Fault(shown(path), None, "", "is nested too deeply", "flatten it")]) from error
    except ValueError as error:  # of JSON, or a number of thousands of digits
        line, problem = getattr(error, "lineno", None), getattr(error, "msg", "it holds an endless number")
        raise FileFaults([Fault(shown(path), line, "", f"is not valid JSON: {problem}", _FORM)]) from error
    if not isinstance(rows, list):
        raise FileFaults([Fault(shown(path), None, "", "is not a list of rows", _FORM)])
    return rows


def _row_faults(file: str, number: int, row: Any, known: Sequence[str]) -> list[Fault]:
    def fault(problem: str, remedy: str) -> Fault:
        return Fault(file, None, f"row {number}", problem, remedy)

    if not isinstance(row, dict):
        return [fault(f"is no object (seen: {one_line(str(row))})", _FORM)]
    faults = [
        fault(f"has no text as '{key}' (seen: {one_line(repr(row.get(key)))})", "write the text, or leave the row out")
        for key in ("instruction", "output")
        if not isinstance(row.get(key), str) or not clean(row[key]).strip()
    ]
    if not isinstance(row.get("input") or "", str):
        faults.append(fault(f"has no text as 'input' (seen: {one_line(repr(row['input']))})", "leave it empty"))
    texts = [text for key in ("instruction", "input", "output") if isinstance(text := row.get(key), str)]
    words = dict.fromkeys(chain.from_iterable(PLACEHOLDER.findall(text) for text in texts))
    return faults + [
        fault(f"holds the placeholder '{{{{{one_line(word)}}}}}'", did_you_mean(word, known))
        for word in words
        if word not in known
    ]

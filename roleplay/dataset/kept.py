"""The dialogues of a corpus as JSON Lines, so that a later run can replay what this one was trained on.

    {"corpus": "mimi/talk.yaml", "kind": "dialogue", "weight": 1.0, "turns": [{"user": "Hi."}, {"char": "Hello."}]}

`turns` is an entry of the native format.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roleplay.corpora.jsonl import read_lines
from roleplay.corpora.native import entry_turns, lines_of
from roleplay.corpora.write import entry
from roleplay.dataset.build import Extra
from roleplay.dataset.corpus import Corpus
from roleplay.dialogue import Dialogue
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.text import one_line

_REMEDY = "take the file from its run as it was written"


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    corpus: str
    kind: Literal["desc", "dialogue", "general"]
    weight: Annotated[float, Field(gt=0, le=100)]
    turns: list[Any]


def dump_dialogues(corpus: Corpus) -> str:
    """Every dialogue of every corpus, those that are held out, dropped or replayed included, one a line."""
    lines: list[str] = []
    for part in corpus.corpora:
        about = {"corpus": part.path, "kind": part.kind, "weight": part.weight}
        lines += [json.dumps(about | {"turns": entry(talk)}, ensure_ascii=False) + "\n" for talk in part.entries]
    return "".join(lines)


def load_dialogues(path: Path) -> list[Extra]:
    """What `dump_dialogues` wrote, corpus by corpus. Raises FileFaults with all faults of the file."""
    faults: list[Fault] = []
    found: dict[tuple[str, str, float], list[Dialogue]] = {}
    for number, value in read_lines(path, faults):
        try:
            line = _Line.model_validate(value)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg'].lower()}".strip() for e in error.errors())
            faults.append(Fault(shown(path), number, "", f"is no kept dialogue: {one_line(problems, 200)}", _REMEDY))
            continue
        wrong, turns = entry_turns(
            shown(path), number, line.turns, lines_of(line.turns, number), line.kind == "general"
        )
        faults += wrong
        dialogue = Dialogue(tuple(turns), f"{shown(path)}:{number}")
        found.setdefault((line.corpus, line.kind, line.weight), []).append(dialogue)
    if faults:
        raise FileFaults(sorted(faults, key=lambda fault: fault.line or 0))
    if not found:
        raise FileFaults([Fault(shown(path), None, "", "holds no dialogue", _REMEDY)])
    return [Extra(label, kind, weight, tuple(dialogues)) for (label, kind, weight), dialogues in found.items()]

"""The prompts of a file: a line each, or with references as JSON Lines or YAML."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from roleplay.corpora.jsonl import read_lines
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.strictyaml import parse, read_utf8
from roleplay.text import clean, one_line


class _Row(BaseModel):
    """One entry as people write it."""

    model_config = ConfigDict(extra="forbid")

    prompt: str
    """What is asked."""
    reference: str = ""
    """What a good answer says; empty for none."""


@dataclass(frozen=True)
class Asked:
    """One prompt."""

    prompt: str
    """What is asked."""
    reference: str
    """What a reply is held against; empty for nothing."""


def read_prompts(path: Path) -> list[Asked]:
    """`.yaml` and `.jsonl` files hold texts or `{prompt: …, reference: …}`; in any other file each line is a prompt.

    Raises FileFaults with every fault of the file.
    """
    faults: list[Fault] = []
    if path.suffix in (".yaml", ".yml"):
        document = parse(path, typed=False)
        entries: Sequence[Any] = document.value if isinstance(document.value, list) else []
        rows = [(document.line((i,)) or 1, entry) for i, entry in enumerate(entries)]
    elif path.suffix == ".jsonl":
        rows = read_lines(path, faults)
    else:
        rows = [(number, line) for number, line in enumerate(read_utf8(path).splitlines(), 1) if line.strip()]
    found = [_asked(path, number, value, faults) for number, value in rows]
    if not found and not faults:
        faults.append(Fault(shown(path), None, "", "holds no prompt", "write one a line"))
    if faults:
        raise FileFaults(faults)
    return [asked for asked in found if asked is not None]


def _asked(path: Path, number: int, value: Any, faults: list[Fault]) -> Asked | None:
    try:
        row = _Row.model_validate({"prompt": value} if isinstance(value, str) else value)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        remedy = "write a text, or {prompt: …, reference: …}"
        faults.append(Fault(shown(path), number, "", f"is no prompt: {one_line(told)}", remedy))
        return None
    if not clean(row.prompt).strip():
        faults.append(Fault(shown(path), number, "prompt", "is empty", "write what is asked"))
        return None
    return Asked(clean(row.prompt).strip(), clean(row.reference).strip())

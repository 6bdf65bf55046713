"""The native corpus format, comfortable to write by hand.

    # one entry, one dialogue; `user` is the person, `char` the character
    - - user: 在看什么？
      - char: 绘本……讲鼹鼠的。

    - - char: 学长，等一下。
      - user: 怎么了？
      - char: 袖口的扣子松了。

In JSON Lines an entry is one line: `[{"user": "在看什么？"}, {"char": "绘本……讲鼹鼠的。"}]`. A `general` corpus may
begin an entry with `system`.
"""

from pathlib import Path
from typing import Any

from roleplay.corpora.jsonl import read_lines
from roleplay.dialogue import Dialogue, Role, Turn
from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.strictyaml import parse
from roleplay.text import clean, did_you_mean, one_line

ROLES: dict[str, Role] = {"system": "system", "user": "user", "char": "assistant"}
_FORMAT = "an entry is a list of turns such as '- user: …' and '- char: …'"


def read_native(path: Path, *, allow_system: bool = False) -> list[Dialogue]:
    """Every dialogue of a `.yaml` or `.jsonl` file. Raises FileFaults with all faults of the file."""
    faults: list[Fault] = []
    if path.suffix == ".jsonl":
        entries = _jsonl_entries(path, faults)
    elif path.suffix in (".yaml", ".yml"):
        entries = _yaml_entries(path)
    else:
        remedy = "use .yaml or .jsonl"
        raise FileFaults([Fault(shown(path), None, "", f"has the ending '{path.suffix}'", remedy)])
    dialogues: list[Dialogue] = []
    for number, (entry, lines) in enumerate(entries, 1):
        found, turns = entry_turns(shown(path), number, entry, lines, allow_system)
        faults += found
        if not found:
            dialogues.append(Dialogue(tuple(turns), f"{shown(path)}:{lines[0]}"))
    if faults:
        raise FileFaults(sorted(faults, key=lambda fault: fault.line or 0))
    if not dialogues:
        raise FileFaults([Fault(shown(path), None, "", "holds no dialogue", _FORMAT)])
    return dialogues


# An entry with the lines of itself and of its turns.
Entry = tuple[Any, list[int]]


def _yaml_entries(path: Path) -> list[Entry]:
    document = parse(path, typed=False)
    if document.value is None or document.value == "":
        return []
    if not isinstance(document.value, list):
        raise FileFaults([Fault(document.file, 1, "", "is not a list of dialogues", _FORMAT)])
    entries: list[Entry] = []
    for i, entry in enumerate(document.value):
        turns = range(len(entry)) if isinstance(entry, list) else range(0)
        entries.append((entry, [document.line((i,)) or 1, *(document.line((i, j)) or 1 for j in turns)]))
    return entries


def _jsonl_entries(path: Path, faults: list[Fault]) -> list[Entry]:
    return [(entry, lines_of(entry, number)) for number, entry in read_lines(path, faults)]


def lines_of(entry: Any, line: int) -> list[int]:
    """Lines of an entry and of its turns, where all of it is on one line."""
    return [line] * (1 + (len(entry) if isinstance(entry, list) else 0))


def entry_turns(
    file: str, number: int, entry: Any, lines: list[int], allow_system: bool
) -> tuple[list[Fault], list[Turn]]:
    """Faults and turns of one entry, the `number`th of its file; `lines` are those of itself and of its turns."""
    faults: list[Fault] = []
    turns: list[Turn] = []

    def fault(line: int, problem: str, remedy: str) -> None:
        faults.append(Fault(file, line, f"dialogue {number}", problem, remedy))

    if not isinstance(entry, list):
        fault(lines[0], f"is not a list (seen: {one_line(str(entry))})", _FORMAT)
        return faults, turns
    for i, turn in enumerate(entry):
        line = lines[i + 1]
        if not isinstance(turn, dict) or len(turn) != 1:
            fault(line, f"has a turn that is not one key and its text (seen: {one_line(str(turn))})", _FORMAT)
            continue
        (key, text), *_ = turn.items()
        role = ROLES.get(key)
        if role is None:
            fault(line, f"has a turn by '{one_line(str(key))}'", did_you_mean(str(key), ROLES))
        elif not isinstance(text, str) or not clean(text).strip():
            fault(
                line, f"has a turn without text (seen: {one_line(repr(text))})", "write what is said, or leave it out"
            )
        elif role == "system" and not (allow_system and i == 0):
            remedy = "a character's system prompt comes from its prefixes; only 'kind: general' may begin with one"
            fault(line, "has a system turn", remedy)
        elif turns and turns[-1].role == role:
            fault(line, f"has two '{key}' turns in a row", "join them, or write the turn between them")
        else:
            turns.append(Turn(role, clean(text).strip()))
    if not faults and not any(turn.role == "assistant" for turn in turns):
        fault(lines[0], "has no answer", "add a 'char' turn")
    return faults, turns

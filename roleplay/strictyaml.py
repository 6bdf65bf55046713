"""YAML as people write it by hand: line numbers kept, aliases and duplicate keys refused, YAML 1.2 scalars.

`on`, `off`, `yes`, `no` and dates stay text (YAML 1.1 would change them), and `5e-5` is a number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from roleplay.errors import Fault, FileFaults
from roleplay.paths import shown
from roleplay.text import one_line

Key = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None, "": None}
_DEEPEST = 32


@dataclass(frozen=True)
class Document:
    """A parsed file."""

    file: str
    """Path as the person would type it."""
    value: Any
    """Plain Python values."""
    lines: dict[Key, int]
    """Path of a key or entry -> its line, counted from 1."""

    def line(self, key: Sequence[str | int]) -> int | None:
        """The line of `key`, else of the nearest thing around it."""
        for length in range(len(key), -1, -1):
            found = self.lines.get(tuple(key[:length]))
            if found is not None:
                return found
        return None


def read_utf8(path: Path) -> str:
    """The text of a file a person wrote; a byte-order mark is skipped."""
    file = shown(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileFaults(
            [Fault(file, None, "", f"cannot be read: {error.strerror}", "check the path and its permissions")]
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start + len(data) - len(error.object)  # the codec counts from behind the byte-order mark
        line = data[:at].count(b"\n") + 1
        problem = f"is not UTF-8: byte 0x{data[at]:02x} at offset {at}"
        raise FileFaults([Fault(file, line, "", problem, "save the file as UTF-8")]) from error


def parse(path: Path, *, typed: bool = True) -> Document:
    """Read a YAML file; with `typed` false every scalar stays text.

    Raises FileFaults with all aliases, with all duplicate keys, or with the first syntax error.
    """
    text = read_utf8(path)
    file = shown(path)
    try:
        faults = _event_faults(text, file)
        if faults:
            raise FileFaults(faults)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"is not valid YAML: {error.problem or error.context}"
        remedy = "put text with ': ' or ' #' or a special first character in quotes"
        raise FileFaults([Fault(file, mark.line + 1 if mark else None, "", problem, remedy)]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"holds the control character U+{ord(text[error.position]):04X}"
        raise FileFaults([Fault(file, line, "", problem, "remove it")]) from error
    lines: dict[Key, int] = {}
    value = _build(node, (), file, typed, lines, faults) if node is not None else None
    if faults:
        raise FileFaults(faults)
    return Document(file, value, lines)


def _event_faults(text: str, file: str) -> list[Fault]:
    """Aliases and anchors; a document nested too deeply ends the reading, before it can take minutes."""
    faults: list[Fault] = []
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise FileFaults([*faults, Fault(file, line, "", f"is nested more than {_DEEPEST} deep", "flatten it")])
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            problem = f"uses a YAML alias or anchor ({event.anchor!r})"
            faults.append(Fault(file, line, "", problem, "write it out"))
    return faults


def _build(node: yaml.Node, key: Key, file: str, typed: bool, lines: dict[Key, int], faults: list[Fault]) -> Any:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*key, i), file, typed, lines, faults) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                faults.append(Fault(file, line, dotted(key), "has a key that is not text", "use a plain word as key"))
                continue
            name = name_node.value
            if name in mapping:
                first = lines[(*key, name)]
                problem = f"is given twice (first in line {first})"
                faults.append(Fault(file, line, dotted((*key, name)), problem, "keep one of the two"))
                continue
            lines[(*key, name)] = line
            mapping[name] = _build(value_node, (*key, name), file, typed, lines, faults)
        return mapping
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return _scalar(node) if typed and plain else node.value


def _scalar(node: yaml.Node) -> Any:
    text: str = node.value
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text.replace("_", "")) if len(text) < 32 else text
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def dotted(key: Sequence[str | int]) -> str:
    """`prefixes[1].text` for `("prefixes", 1, "text")`; safe to print."""
    parts = ""
    for part in key:
        parts += f"[{part}]" if isinstance(part, int) else f".{one_line(part)}" if parts else one_line(part)
    return parts

"""A LLaMA-Factory `dataset_info.json`: the entry of a name, checked.

{"talk": {"file_name": "talk.json", "formatting": "sharegpt", "columns": {"messages": "conversations"}}}
"""

import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roleplay.corpora.encoding import find_encoding
from roleplay.errors import Fault, FileFaults, NotFound
from roleplay.paths import shown
from roleplay.text import clean, did_you_mean, one_line

FILE_NAME = "dataset_info.json"
_LARGEST = 2**26
_HUBS = ("hf_hub_url", "ms_hub_url", "om_hub_url")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Columns(_Part):
    """Names of columns; where an entry has this part, what it does not list is not read."""

    prompt: str | None = None
    query: str | None = None
    response: str | None = None
    system: str | None = None
    history: str | None = None
    messages: str | None = None
    tools: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    kto_tag: str | None = None
    images: str | None = None
    videos: str | None = None
    audios: str | None = None


class TagNames(_Part):
    """Names inside a message; where an entry has this part, what it does not list is not known."""

    role_tag: str | None = None
    content_tag: str | None = None
    user_tag: str | None = None
    assistant_tag: str | None = None
    observation_tag: str | None = None
    function_tag: str | None = None
    system_tag: str | None = None


class Entry(_Part):
    """One data set; names as the file has them."""

    hf_hub_url: str | None = None
    ms_hub_url: str | None = None
    om_hub_url: str | None = None
    script_url: str | None = None
    cloud_file_name: str | None = None
    file_name: str | None = None
    file_sha1: str | None = None
    formatting: Literal["alpaca", "sharegpt", "openai"] = "alpaca"
    ranking: bool = False
    subset: str | None = None
    split: str = "train"
    folder: str | None = None
    num_samples: int | None = Field(default=None, ge=1)
    columns: Columns | None = None
    tags: TagNames | None = None


@dataclass(frozen=True)
class Registered:
    """An entry whose file is here."""

    name: str
    """Its name in the registry."""
    entry: Entry
    """The checked entry."""
    path: Path
    """File or folder with its rows."""
    registry: str
    """The registry's file, as the person would type it."""
    line: int | None
    """Line of its name there."""


def find_registered(folder: Path, name: str, *, verify: bool = True) -> Registered:
    """The entry `name` of a folder's `dataset_info.json`. Raises NotFound and FileFaults.

    With `verify`, a file whose SHA-1 is not the one written down is a fault.
    """
    path = folder if folder.name == FILE_NAME else folder / FILE_NAME
    listed, text = _listed(path)
    if name not in listed:
        raise NotFound(f"{shown(path)} names no '{one_line(name)}'; {did_you_mean(name, map(_told, listed))}")
    where = _Where(shown(path), _line(text, name), _told(name))
    entry = _checked(where, listed[name])
    found = Registered(name, entry, _local(where, path.parent, entry), where.file, where.line)
    if verify and entry.file_sha1:
        _compare(where, found.path, entry.file_sha1)
    return found


@dataclass(frozen=True)
class _Where:
    file: str
    line: int | None
    name: str

    def fault(self, key: str, problem: str, remedy: str) -> Fault:
        return Fault(self.file, self.line, f"{self.name}.{key}" if key else self.name, problem, remedy)

    def fail(self, key: str, problem: str, remedy: str) -> NoReturn:
        raise FileFaults([self.fault(key, problem, remedy)])


def _listed(path: Path) -> tuple[dict[str, Any], str]:
    """Name -> entry, unchecked, with the text of the file."""
    if not path.is_file():
        raise NotFound(f"there is no {FILE_NAME} in {shown(path.parent)}; name the folder that holds one")
    encoding = find_encoding(path)
    with encoding.open(path) as file:
        text = file.read(_LARGEST)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        problem = f"is not JSON: {one_line(getattr(error, 'msg', str(error)))}"
        raise FileFaults([Fault(shown(path), line, "", problem, "repair it")]) from error
    if not isinstance(value, dict):
        problem = f"holds a {type(value).__name__} where names with entries are expected"
        raise FileFaults([Fault(shown(path), 1, "", problem, 'write {"name": {"file_name": "…"}}')])
    return value, text


def _line(text: str, name: str) -> int | None:
    """The line of a name. JSON keeps none, so it is looked for."""
    found = re.search(re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:", text)
    return text.count("\n", 0, found.start()) + 1 if found else None


def _told(name: str) -> str:
    return one_line(name)


def _checked(where: _Where, value: Any) -> Entry:
    try:
        return Entry.model_validate(value)
    except ValidationError as error:
        raise FileFaults([_fault(where, issue) for issue in error.errors()]) from error


def _fault(where: _Where, issue: Any) -> Fault:
    key = ".".join(one_line(str(part)) for part in issue["loc"])
    if issue["type"] == "extra_forbidden":
        last = str(issue["loc"][-1])
        parts: dict[str, type[BaseModel]] = {"columns": Columns, "tags": TagNames}
        known = parts.get(str(issue["loc"][0]), Entry).model_fields
        remedy = "did you mean 'formatting'?" if last == "format" else did_you_mean(last, known)
        return where.fault(key, "is not a key of a data set, so it would be ignored", remedy)
    message = clean(issue["msg"])
    seen = "" if isinstance(issue["input"], dict | list) else f" (seen: {one_line(repr(issue['input']))})"
    names = (
        re.findall("'([^']*)'", issue.get("ctx", {}).get("expected", "")) if issue["type"] == "literal_error" else []
    )
    remedy = did_you_mean(str(issue["input"]), names) if names else "correct the value"
    return where.fault(key, message[0].lower() + message[1:] + seen, remedy)


def _local(where: _Where, folder: Path, entry: Entry) -> Path:
    """The file or folder of an entry, in the order in which LLaMA-Factory looks: hubs, scripts, clouds, files."""
    for key in _HUBS:
        if getattr(entry, key) is not None:
            problem = f"is on a hub ('{one_line(getattr(entry, key))}'), not local"
            where.fail(key, problem, f"download it and give its 'file_name' without '{key}'")
    if entry.script_url is not None:
        where.fail("script_url", "is a script, and no code of a data set is ever run", "export its rows to a file")
    if entry.cloud_file_name is not None:
        where.fail("cloud_file_name", "is in a cloud, not local", "download it and give its 'file_name'")
    if not entry.file_name:
        where.fail("", "names no file", "add 'file_name'")
    path = folder / entry.file_name
    seen = f"'{one_line(entry.file_name)}'"
    try:
        home = folder.resolve()
        inside = home in path.resolve().parents and not Path(entry.file_name).is_absolute()
        there = inside and path.exists()
    except (OSError, ValueError):  # a name that no system knows
        inside, there = True, False
    if not inside:
        where.fail("file_name", f"{seen} leads out of the folder", "move the file beside dataset_info.json")
    if not there:
        close = difflib.get_close_matches(entry.file_name, [found.name for found in folder.iterdir()], 1, 0.5)
        where.fail("file_name", f"{seen} is not there", f"did you mean '{close[0]}'?" if close else "add the file")
    return path


def _compare(where: _Where, path: Path, wanted: str) -> None:
    if path.is_dir():
        where.fail("file_sha1", "is given for a folder, which has none", "take it out, or do not verify")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha1").hexdigest()
    if found != wanted.strip().lower():
        problem = f"is '{one_line(wanted)}', but {shown(path)} has {found}"
        where.fail("file_sha1", problem, "get the file again, or do not verify")

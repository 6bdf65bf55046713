"""Dialogues in the native format, as a person would write them by hand, or one a line."""

import json
from collections.abc import Iterable, Iterator

import yaml

from roleplay.corpora.native import ROLES
from roleplay.dialogue import Dialogue

_KEYS = {role: key for key, role in ROLES.items()}


class _Dumper(yaml.SafeDumper):
    """Several lines of text as a block, everything else on one line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # A block cannot hold every text (a line that ends in a space, say); the emitter then falls back to quotes.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def native_yaml(dialogues: Iterable[Dialogue], about: str = "") -> str:
    """A whole `.yaml` corpus; `about` becomes comment lines at its head. `read_native` gives the dialogues back."""
    head = "".join(f"# {line}\n" for line in about.splitlines())
    entries = [
        yaml.dump([entry(dialogue)], Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**9)
        for dialogue in dialogues
    ]
    return head + "\n".join(entries)


def native_lines(dialogues: Iterable[Dialogue]) -> Iterator[str]:
    """Lines of a `.jsonl` corpus, each with its newline."""
    for dialogue in dialogues:
        yield json.dumps(entry(dialogue), ensure_ascii=False) + "\n"


def entry(dialogue: Dialogue) -> list[dict[str, str]]:
    """One entry of the native format: turns such as `{"user": …}` and `{"char": …}`."""
    return [{_KEYS[turn.role]: turn.text} for turn in dialogue.turns]

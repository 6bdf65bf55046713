"""As much of Go's text/template as exported templates use: range over messages, if and else if eq, one variable.

What it makes of every family was compared with Go 1.27's own `text/template` once.
"""

import re
from collections.abc import Iterator, Sequence

from roleplay.dialogue import Turn

_PIECE = re.compile(r"\{\{ (.*?) \}\}|((?:(?!\{\{).)+)", re.DOTALL)


def go_rendered(template: str, turns: Sequence[Turn]) -> str:
    """The text of a template; as Ollama does it, `.System` is the system turns joined."""
    system = "\n\n".join(turn.text for turn in turns if turn.role == "system")
    before, loop, after = re.fullmatch(
        r"(.*?)\{\{ range \.Messages \}\}(.*)\{\{ end \}\}(.*)", template, re.DOTALL
    ).groups()  # type: ignore[union-attr]
    state = {"fold": ""}
    said = _run(before, None, state, system) + "".join(_run(loop, turn, state, system) for turn in turns)
    return said + _run(after, None, state, system)


def _run(text: str, turn: Turn | None, state: dict[str, str], system: str) -> str:
    """One pass over a piece of template without loops."""
    said, taken, open_ = "", True, True  # taken: a branch of the chain has matched; open_: this one is the one
    inside = False
    for action, literal in _pieces(text):
        wanted = re.fullmatch(r'(else )?if (?:eq \.Role "(\w+)"|\.System)', action)
        if wanted:
            holds = (turn is not None and turn.role == wanted[2]) if wanted[2] else bool(system)
            open_ = holds if wanted[1] is None else holds and not taken
            taken = holds or (wanted[1] is not None and taken)
            inside = True
        elif action == "end":
            assert inside
            open_ = True
        elif open_:
            said += literal + _said(action, turn, state, system)
    return said


def _said(action: str, turn: Turn | None, state: dict[str, str], system: str) -> str:
    if action in ('$fold := ""', '$fold = ""'):
        state["fold"] = ""
    elif action == r'$fold = printf "%s\n\n" .System':
        state["fold"] = system + "\n\n"
    elif action == "$fold":
        return state["fold"]
    elif action == ".Content":
        assert turn is not None
        return turn.text
    else:
        assert action == "", f"not of this subset: {action}"
    return ""


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    for match in _PIECE.finditer(text):
        yield match[1] or "", match[2] or ""

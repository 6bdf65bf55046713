"""Macros of cards, resolved when text is used and never when it is stored.

    {{char}} <BOT> <char>   {{user}} <USER>   the two names, in any case
    {{random:a,b}} {{pick:a,b}} {{random::a::b}}   one of the parts
    {{roll:6}} {{roll:2d6+1}}   the sum of dice
    {{reverse:abc}}   cba
    {{// note}} {{comment: note}} {{hidden_key: word}} {{original}}   nothing

Draws are made from a hash of the whole text and the macro's place in it: training and chat resolve a text to the same
words on every machine, so that a text says one thing in all of its samples. Unknown macros stay as they are.
"""

import re
from collections.abc import Callable
from functools import partial

from roleplay.text import draw

_PIECE = re.compile(r"\{(?=\{\{)|\{\{|\}\}|<(?:bot|char|user)>|[^{}<]+|[{}<]", re.IGNORECASE)
_DICE = re.compile(r"(?:([0-9]{0,3})d)?([0-9]{1,6})([+-][0-9]{1,6})?", re.IGNORECASE)
_DEEPEST = 32
_SILENT = ("comment", "hidden_key")


def resolve(text: str, char: str, user: str) -> str:
    """`text` with its macros resolved, innermost first; what a macro gives is not looked at again."""
    if "{{" not in text and "<" not in text:
        return text
    names = {"char": char, "bot": char, "user": user}
    # A buffer for the text outside of macros and one for each that is open.
    open_: list[list[str]] = [[]]
    for index, match in enumerate(_PIECE.finditer(text)):
        piece = match[0]
        if piece == "{{" and len(open_) <= _DEEPEST:
            open_.append([])
        elif piece == "}}" and len(open_) > 1:
            inside = "".join(open_.pop())
            said = _said(inside, names, partial(draw, "macro", index, text))
            open_[-1].append("{{" + inside + "}}" if said is None else said)
        elif piece[0] == "<" and len(piece) > 1:
            open_[-1].append(names[piece[1:-1].lower()])
        else:
            open_[-1].append(piece)
    return "{{".join("".join(buffer) for buffer in open_)


def _said(inside: str, names: dict[str, str], draw_: Callable[[], float]) -> str | None:
    """What the macro says; `None` for an unknown one."""
    bare = inside.strip()
    if bare.lower() in ("char", "user"):
        return names[bare.lower()]
    if bare.startswith("//") or bare.lower() == "original":
        return ""
    name, colon, rest = bare.partition(":")
    name = name.strip().lower()
    if not colon:
        return None
    if name in _SILENT:
        return ""
    if name == "reverse":
        return rest.strip()[::-1]
    if name in ("random", "pick"):
        parts = rest[1:].split("::") if rest.startswith(":") else rest.split(",")
        return parts[int(draw_() * len(parts))].strip()
    return _rolled(rest.strip().lstrip(":"), draw_) if name == "roll" else None


def _rolled(dice: str, draw_: Callable[[], float]) -> str | None:
    """The sum of dice such as `2d6+1`; a bare number is one die."""
    found = _DICE.fullmatch(dice.strip())
    if found is None or int(found[2]) == 0:
        return None
    count, sides, more = int(found[1] or 1), int(found[2]), int(found[3] or 0)
    seed = draw_()
    return str(sum(1 + int(draw("die", seed, i) * sides) for i in range(count)) + more)

"""A reward as a person states it: `ends(喵) + 2*shorter(40) - 0.5*says("see you, friend.")`."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from roleplay.errors import UsageError
from roleplay.text import clean, did_you_mean, one_line

_MOST = 999_999
_COUNT = re.compile("[0-9]{1,6}")
_RANGE = re.compile(r"([0-9]{1,6})\s*-\s*([0-9]{1,6})")
_WEIGHT = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
# A weight may hold the sign of its exponent; else a sign begins the next term.
_TERM = re.compile(
    r"""\s*(?:(?P<weight>(?:[^\s*()+"'-]|(?<=[0-9.][eE])[-+])+)\s*\*)?\s*(?P<name>[^\s*()+"'-]+)\s*(?P<open>\()?"""
)
_SIGN = re.compile(r"\s*([-+])")
_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\)""", re.DOTALL)
_BARE = re.compile(r"\s*(?![\s\"'])([^)]*)\)")
_WIDE = re.compile("[（）＋－＊“”]")
_FORM = "write terms such as 'stop + 2*ends(text)', with text that holds ')' in quotes"

_TEXT = 'a text, such as {name}(hm) or {name}("hm (quietly)")'
_NUMBER = "a whole number of characters from 1 to 999999, such as {name}(40)"


@dataclass(frozen=True)
class Term:
    """One function of a reply, with what it counts."""

    name: str
    """Name of the function."""
    argument: str | None
    """What stands in its brackets, unquoted; `None` where it takes nothing."""
    weight: float = 1.0
    """Finite and not 0; below 0 the function's best is the worst."""

    @property
    def label(self) -> str:
        """The function with its argument: what its figures are called."""
        return self.name if self.argument is None else f"{self.name}({_written(self.argument)})"

    def __str__(self) -> str:
        size = abs(self.weight)
        number = "" if size == 1 else f"{int(size) if size.is_integer() and size < 1e15 else size!r}*"
        return f"{'-' if self.weight < 0 else ''}{number}{self.label}"


@dataclass(frozen=True)
class _Function:
    """What may be said of a reply."""

    about: str
    """One line for a person."""
    argument: Callable[[str], str | None] | None = None
    """What is given in the brackets -> as a term keeps it, or `None` where it is wrong; without it, none is taken."""
    takes: str = ""
    """What is to be given, with `{name}` for the function."""


def _text(given: str) -> str | None:
    return given if given.strip() else None


def _count(given: str) -> str | None:
    return str(int(given)) if _COUNT.fullmatch(given.strip()) and int(given) > 0 else None


def _range(given: str) -> str | None:
    found = _RANGE.fullmatch(given.strip())
    low, high = (int(end) for end in found.groups()) if found else (0, 0)
    return f"{low}-{high}" if 0 < low <= high else None


_KNOWN = {
    "style": _Function("how likely the reply is the character's, to a judge of its real lines"),
    "stop": _Function("the reply ends by itself, not at the limit of tokens"),
    "shorter": _Function("at most so many characters; beyond, the fewer the better", _count, _NUMBER),
    "longer": _Function("at least so many characters; below, the more the better", _count, _NUMBER),
    "length": _Function(
        "from so many characters to so many; outside, the nearer the better",
        _range,
        "two whole numbers of characters from 1 to 999999, the smaller first, such as {name}(10-40)",
    ),
    "ends": _Function("ends with the text; case, and marks behind it, make no difference", _text, _TEXT),
    "says": _Function("holds the text, case apart, at word borders", _text, _TEXT),
    "avoids": _Function("does not hold the text, case apart, at word borders", _text, _TEXT),
    "catchphrases": _Function("uses the card's catchphrases no more often than the corpus does"),
    "original": _Function("share of the reply that does not stand word for word in the corpus"),
    "varied": _Function("share of its runs of four characters that are no repeats within it"),
    "refuses": _Function("does not pretend to know what is out of its world; other questions do not count"),
    "model": _Function("what a reward model says of it", _text, "the run of a reward model, such as {name}(taste)"),
}


def known_rewards() -> dict[str, str]:
    """Name of every function -> one line about what it rewards."""
    return {name: function.about for name, function in _KNOWN.items()}


def parse_reward(text: str) -> tuple[Term, ...]:
    """The terms that `text` names, in its order. Raises UsageError with every fault."""
    faults: list[str] = []
    terms: list[Term] = []
    at, sign = _sign(text, 0, 1)
    while True:
        found = _TERM.match(text, at)
        if found is None:
            seen = (
                f"a term is missing at '{one_line(text[at:])}'" if text[at:].strip() else "a term is missing at its end"
            )
            faults.append(f"{seen if text.strip() else 'it names no term'}; {_FORM}; {did_you_mean('', _KNOWN)}")
            break
        at, given = found.end(), None
        if found["open"]:
            inside = _QUOTED.match(text, at) or _BARE.match(text, at)
            if inside is None:
                faults.append(f"'{one_line(text[found.start() :])}' has a bracket or quote that is not closed; {_FORM}")
                break
            at, given = inside.end(), _given(inside)
        term = _term(found["name"], given, found["weight"], sign, faults)
        terms += [term] if term else []
        if not text[at:].strip():
            break
        at, sign = _sign(text, at, 0)
        if not sign:
            faults.append(f"'{one_line(text[at:])}' does not begin with '+' or '-'; {_FORM}")
            break
    labels = [term.label for term in terms]
    twice = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    faults += [f"'{one_line(label)}' is named twice; name it once, with the weight of both" for label in twice]
    if faults:
        raise UsageError("\n".join(f"the reward '{one_line(text, 120)}': {fault}" for fault in faults))
    return tuple(terms)


def _sign(text: str, at: int, default: int) -> tuple[int, int]:
    """Where the next term begins, and 1 or -1; `default` where no sign stands there."""
    found = _SIGN.match(text, at)
    return (found.end(), 1 if found[1] == "+" else -1) if found else (at, default)


def _given(inside: re.Match[str]) -> str:
    """What stands in the brackets: in quotes as it is, else without white space around it."""
    quoted = next((part for part in inside.groups()[:2] if part is not None), None) if inside.re is _QUOTED else None
    if quoted is None:
        return clean(inside[1]).strip()
    return clean(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))


def _term(name: str, given: str | None, weight: str | None, sign: int, faults: list[str]) -> Term | None:
    """The term, or another fault."""
    before = len(faults)
    number = 1.0 if weight is None else float(weight) if _WEIGHT.fullmatch(weight) else math.nan
    if not 0 < number < math.inf:
        seen = f"'{one_line(weight or '')}' before '{one_line(name)}'"
        faults.append(f"the weight {seen} is no finite number above 0; write 0.5 or 2, or '-' before the term")
    function = _KNOWN.get(name)
    if function is None:
        remedy = "write the signs ( ) + - * and quotes in ASCII" if _WIDE.search(name) else did_you_mean(name, _KNOWN)
        faults.append(f"'{one_line(name)}' is no reward; {remedy}")
        return None
    argument = None
    if function.argument is None:
        if given is not None:
            faults.append(f"'{name}' takes nothing in brackets (seen: '{one_line(given)}'); write '{name}'")
    else:
        argument = None if given is None else function.argument(given)
        if argument is None:
            seen = "nothing" if given is None else f"'{one_line(given)}'"
            faults.append(f"'{name}' is given {seen}; give it {function.takes.format(name=name)}")
    return Term(name, argument, sign * number) if len(faults) == before else None


def _written(argument: str) -> str:
    """As it stands in brackets: in quotes where it would be read otherwise."""
    if argument == argument.strip() and ")" not in argument and argument[:1] not in ('"', "'"):
        return argument
    return '"' + re.sub(r'(["\\])', r"\\\1", argument) + '"'

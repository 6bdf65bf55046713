"""What a program wrote to a terminal, taken apart: its control sequences by kind."""

import re
from collections.abc import Sequence

_SEQUENCE = re.compile(
    r"\x1b\[(?P<private>[<=>?]?)[0-9;:]*(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b(?P<string>[\]PX^_])(?P<number>[0-9]*).*?(?:\x07|\x1b\\)"
    r"|\x1b(?P<escape>[ -/]*[0-~]?)"
    r"|(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f])"
    r"|(?P<direction>[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069])",
    re.DOTALL,
)


def kinds(written: str) -> dict[str, str]:
    """Every kind of control sequence in what was written, with an example; a kind has no numbers."""
    found: dict[str, str] = {}
    for match in _SEQUENCE.finditer(written):
        parts = match.groupdict(default="")
        if parts["final"]:
            kind = f"CSI {parts['private']}{parts['between']}{parts['final']}"
        elif parts["string"]:
            kind = f"{ {']': 'OSC', 'P': 'DCS', 'X': 'SOS', '^': 'PM', '_': 'APC'}[parts['string']] } {parts['number']}"
        elif match["escape"] is not None:
            kind = f"ESC {parts['escape']}"
        else:
            kind = f"U+{ord(match[0]):04X}"
        found.setdefault(kind, match[0])
    return found


def without(found: dict[str, str], usual: Sequence[str]) -> dict[str, str]:
    """What is unusual among the kinds found."""
    return {kind: example for kind, example in found.items() if kind not in usual}

"""Alt with a digit, as terminals send it that do not speak the Kitty protocol: ESC, then the digit.

Textual takes these for what Option with a digit writes on a Mac (`¡`, `™`, …), so that no binding would ever hear them.
"""

from enum import Enum
from typing import cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


class _Key(Enum):
    """What a sequence of the terminal means, as Textual's table has it."""

    ALT_1 = "alt+1"
    ALT_2 = "alt+2"
    ALT_3 = "alt+3"
    ALT_4 = "alt+4"
    ALT_5 = "alt+5"
    ALT_6 = "alt+6"
    ALT_7 = "alt+7"
    ALT_8 = "alt+8"
    ALT_9 = "alt+9"


def hear_alt_digits() -> None:
    """Let ESC and a digit be the key `alt+digit`."""
    table = cast("dict[str, tuple[Enum, ...]]", ANSI_SEQUENCES_KEYS)
    for key in _Key:
        table[f"\x1b{key.value[-1]}"] = (key,)

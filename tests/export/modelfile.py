"""A Modelfile read by the rules of Ollama's `parser/parser.go`.

An instruction's value runs to the end of a line, unless it began with quotes that are still open there. Characters that
Go's `unicode.IsPrint` does not print are dropped before quotes are looked for.
"""

import unicodedata


def read_modelfile(text: str) -> list[tuple[str, str]]:
    """(instruction, value) pairs; of PARAMETER and MESSAGE the first word is part of the instruction."""
    found, lines = [], text.split("\n")
    while lines:
        line = lines.pop(0)
        if not line.strip() or line.startswith("#"):
            continue
        name, _, value = line.partition(" ")
        assert name in ("FROM", "ADAPTER", "TEMPLATE", "SYSTEM", "MESSAGE", "LICENSE", "PARAMETER"), name
        if name in ("PARAMETER", "MESSAGE"):
            word, _, value = value.partition(" ")
            name = f"{name} {word}"
        value = _printed(value)
        while (said := _unquoted(value.strip())) is None:
            value += "\n" + _printed(lines.pop(0))
        found.append((name, said))
    return found


def _printed(text: str) -> str:
    return "".join(char for char in text if char in " \t" or unicodedata.category(char)[0] in "LMNPS")


def _unquoted(text: str) -> str | None:
    for quote in ('"""', '"'):
        if text.startswith(quote):
            closed = len(text) >= 2 * len(quote) and text.endswith(quote)
            return text[len(quote) : -len(quote)] if closed else None
    return text

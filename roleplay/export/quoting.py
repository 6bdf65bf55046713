"""A stranger's text in files of other formats, so that it stays text: Markdown, shell, Modelfile."""

import re
import shlex
import unicodedata

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def fenced(text: str, language: str = "") -> str:
    """`text` as a Markdown code block that nothing in it can end."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def marked(text: str) -> str:
    """`text` on one line of Markdown, shown as it is."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def command(*parts: str) -> str:
    """A command line for a POSIX shell that gives the program exactly these arguments."""
    return " ".join(shlex.quote(part) for part in parts)


def printed(text: str) -> str:
    """`text` as Ollama's reader leaves it, without what Go's `unicode.IsPrint` does not print; blanks become spaces."""
    return "".join(char if _is_printed(char) else " " if unicodedata.category(char) == "Zs" else "" for char in text)


def modelfile_text(text: str) -> str:
    '''`text` as a value in a Modelfile, between `"""`.

    There is no escape: a value ends where a line ends with `"""`. What the reader would drop goes first, since that
    could bring three quotes together that were apart.
    '''
    apart = re.sub(r'""(?=")', '"" ', printed(text))
    return f'"""{apart}"""'


def _is_printed(char: str) -> bool:
    return char in "\n\t " or unicodedata.category(char)[0] in "LMNPS"

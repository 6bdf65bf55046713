"""Where sentences of Chinese and English end."""

import re
from collections.abc import Iterator

_TITLES = ("Mr", "Mrs", "Ms", "Dr", "St", "Jr", "Sr", "vs", "Prof", "Capt", "Col", "Gen", "Lt", "Sgt", "Mt", "Rev")
_NO_TITLE = "".join(rf"(?<!\b{title}\.)" for title in _TITLES)
_MARK = "[.。!！?？;；…]"
_CLOSED = rf"{_MARK}*+[\"'”’」』》〉）)\]】*_]*+"
# A full stop ends nothing behind a title, an initial ("J. R."), letters with stops between ("e.g.") or before a number
# ("No. 5"), and no mark does where a small letter follows: `"Stop!" she said.` Only the first of several marks begins a
# match and nothing is tried twice, so that a page of marks takes no longer than another. The mark is looked for before
# all else: a set at the head of a pattern is what `re` finds fastest.
_END = re.compile(
    rf"{_MARK}(?<!{_MARK}{_MARK})(?:(?<=[。！？；…]){_CLOSED}\s*+"
    rf"|(?:(?<=[!?;])|(?<=\.){_NO_TITLE}(?<!\b[A-Za-z]\.)(?<!\.[A-Za-z]\.)(?!\s+\d)){_CLOSED}(?:\s++(?![a-z])|\Z))"
)


def sentences(text: str, shortest: int = 12) -> Iterator[str]:
    """The sentences of a paragraph with the marks, quotes and blanks that end them; joined they are `text`.

    What has fewer than `shortest` characters goes with the sentence behind it.
    """
    at = 0
    for match in _END.finditer(text):
        if match.end() - at >= shortest:
            yield text[at : match.end()]
            at = match.end()
    if at < len(text):
        yield text[at:]

"""Lines in the form of a script: `林夏：走吧。`, `TOM (softly): Come in.`"""

import re
from collections import Counter

from roleplay.corpora.novel.paragraphs import Paragraph

_LINE = re.compile(
    r"(?P<name>[\u4e00-\u9fff·]{1,6}?|[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,2})(?:道|说|问|答|笑道|问道|说道)?\s?"
    r"(?:[（(\[【][^）)\]】]{0,40}[）)\]】])?\s?[：:]\s*(?P<text>[^\s“”「」『』\"].*)"
)
_NO_NAME = re.compile(
    "注|注意|备注|作者|译者|时间|地点|人物|例如|比如|地址|电话|来源|附|按|Note|Notes|Author|Title|Date|Time|Place|Scene|From|To"
)
_FEWEST = 2


def script_lines(paragraphs: list[Paragraph]) -> dict[int, tuple[str, int]]:
    """Paragraph -> who speaks and where the words begin. A name must head two lines at least, and two must speak."""
    found: dict[int, tuple[str, int]] = {}
    for i, paragraph in enumerate(paragraphs):
        match = None if paragraph.heading else _LINE.fullmatch(paragraph.text)
        if match and not _NO_NAME.fullmatch(match["name"]):
            found[i] = (match["name"], match.start("text"))
    counts = Counter(name for name, _ in found.values())
    names = {name for name, count in counts.items() if count >= _FEWEST}
    return {i: entry for i, entry in found.items() if entry[0] in names} if len(names) > 1 else {}

"""Short stories whose quotations carry their speaker: `<KEY:“…”>`, with the names of every key in lines at the head.

    @ L 林夏|小夏

The first of those lines is the character whose names are given to the rules. A quotation without a key is no speech.
The numbered stories were looked at while the rules were made; `blind` ones were written after, and changed nothing.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from roleplay.corpora.novel.lines import Extraction, extract
from roleplay.corpora.novel.paragraphs import Language

_LABEL = re.compile(r"<(\w+):[“‘「『\"](.*?)[”’」』\"]?>", re.S)


@dataclass(frozen=True)
class Story:
    """A text and who says what in it."""

    language: Language
    text: str
    people: tuple[tuple[str, ...], ...]
    """Names of everybody, the character's first."""
    labels: tuple[tuple[tuple[str, ...], str], ...]
    """Names of the speaker and the words, in order."""

    def extract(self) -> Extraction:
        return extract(self.text, self.language, [self.people[0]])


@dataclass(frozen=True)
class Score:
    """How well a story was read."""

    lines: int
    right: int
    extra: tuple[str, ...]
    """Quotations taken for speech that are none."""

    @property
    def share(self) -> float:
        return self.right / self.lines


def read_story(name: str) -> Story:
    lines = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8").split("\n")
    head = [line.split(maxsplit=2) for line in lines if line.startswith("@ ")]
    people = {key: tuple(names.split("|")) for _, key, names in head}
    body = "\n".join(lines[len(head) :]).strip("\n")
    labels = tuple((people[match[1]], " ".join(match[2].split("\n"))) for match in _LABEL.finditer(body))
    plain = re.sub(r"<\w+:(.*?)>", r"\1", body, flags=re.S)
    return Story("zh" if name.startswith("zh") else "en", plain, tuple(people.values()), labels)


def score(story: Story) -> Score:
    """Labelled quotations that were found, in order, with the right speaker."""
    found = [(quote.text, one.speaker) for one in story.extract().speeches for quote in one.speech.quotes]
    words = [text for _, text in story.labels]
    matcher = difflib.SequenceMatcher(None, words, [text for text, _ in found], autojunk=False)
    pairs = [(i + k, j + k) for i, j, size in matcher.get_matching_blocks() for k in range(size)]
    right = sum(found[j][1] in story.labels[i][0] for i, j in pairs)
    matched = {j for _, j in pairs}
    return Score(len(words), right, tuple(text for j, (text, _) in enumerate(found) if j not in matched))

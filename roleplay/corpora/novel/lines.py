"""From the text of a book to its lines of speech, each with its speaker."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from roleplay.corpora.novel import chinese_names, english_names
from roleplay.corpora.novel.genders import learn_genders
from roleplay.corpora.novel.names import Names, gather
from roleplay.corpora.novel.paragraphs import Language, split_paragraphs
from roleplay.corpora.novel.speakers import resolve
from roleplay.corpora.novel.speeches import Passage, Speech, find_passages, find_speeches, make_grammar

_MOST = 400
"""How many names are looked for."""

GAPS: dict[Language, int] = {"zh": 200, "en": 600}
"""Characters of narration that end a scene."""


@dataclass(frozen=True)
class Attributed:
    """A speech and who says it."""

    speech: Speech
    """Its quotations and where they stand."""
    speaker: str | None
    """`None` where nothing tells."""


@dataclass(frozen=True)
class Extraction:
    """Everything said in a book."""

    language: Language
    """Of the book."""
    passages: tuple[Passage, ...]
    """All paragraphs, in order."""
    speeches: tuple[Attributed, ...]
    """All speeches, in order."""

    def speakers(self) -> list[tuple[str, int]]:
        """Speakers with the count of their quotations, most first."""
        counts = Counter(one.speaker for one in self.speeches for _ in one.speech.quotes if one.speaker is not None)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    @property
    def lines(self) -> int:
        """How many quotations are speech."""
        return sum(len(one.speech.quotes) for one in self.speeches)

    @property
    def unknown(self) -> int:
        """How many of them have no speaker."""
        return sum(len(one.speech.quotes) for one in self.speeches if one.speaker is None)

    @property
    def ignored(self) -> int:
        """How many quotations are no speech: titles, emphasised words, thoughts, writing, marks that never close."""
        return sum(passage.ignored for passage in self.passages)


def extract(text: str, language: Language, groups: Sequence[Sequence[str]] = (), gap: int | None = None) -> Extraction:
    """Find who says what in a book; each of `groups` holds the names of one person, of which the first is shown."""
    passages = find_passages(split_paragraphs(text), language)
    names = _find_names(passages, language, groups)
    genders = learn_genders(
        (" ".join(passage.gaps()) for passage in passages if passage.script is None), names, language
    )
    genders |= {name: pronoun for name in names.speakers if (pronoun := _title_gender(name, language)) is not None}
    speeches = find_speeches(passages, make_grammar(names, genders, language), GAPS[language] if gap is None else gap)
    speakers = resolve(speeches, names, genders)
    attributed = tuple(Attributed(*pair) for pair in zip(speeches, speakers, strict=True))
    return Extraction(language, tuple(passages), attributed)


def _find_names(passages: list[Passage], language: Language, groups: Sequence[Sequence[str]]) -> Names:
    rules = chinese_names if language == "zh" else english_names
    narrations = [passage.gaps() for passage in passages if passage.script is None and not passage.heading]
    mined = Counter(dict(rules.mine(narrations).most_common(_MOST)))
    mined.update(passage.script for passage in passages if passage.script is not None)
    mined.update(name for group in groups for name in group)
    return gather(mined, groups, rules.short_forms(mined))


def _title_gender(name: str, language: Language) -> str | None:
    return chinese_names.title_gender(name) if language == "zh" else english_names.title_gender(name)

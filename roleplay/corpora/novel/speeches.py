"""What is said in a book, piece by piece, before it is decided by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from roleplay.corpora.novel import chinese, english
from roleplay.corpora.novel.cues import Cue, Grammar, cues_of
from roleplay.corpora.novel.names import Names
from roleplay.corpora.novel.paragraphs import Language, Paragraph
from roleplay.corpora.novel.quotes import Quote, find_quotes, outer_marks
from roleplay.corpora.novel.script import script_lines
from roleplay.corpora.novel.spoken import is_speech


@dataclass(frozen=True)
class Passage:
    """A paragraph with its quotations."""

    text: str
    """The paragraph."""
    heading: bool
    """Whether it parts scenes."""
    quotes: tuple[Quote, ...]
    """Those that are speech, in order."""
    script: str | None = None
    """Who speaks, where the paragraph is a line of a script."""
    ignored: int = 0
    """Quotations that are no speech, or that never close."""

    def gaps(self) -> list[str]:
        """The narration before, between and after the quotations, without their marks."""
        edges = [0, *(edge for quote in self.quotes for edge in (quote.start, quote.end)), len(self.text)]
        spans = list(zip(edges[::2], edges[1::2], strict=True))
        last = len(spans) - 1
        return [self.text[start + (i > 0) : max(end - (i < last), 0)] for i, (start, end) in enumerate(spans)]


@dataclass(frozen=True)
class Speech:
    """Quotations that one speaker says in one go."""

    quotes: tuple[Quote, ...]
    """In order; all but the last may be interrupted by narration."""
    cue: Cue | None
    """What the narration beside it says."""
    scene: int
    """Number of the scene; another begins at a heading and after a long stretch of narration."""
    told: Cue | None = None
    """The subject of the narration between this speech and the one before it."""
    called: frozenset[str] = field(default=frozenset())
    """Speakers whom it addresses by name."""
    beside: frozenset[str] = field(default=frozenset())
    """Speakers whom the narration in its paragraph mentions, and that since the speech before it."""
    entered: frozenset[str] = field(default=frozenset())
    """Speakers whom the narration since the speech before it mentions, its own paragraph left out."""


def find_passages(paragraphs: list[Paragraph], language: Language) -> list[Passage]:
    """Paragraphs with what is spoken in them; one that does not close counts where the next paragraph goes on."""
    script = script_lines(paragraphs)
    marks = outer_marks(paragraphs, language)
    passages: list[Passage] = []
    for i, paragraph in enumerate(paragraphs):
        text = paragraph.text
        if i in script:
            name, start = script[i]
            passages.append(Passage(text, False, (Quote(i, start, len(text), text[start:].strip(), True),), name))
            continue
        quotes = [] if paragraph.heading else find_quotes(text, marks, i)
        goes_on = i + 1 < len(paragraphs) and paragraphs[i + 1].text[0] in marks
        spoken = [
            quote
            for before, quote, after in zip([None, *quotes], quotes, [*quotes[1:], None], strict=False)
            if (quote.closed or goes_on)
            and is_speech(
                quote.text,
                text[before.end + 1 if before else 0 : quote.start - 1],
                text[quote.end + 1 : after.start - 1 if after else len(text)],
                language,
            )
        ]
        passages.append(Passage(text, paragraph.heading, tuple(spoken), None, len(quotes) - len(spoken)))
    return passages


def make_grammar(names: Names, genders: Mapping[str, str], language: Language) -> Grammar:
    """How the book's language tells who speaks; `genders` gives speakers their pronouns."""
    return chinese.Chinese(names, genders) if language == "zh" else english.English(names, genders)


def find_speeches(passages: list[Passage], grammar: Grammar, gap: int) -> list[Speech]:
    """Every speech in order; `gap` is how many characters of narration end a scene."""
    speeches: list[Speech] = []
    scene = silence = 0
    told: Cue | None = None
    beside: frozenset[str] = frozenset()
    for passage in passages:
        if not passage.quotes:
            silence += len(passage.text)
            told = grammar.before(passage.text) or told
            beside |= grammar.mentioned(passage.text[-400:])
            scene += passage.heading
            continue
        scene += silence > gap
        joined = _continues(speeches, passage)
        entered = beside
        if passage.script is None:
            beside |= frozenset(name for part in passage.gaps() for name in grammar.mentioned(part[:400]))
        for group, cue in _groups(passage, grammar):
            called = frozenset(name for quote in group for name in grammar.called(quote.text))
            if joined:
                last = speeches.pop()
                group, cue, called = [*last.quotes, *group], last.cue or cue, last.called | called
                told, beside, joined = last.told, beside | last.beside, False
            speeches.append(Speech(tuple(group), cue, scene, told, called, beside, entered))
            told = None
        silence, told, beside = 0, None, frozenset()
    return speeches


def _continues(speeches: list[Speech], passage: Passage) -> bool:
    last = speeches[-1].quotes[-1] if speeches else None
    first = passage.quotes[0]
    return last is not None and not last.closed and last.paragraph == first.paragraph - 1 and first.start == 1


def _groups(passage: Passage, grammar: Grammar) -> list[tuple[list[Quote], Cue | None]]:
    """The quotations of a paragraph, those with the same cue together."""
    if passage.script is not None:
        return [(list(passage.quotes), Cue(passage.script, False, True))]
    groups: list[tuple[list[Quote], Cue | None]] = []
    for quote, cue in zip(passage.quotes, cues_of(passage.gaps(), grammar), strict=True):
        if groups and _same(groups[-1][1], cue):
            groups[-1][0].append(quote)
        else:
            groups.append(([quote], cue))
    return groups


def _same(one: Cue | None, other: Cue | None) -> bool:
    """Whether two cues of one paragraph mean one speaker: a pronoun means whoever was named before."""
    if one is None or other is None or other.pronoun:
        return True
    return one.word == other.word or one.pronoun

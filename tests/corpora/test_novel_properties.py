"""Whatever a book holds: no traceback, every line stands in it, in order; and time grows with its length alone."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.corpora.novel.continuation import continuation_dialogues, documents
from roleplay.corpora.novel.dialogues import make_dialogues
from roleplay.corpora.novel.lines import extract
from roleplay.corpora.novel.paragraphs import Language, guess_language, split_paragraphs
from tests.corpora.labelled import read_story

WORDS = (
    "林夏|陈舟|她|他|我|说|笑道|问：|第三章\n|“好。”|写着|心想：|叫“潮”的|Tom|Mary|he|she|I|said|asked|the old man|"
    'Mr. |don’t|Chapter 2\n|"Go," |\r\n'
)
PIECES = st.sampled_from([*"“”‘’「」『』\"'：:，。？！…—（）()\n\u3000 \u202e\x1b", *WORDS.split("|")])
BOOKS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join))
LANGUAGES = st.sampled_from(["zh", "en"])


@given(BOOKS, LANGUAGES, st.booleans())
def test_lines_are_the_books_own_and_in_order(text: str, language: Language, narration: bool) -> None:
    book = extract(text, language, [("林夏", "Tom")])
    whole = "\n".join(paragraph.text for paragraph in split_paragraphs(text))
    at = 0
    for quote in (quote for one in book.speeches for quote in one.speech.quotes):
        at = whole.index(quote.text, at) + len(quote.text)
    for speaker in ["林夏", *dict(book.speakers())]:
        for made in make_dialogues(book, speaker, "book", narration=narration):
            roles = [turn.role for turn in made.turns]
            assert "assistant" in roles
            assert all(one != after for one, after in pairwise(roles))
            assert all(turn.text.strip() for turn in made.turns)


@given(BOOKS, LANGUAGES, st.integers(20, 60))
def test_continuations_are_the_books_own(text: str, language: Language, length: int) -> None:
    assert guess_language(text) in ("zh", "en")
    whole = "\n".join(paragraph.text for paragraph in split_paragraphs(text) if not paragraph.heading)
    answers = [made.turns[1].text for made in continuation_dialogues(text, language, length, "")]
    for piece in [*documents(text, length), *answers]:
        assert piece.strip() in whole


HOSTILE = {
    "openers": "“",
    "pairs": "“”",
    "singles": "‘",
    "apostrophes": "'a ",
    "commas": "说，",
    "capitals": "A ",
    "tags": '"a" Tom said. ',
    "tagged": "“好。”林夏说。",
    "script": "林夏：x\n",
    "stage": "A (x",
    "broken": "“a“",
    "dashes": "— ",
    "of": "的时后",
    "titles": "Mr. ",
    "determiners": "the the ",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_pattern_runs_away(name: str) -> None:
    """Sixty thousand characters take a second; the square of that would take hours."""
    unit = HOSTILE[name]
    began = time.process_time()
    for language in ("zh", "en"):
        extract(unit * (60_000 // len(unit)), language, [("林夏", "Tom")])  # type: ignore[arg-type]
    assert time.process_time() - began < 4


@pytest.mark.soak
@pytest.mark.parametrize("name", ["zh_1", "en_1"])
def test_five_megabytes_take_seconds(name: str) -> None:
    story = read_story(name)
    text = (story.text + "\n\n") * (5_000_000 // len(story.text.encode()))
    began = time.process_time()
    book = extract(text, story.language, [story.people[0]])
    assert time.process_time() - began < 30
    assert book.lines > 70_000

"""Who says what: measured on labelled stories, and shown case by case."""

import pytest

from roleplay.corpora.novel.lines import extract
from roleplay.corpora.novel.paragraphs import Language
from tests.corpora.labelled import read_story, score

BAR = 0.85
SEEN = ["zh_1", "zh_2", "zh_3", "zh_4", "en_1", "en_2", "en_3"]
BLIND = ["zh_blind", "en_blind"]


def who(text: str, language: Language, *names: str) -> list[tuple[str | None, str]]:
    book = extract(text, language, [names] if names else [])
    return [(one.speaker, quote.text) for one in book.speeches for quote in one.speech.quotes]


@pytest.mark.parametrize("name", SEEN + BLIND)
def test_most_lines_go_to_the_right_speaker(name: str) -> None:
    result = score(read_story(name))
    assert result.share >= BAR, f"{result.right} of {result.lines}"
    assert result.extra == ()


def test_the_stories_are_long_enough_to_tell() -> None:
    counts = {name: len(read_story(name).labels) for name in SEEN + BLIND}
    assert min(counts["zh_1"], counts["en_1"]) >= 120
    assert min(counts[name] for name in BLIND) >= 55


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_bar_holds_over_all_stories_of_a_language(language: str) -> None:
    scores = [score(read_story(name)) for name in SEEN + BLIND if name.startswith(language)]
    assert sum(one.right for one in scores) / sum(one.lines for one in scores) >= 0.9


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        ("林夏说：“走。”", ["林夏"]),
        ("林夏说道，“走。”", ["林夏"]),
        ("“走。”林夏说。", ["林夏"]),
        ("“走，”林夏冷冷道，“别回头。”", ["林夏", "林夏"]),
        ("林夏抬起头来。“走。”", ["林夏"]),
        ("林夏对陈舟说：“走。”", ["林夏"]),
        ("陈舟听见林夏说：“走。”", ["林夏"]),
        ("「走。」林夏笑道。", ["林夏"]),
        ("『走。』林夏问。", ["林夏"]),
        ("‘走。’林夏问。", ["林夏"]),
        ('"走。"林夏问。', ["林夏"]),
        ("“她说‘走’就走。”林夏答。", ["林夏"]),
        ("“走。”陈舟没有说话。", [None]),
        ("“走吧。”林夏说。陈舟答道：“好。”", ["林夏", "陈舟"]),
        ("林夏问：“走吗？”陈舟道：“走。”林夏道：“好。”", ["林夏", "陈舟", "林夏"]),
        ("林夏站在门口。\n\n她说：“走。”", ["林夏"]),
        ("林夏走过去，说：\n\n“走。”", ["林夏"]),
    ],
)
def test_chinese_tags_in_every_place(text: str, speakers: list[str | None]) -> None:
    book = extract(text, "zh", [("林夏",), ("陈舟",)])
    assert [one.speaker for one in book.speeches for _ in one.speech.quotes] == speakers


@pytest.mark.parametrize(
    ("text", "speakers"),
    [
        ('Tom said, "Go."', ["Tom"]),
        ('"Go," said Tom.', ["Tom"]),
        ('"Go," Tom said.', ["Tom"]),
        ('"Go," asked Tom softly, "or stay?"', ["Tom", "Tom"]),
        ('"Go." Tom shut the door.', ["Tom"]),
        ('Tom turned to Mary and said: "Go."', ["Tom"]),
        ('Tom and Mary waited, and Mary said, "Go."', ["Mary"]),
        ("“Go,” said Tom.", ["Tom"]),
        ("‘I don’t know,’ said Tom.\n\n‘Then go,’ said Mary.", ["Tom", "Mary"]),
        ("'I don't know,' said Tom.\n\n'Then go,' said Mary.", ["Tom", "Mary"]),
        ('"Go," I said.', ["I"]),
        ('"Go." Tom did not answer.', [None]),
        ('Tom was waiting. "Go," he said.', ["Tom"]),
        ('"Go," said the old man in the doorway.', ["old man"]),
    ],
)
def test_english_tags_in_every_place(text: str, speakers: list[str | None]) -> None:
    book = extract(text, "en", [("Tom",), ("Mary",)])
    assert [one.speaker for one in book.speeches for _ in one.speech.quotes] == speakers


def test_untagged_lines_take_turns() -> None:
    text = "“来了？”林夏问。\n\n“来了。”陈舟说。\n\n“冷吗？”\n\n“不冷。”\n\n“骗人。”"
    assert [speaker for speaker, _ in who(text, "zh", "林夏")] == ["林夏", "陈舟", "林夏", "陈舟", "林夏"]


def test_turns_are_found_backwards_too() -> None:
    text = '"Cold?"\n\n"No."\n\n"Liar," said Tom.\n\n"Never," said Mary.'
    assert [speaker for speaker, _ in who(text, "en", "Tom")] == ["Tom", "Mary", "Tom", "Mary"]


def test_pronouns_mean_whom_the_book_calls_so() -> None:
    text = "林夏放下杯子，她笑了。陈舟站起来，他走了两步。\n\n“坐。”她说。\n\n“不坐。”他说。"
    book = extract(text, "zh", [("林夏",), ("陈舟",)])
    assert [one.speaker for one in book.speeches] == ["林夏", "陈舟"]


def test_who_is_called_by_name_answers() -> None:
    text = "林夏说：“走。”\n\n陈舟说：“走。”\n\n周伯说：“陈舟，你留下。”\n\n“好。”"
    assert who(text, "zh", "林夏")[-1] == ("陈舟", "好。")


def test_aliases_are_one_speaker() -> None:
    text = '"One," said Tom.\n\n"Two," said Mr. Harker.\n\n"Three," said the captain.'
    assert {speaker for speaker, _ in who(text, "en", "Tom", "Mr. Harker", "captain")} == {"Tom"}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("桌上放着一本叫“海潮”的书。", "zh"),
        ("门上写着：“今日休息。”", "zh"),
        ("他把“不”字咬得很重。", "zh"),
        ("林夏心想：“糟了。”", "zh"),
        ('She was reading "The Tide" again.', "en"),
        ('The sign said "Closed on Mondays."', "en"),
        ('"He is late," thought Tom.', "en"),
        ('It was what he called a "rest" from work.', "en"),
    ],
)
def test_titles_writing_and_thoughts_are_no_speech(text: str, language: Language) -> None:
    book = extract(text, language, [("林夏", "Tom")])
    assert (book.lines, book.ignored) == (0, 1)


def test_a_speech_of_several_paragraphs_is_one() -> None:
    text = 'Tom began. "First.\n\n"Second.\n\n"Third."\n\n"Oh," said Mary.'
    book = extract(text, "en", [("Tom",)])
    assert [(one.speaker, len(one.speech.quotes)) for one in book.speeches] == [("Tom", 3), ("Mary", 1)]


def test_a_mark_that_never_closes_is_counted_and_left_out() -> None:
    book = extract("林夏说：“走。\n\n陈舟走了。", "zh", [("林夏",)])
    assert (book.lines, book.ignored) == (0, 1)


def test_lines_of_a_script_are_read() -> None:
    text = "林夏：走吧。\n陈舟（笑）：去哪儿？\n林夏：海边。\n陈舟：好。\n注意：下一场换景。"
    assert who(text, "zh") == [("林夏", "走吧。"), ("陈舟", "去哪儿？"), ("林夏", "海边。"), ("陈舟", "好。")]


def test_lines_wrapped_to_a_width_are_joined() -> None:
    text = (
        'It was late, and the rain had begun again over\nthe harbour. "I think that we\n'
        'should go," said Tom,\n"now."\n\n'
        "Mary took her hat and went to the window to\nlook at the rain. She looked\nfor a long time.\n"
    )
    assert who(text, "en") == [("Tom", "I think that we should go,"), ("Tom", "now.")]


def test_speakers_are_counted() -> None:
    book = extract("“一。”林夏说。\n\n“二，”陈舟说，“三。”", "zh", [("林夏",)])
    assert book.speakers() == [("陈舟", 2), ("林夏", 1)]

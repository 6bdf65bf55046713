"""Runs of speech as dialogues, and a book as pieces to go on with."""

from itertools import pairwise

import pytest

from roleplay.corpora.novel.continuation import ASKING, continuation_dialogues, documents
from roleplay.corpora.novel.dialogues import make_dialogues
from roleplay.corpora.novel.lines import extract


def turns(text: str, *, narration: bool = False, gap: int | None = None) -> list[list[tuple[str, str]]]:
    names = [("林夏",), ("陈舟",), ("周伯",), ("苏晴",)]
    book = extract(text, "zh", names, gap)
    made = make_dialogues(book, "林夏", "book.txt", narration=narration)
    return [[(turn.role, turn.text) for turn in one.turns] for one in made]


def test_the_partners_lines_ask_and_the_characters_answer() -> None:
    text = "“来了？”陈舟问。\n\n“来了，”林夏说，“刚到。”\n\n“冷吗？”陈舟问。\n\n“冷。”林夏说。\n\n“坐。”陈舟说。"
    assert turns(text) == [
        [("user", "来了？"), ("assistant", "来了，刚到。"), ("user", "冷吗？"), ("assistant", "冷。")]
    ]


def test_neighbours_of_one_side_are_merged() -> None:
    text = "“来了？”陈舟问。\n\n“冷吗？”周伯问。\n\n“来了。”林夏说。\n\n林夏又说：“不冷。”"
    assert turns(text) == [[("user", "来了？\n冷吗？"), ("assistant", "来了。\n不冷。")]]


def test_what_others_say_among_themselves_is_left_out() -> None:
    lines = ["“一。”陈舟说。", "“二。”周伯说。", "“三。”苏晴说。", "“四。”陈舟说。", "“五。”林夏说。"]
    assert turns("\n\n".join(lines)) == [[("user", "三。\n四。"), ("assistant", "五。")]]


def test_a_run_that_the_character_begins_is_an_opening() -> None:
    assert turns("“早。”林夏说。\n\n“早。”陈舟说。\n\n“冷。”林夏说。")[0][0] == ("assistant", "早。")


def test_a_heading_and_a_stretch_of_narration_end_a_run() -> None:
    line = "“来了？”陈舟问。\n\n“来了。”林夏说。\n\n"
    assert len(turns(line + line)) == 1
    assert len(turns(line + "第二章 海\n\n" + line)) == 2
    told = "海面很平。" * 20 + "\n\n"
    assert [len(turns(line + told + line, gap=gap)) for gap in (90, 110)] == [2, 1]


def test_an_unknown_speaker_ends_a_run() -> None:
    text = "“来了？”陈舟问。\n\n“来了。”林夏说。\n\n“咦？”陈舟没有说话。\n\n“坐。”陈舟说。\n\n“好。”林夏说。"
    assert all(one[0] == ("user", "来了？") or "咦" not in str(one) for one in turns(text))


def test_narration_stands_in_brackets_before_the_partners_line() -> None:
    text = "雨停了。\n\n“来了？”陈舟问。\n\n“来了。”林夏说。\n\n灯亮了。\n\n“坐。”陈舟说。\n\n“好。”林夏说。"
    assert turns(text, narration=True) == [
        [
            ("user", "（雨停了。）\n来了？"),
            ("assistant", "来了。"),
            ("user", "（灯亮了。）\n坐。"),
            ("assistant", "好。"),
        ]
    ]


def test_english_interruptions_are_closed_with_a_space() -> None:
    book = extract('"Cold?" asked Mary.\n\n"Yes," said Tom, "very."', "en", [("Tom",)])
    (made,) = make_dialogues(book, "Tom", "book.txt")
    assert [turn.text for turn in made.turns] == ["Cold?", "Yes, very."]
    assert made.source == "book.txt:1"


STORY = (
    "第一章\n\n" + "\n\n".join(f"第{n}天，海面很平。船没有来！他等着。" for n in range(12)) + "\n\n第二章\n\n船来了。"
)


def test_every_piece_goes_on_where_the_one_before_ended() -> None:
    made = continuation_dialogues(STORY, "zh", 60, "book.txt")
    assert len(made) >= 3
    for before, after in pairwise(made):
        assert after.turns[0].text == f"{ASKING['zh']}\n\n{before.turns[1].text}"
    for one in made:
        assert one.turns[1].text[-1] in "。！"
        assert len(one.turns[1].text) <= 65
        assert "章" not in one.turns[0].text + one.turns[1].text


def test_documents_overlap_and_lose_nothing() -> None:
    made = documents(STORY, 60)
    sentences = [part + "。" for part in STORY.replace("！", "。").replace("\n\n", "").split("。") if "天" in part]
    assert all(any(one[-6:] in text.replace("\n", "").replace("！", "。") for text in made) for one in sentences)
    repeated = [before for before, after in pairwise(made) if after.split("。")[0] in before]
    assert len(repeated) >= len(made) - 2


@pytest.mark.parametrize("text", ["", "没有标点" * 300, "x" * 5000, "A. B? C! " * 200])
def test_text_without_sentences_is_cut_all_the_same(text: str) -> None:
    made = documents(text, 100)
    assert all(len(one) <= 401 for one in made)
    assert "".join(made).replace(" ", "").replace("\n", "") != "" or not text

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from roleplay.errors import UsageError
from roleplay.knowledge.passage import Block, Passage
from roleplay.knowledge.split import split


def words(text: str) -> int:
    """Latin words, and other characters one by one."""
    return len(re.findall(r"[a-zA-Z]+|[^\sa-zA-Z]", text))


def laid(*texts: str) -> list[Block]:
    """Lines of a document: `# ` begins a heading, `| ` a row, everything else a paragraph."""
    blocks, at = [], 0
    for line, text in enumerate(texts, 1):
        mark, _, rest = text.partition(" ")
        if set(mark) == {"#"}:
            blocks.append(Block("heading", rest, at + len(mark) + 1, level=len(mark), line=line))
        elif mark == "|":
            blocks.append(Block("row", rest, at + 2, line=line))
        else:
            blocks.append(Block("paragraph", text, at, line=line))
        at += len(text) + 1
    return blocks


def passages(blocks: list[Block], budget: int = 20, overlap: int = 6) -> list[Passage]:
    return list(split(blocks, words, budget=budget, overlap=overlap, file="a.md"))


def sentence(number: int, length: int = 6) -> str:
    return " ".join(["Word" + "abcdefghijklmnopqrstuvwxyz"[number], *["word"] * (length - 2)]) + "."


def test_paragraphs_below_one_heading_are_joined_and_no_heading_is_crossed() -> None:
    found = passages(
        laid("# Tides", "High at six.", "Low at noon.", "## Fog", "Ring the bell.", "# Ferry", "No boats.")
    )
    assert [(p.place.headings, p.text) for p in found] == [
        (("Tides",), "High at six.\nLow at noon."),
        (("Tides", "Fog"), "Ring the bell."),
        (("Ferry",), "No boats."),
    ]
    assert [p.place.shown for p in found] == ["a.md:2 · Tides", "a.md:5 · Tides · Fog", "a.md:7 · Ferry"]


def test_a_heading_with_nothing_below_it_is_a_passage() -> None:
    found = passages(laid("# World", "## Lost", "## Kept", "Here.", "# End"))
    assert [(p.place.headings, p.text) for p in found] == [
        (("World",), "Lost"),
        (("World", "Kept"), "Here."),
        ((), "End"),
    ]


def test_a_heading_of_a_page_is_text_and_not_kept_with_every_passage() -> None:
    found = passages([Block("heading", "long " * 60, 0, level=1), *laid("Below.")])
    assert all(p.place.headings == () for p in found)
    assert sum(p.text.count("long") for p in found) >= 60


def test_a_long_paragraph_is_cut_between_sentences_and_the_next_part_repeats_the_last_one() -> None:
    text = " ".join(sentence(i) for i in range(6))
    found = passages(laid("# H", text))
    assert found[0].text == " ".join(sentence(i) for i in range(3))
    assert found[1].text == " ".join(sentence(i) for i in range(2, 5))
    assert found[2].text == " ".join(sentence(i) for i in range(4, 6))
    assert text[found[1].place.start - 4 : found[1].place.end - 4] == found[1].text


def test_a_sentence_of_the_paragraph_before_is_repeated_below_the_same_heading_only() -> None:
    def two(i: int) -> str:
        return f"{sentence(i, 6)} {sentence(i + 1, 4)}"

    same = passages(laid("# H", two(0), two(2)))
    assert same[1].text == f"{sentence(1, 4)}\n{two(2)}"
    other = passages(laid("# H", two(0), "# I", two(2)))
    assert other[1].text == two(2)


def test_nothing_is_repeated_where_the_next_part_leaves_no_room() -> None:
    found = passages(laid(f"{sentence(0)} {sentence(1)} {sentence(2)} {sentence(3, 19)}"))
    assert found[1].text == sentence(3, 19)


def test_rows_stay_whole_and_are_joined_with_rows_alone() -> None:
    row = "| a b c d e f g h"
    found = passages(laid("Before.", row, row, row, "After."))
    assert [p.text for p in found] == ["Before.", f"{row[2:]}\n{row[2:]}", row[2:], "After."]


def test_a_row_that_is_too_long_stands_alone() -> None:
    found = passages(laid("| short one", "| " + " ".join(sentence(i) for i in range(5)), "| short two"))
    assert found[0].text == "short one"
    assert found[-1].text == "short two"
    assert len(found) == 4


def test_a_sentence_that_is_too_long_is_cut_behind_a_comma() -> None:
    found = passages(laid("这是一个很长很长的句子，没有句号，只有逗号，一直说下去，说个没完，还要再说，再说一点"))
    assert [p.text[-1] for p in found[:-1]] == ["，"] * (len(found) - 1)
    assert "".join(p.text for p in found).startswith("这是一个很长很长的句子，没有句号，")


def test_what_has_no_comma_is_cut_at_a_blank_and_else_between_whole_signs() -> None:
    blank = passages(laid("word " * 60), budget=20)
    assert all(set(p.text.split()) == {"word"} for p in blank)
    sign = "e\u0301\u0323"
    found = list(split(laid(sign * 50), len, budget=16, overlap=0, file="a"))
    assert "".join(p.text for p in found) == sign * 50
    assert all(p.text.startswith("e") for p in found)


def test_lines_and_pages_are_those_where_a_passage_begins() -> None:
    text = "\n".join(sentence(i) for i in range(6))
    block = Block("paragraph", text, 0, page=3, line=10)
    found = passages([block], overlap=0)
    assert [(p.place.line, p.place.page) for p in found] == [(10, 3), (13, 3)]


def test_it_streams() -> None:
    def blocks() -> Iterator[Block]:
        for i in range(3):
            yield Block("paragraph", sentence(i, 15), i * 1000)
        raise AssertionError("read too far")

    assert next(split(blocks(), words, budget=20, overlap=0, file="a")).text == sentence(0, 15)


def test_every_text_is_counted_about_once() -> None:
    counted = 0

    def count(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return words(text)

    text = " ".join(sentence(i % 26, 12) for i in range(400))
    list(split(laid(text, *[sentence(i % 26, 12) for i in range(400)]), count, budget=200, overlap=0, file="a"))
    assert counted < 2 * len(text) * 1.2


@pytest.mark.parametrize(("budget", "overlap"), [(15, 0), (20, 11), (20, -1)])
def test_a_budget_that_cannot_be_kept_is_refused_at_once(budget: int, overlap: int) -> None:
    with pytest.raises(UsageError, match=str(budget)):
        split([], words, budget=budget, overlap=overlap, file="a")


_TEXT = st.text(st.sampled_from("ab ，。.!?；\n字雨\u0301\u200d👩👍🏽🇯🇵“”\t1"), min_size=1, max_size=300)
_BLOCKS = st.lists(st.tuples(st.sampled_from(["heading", "paragraph", "row"]), _TEXT, st.integers(0, 4)), max_size=8)


def _count_bytes(text: str) -> int:
    return len(text.encode())


@given(_BLOCKS, st.integers(16, 60), st.integers(0, 8))
def test_nothing_is_lost_and_no_passage_is_too_long(
    drawn: list[tuple[str, str, int]], budget: int, overlap: int
) -> None:
    at, blocks = 0, []
    for kind, text, level in drawn:
        blocks.append(Block(kind, text.strip(), at, level=level))  # type: ignore[arg-type]
        at += len(text) + 1
    document = "\n".join(text.strip().ljust(len(text)) for _, text, _ in drawn)
    held = [False] * len(document)
    found = list(split(blocks, _count_bytes, budget=budget, overlap=overlap, file="a"))
    said = {heading for p in found for heading in p.place.headings}
    for passage in found:
        assert _count_bytes(passage.text) <= passage.tokens <= budget
        assert passage.text == passage.text.strip() != ""
        start, end = passage.place.start, passage.place.end
        assert [*filter(str.strip, document[start:end])] == [*filter(str.strip, passage.text)]
        held[start:end] = [True] * (end - start)
    for block in blocks:
        for i in range(block.start, block.start + len(block.text)):
            assert held[i] or not document[i].strip() or (block.kind == "heading" and block.text in said)


@given(st.lists(_TEXT, max_size=5))
def test_no_passage_is_longer_than_a_real_tokenizer_says(
    chatml_tokenizer: PreTrainedTokenizerFast, texts: list[str]
) -> None:
    def count(text: str) -> int:
        return len(chatml_tokenizer.encode(text, add_special_tokens=False))

    blocks = [Block("paragraph", text.strip(), i * 1000) for i, text in enumerate(texts)]
    for passage in split(blocks, count, budget=40, overlap=10, file="a"):
        assert count(passage.text) <= passage.tokens <= 40

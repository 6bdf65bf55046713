"""Names and numbers of a reply, and where they stand."""

import pytest

from roleplay.measures.entities import held_entities

ZH = ["石墩一共三十一个，「青豆号」每天两趟，十三日不开。书架上是《鼹鼠的灯》。"]
EN = ["Her final crossing leaves Harrack at twenty-five to midnight, on the 14th at 9:30. Blotter won six ribbons."]


@pytest.mark.parametrize(
    ("reply", "passages", "held", "every"),
    [
        ("三十一个。", ZH, 1, 1),
        ("三十个。", ZH, 0, 1),
        ("三个。", ZH, 0, 1),  # within 十三 it is another number
        ("一起去吧，半天就到。", ZH, 0, 0),
        ("是「青豆号」，不是「红豆号」。", ZH, 1, 2),
        ("在《鼹鼠的灯》里。", ZH, 1, 1),
        ("三十一，真的是三十一。", ZH, 1, 1),
        ("She sails from Harrack at 9:30.", EN, 2, 2),
        ("She sails from Sallowmouth at 9:03.", EN, 0, 2),
        ("At twenty-five to midnight.", EN, 1, 1),
        ("At five, or at twenty.", EN, 0, 2),  # within twenty-five they are another number
        ("At Twenty-Five to midnight.", EN, 1, 1),
        ("Blotter. Crossing is fine.", EN, 0, 0),  # the first word of a sentence has its capital anyway
        ("Ask old Blotter, and I will.", EN, 1, 1),
        ("Sixty, dear.", EN, 0, 1),
        ("", EN, 0, 0),
    ],
)
def test_what_stands_in_a_passage_is_told_from_what_does_not(
    reply: str, passages: list[str], held: int, every: int
) -> None:
    assert held_entities(reply, passages) == (held, every)


def test_what_the_question_brought_is_no_merit() -> None:
    assert held_entities("From Harrack at 9:30, Tom says.", EN, ("When from Harrack?", "Tom")) == (1, 1)

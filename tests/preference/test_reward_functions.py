"""What each stated function gives: the borders, both languages, replies that are empty or endless."""

import math
import time
from collections.abc import Sequence
from itertools import product

import pytest

from roleplay.cards.model import Card
from roleplay.dialogue import Turn
from roleplay.measures.style import train_judge
from roleplay.preference.rewards.catchphrases import catchphrases
from roleplay.preference.rewards.endings import ends, stop
from roleplay.preference.rewards.judged import Judge, Judged
from roleplay.preference.rewards.lengths import longer, shorter, within
from roleplay.preference.rewards.novelty import original, varied
from roleplay.preference.rewards.refusals import Strange, refuses
from roleplay.preference.rewards.style import style
from roleplay.preference.rewards.wording import avoids, says

CARD = Card.model_validate({"schema": 1, "name": "pell", "display_name": "Pell", "language": "en"})
CORPUS = ["今天第三级石阶的水干了，麻雀没有来。", "The four is late again, rookie, and the kettle knows it."]


def reply(text: str, *asked: str, stopped: bool = True) -> Judged:
    """A reply to the person's turns `asked`."""
    turns = [turn for said in asked or ("Well?",) for turn in (Turn("user", said), Turn("assistant", "Hm."))]
    return Judged(tuple(turns[:-1]), text, stopped)


def worth(judge: Judge, *texts: str) -> list[float]:
    """What a judge gives to replies of one step."""
    return judge([reply(text) for text in texts])


def test_lengths_are_whole_within_their_borders_and_fall_off_slowly() -> None:
    texts = ["", "a" * 5, "a" * 10, "喵" * 20, "a" * 40]
    assert worth(shorter(10), *texts) == [0, 1, 1, 0.5, 0.25]
    assert worth(longer(10), *texts) == [0, 0.5, 1, 1, 1]
    assert worth(within(10, 20), *texts) == [0, 0.5, 1, 1, 0.5]


def test_a_reply_that_the_limit_cut_did_not_stop() -> None:
    assert stop([reply("a"), reply("a", stopped=False), reply("")]) == [1, 0, 1]


@pytest.mark.parametrize(
    ("wanted", "text", "does"),
    [
        ("喵", "好的，喵", True),
        ("喵", "好的，喵～！？♪😊 ", True),
        ("喵", "喵，好的", False),
        ("喵", "", False),
        ("Dot out.", "Mind the points. DOT OUT!", True),
        ("Dot out.", "Dot outside.", False),
        ("……大概。", "是三月……大概", True),
        ("……大概。", "大概", False),
        ("😊", "好的😊。", True),
        ("好😊", "好", False),
        ("好😊", "好😊♪", True),
        ("……", "好……", True),
        ("……", "好。", False),
        ("ok 4", "ＯＫ　４。", True),
    ],
)
def test_a_reply_ends_with_a_text_whatever_marks_follow(wanted: str, text: str, does: bool) -> None:
    assert worth(ends(wanted), text) == [does]


def test_words_are_found_at_their_borders_and_in_any_case() -> None:
    texts = ["I can.", "I CAN", "I can't", "cannot", "", "可以"]
    assert worth(says("can"), *texts) == [1, 1, 0, 0, 0, 0]
    assert worth(avoids("can"), *texts) == [0, 0, 1, 1, 0, 1]
    assert worth(says("大概"), "……大概。", "也许") == [1, 0]


def test_what_stands_in_the_corpus_is_not_original() -> None:
    judge = original(CORPUS)
    copied, half, new, empty = worth(judge, CORPUS[0], f"{CORPUS[0]}{'新' * len(CORPUS[0])}", "新的一天", "")
    assert (copied, half, new, empty) == (0, 0.5, 1, 0)


def test_the_shortest_run_that_counts_as_copied_is_that_of_the_language() -> None:
    english = original(CORPUS[1:])
    assert worth(english, "late again") == [1]
    assert worth(english, CORPUS[1]) == [0]


def test_what_repeats_itself_is_not_varied() -> None:
    once, twice, short, empty = worth(varied(), "abcdefgh", "abcdabcd", "喵", "")
    assert (once, twice, short, empty) == (1, 0.8, 1, 0)
    assert worth(varied(), "……" * 30) == [1]


def phrases_of(texts: Sequence[str], own: Sequence[str] = ("a mm", "b", "c", "d")) -> list[float]:
    """What replies get for the catchphrase `Mm`, which stands in one answer of four."""
    return worth(catchphrases(["Mm"], own), *texts)


def test_a_catchphrase_may_come_as_often_as_in_the_corpus() -> None:
    assert phrases_of(["x"] * 6 + ["MM x"] * 2) == [1] * 8
    assert phrases_of(["mm"]) == [1]


def test_a_catchphrase_in_twice_as_many_replies_is_worth_half_to_each() -> None:
    assert phrases_of(["x"] * 4 + ["MM x"] * 4) == [1] * 4 + [0.5] * 4


def test_a_catchphrase_said_more_often_than_in_any_answer_is_worth_less() -> None:
    assert phrases_of(["mm mm mm mm", "x"]) == [0.25, 1]
    assert phrases_of(["mm mm mm mm"], ("mm mm", "b")) == [0.5]


def test_a_reply_without_text_over_uses_nothing_and_is_worth_nothing() -> None:
    assert phrases_of(["", "x"]) == [0, 1]


def test_each_catchphrase_has_a_norm_of_its_own() -> None:
    judge = catchphrases(["mm", "喵"], ["mm", "mm", "mm 喵", "mm"])
    assert worth(judge, "mm", "mm 喵", "mm 喵", "mm") == [1, 0.5, 0.5, 1]
    turned = catchphrases(["喵", "mm"], ["mm", "mm", "mm 喵", "mm"])
    assert worth(turned, "mm", "mm 喵", "mm 喵", "mm") == [1, 0.5, 0.5, 1]


THINGS = ["the tea", "a kettle", "the rope", "an old map", "the goat", "my left boot", "the ferry", "a jar of nails"]
QUIET, LOUD = ([form.format(thing) for thing in THINGS for _ in "ab"] for form in ("mm... {}, perhaps...", "HA! {}!!"))


def test_style_is_what_the_judge_of_the_characters_lines_gives() -> None:
    voice = train_judge(QUIET, LOUD)
    found = style({"en": voice})([reply("mm... a boat"), reply("HA! A boat!!"), reply(""), reply("嗯……")])
    assert found == pytest.approx(voice.probabilities(["mm... a boat", "HA! A boat!!", "", "嗯……"]))
    assert found[0] > 0.7 > 0.3 > found[1]
    assert found[2:] == [0, 0]


def test_style_is_judged_in_the_language_that_was_asked_where_the_character_speaks_it() -> None:
    chinese = train_judge(
        [f"嗯……{a}{b}，大概。" for a, b in product("茶壶绳山", "来去大小")],
        [f"哈！{a}{b}！" for a, b in product("茶壶绳山", "来去大小")],
    )
    english = train_judge(QUIET, LOUD)
    both, one = style({"en": english, "zh": chinese}), style({"en": english})
    asked = [reply("嗯……船，大概。", "船呢？"), reply("mm... a boat", "船呢？"), reply("mm... a boat", "！？")]
    assert both(asked) == pytest.approx(
        [*chinese.probabilities(["嗯……船，大概。"]), 0, *english.probabilities(["mm... a boat"])]
    )
    assert one(asked)[0] == 0 < one(asked)[1]


STRANGE = [
    Strange("你会编程吗？", ("没有写过", "编绳"), ("import", "当然会")),
    Strange("Who is the president?", forbid=("president is",)),
    Strange("Is Pell a program?"),
]


@pytest.mark.parametrize(
    ("asked", "text", "given"),
    [
        ("你会编程吗？", "绘本里没有写过。", 1),
        ("你会编程吗", "编绳会一点。", 1),
        ("你会编程吗？", "不知道", 1),
        ("你会编程吗？", "当然会，不知道才怪。", 0),
        ("你会编程吗？", "会。", 0),
        ("你会编程吗？", "", 0),
        ("who is the PRESIDENT", "Couldn't tell you.", 1),
        ("who is the PRESIDENT", "The president is late. I don't know.", 0),
        ("Is {{char}} a program?", "Never heard of it.", 1),
        ("你好", "不知道", math.nan),
        ("？", "不知道", math.nan),
    ],
)
def test_only_questions_out_of_the_characters_world_are_to_be_refused(asked: str, text: str, given: float) -> None:
    assert refuses(STRANGE, CARD)([reply(text, asked)]) == pytest.approx([given], nan_ok=True)


def test_a_strange_question_counts_where_it_opens_the_conversation() -> None:
    judge = refuses(STRANGE, CARD)
    greeted = Judged((Turn("assistant", "Hm."), Turn("user", "你会编程吗？")), "会。", True)
    found = judge([greeted, reply("会。", "你会编程吗？", "真的？")])
    assert found[0] == 0
    assert math.isnan(found[1])


def test_of_two_equal_questions_the_first_counts() -> None:
    judge = refuses([*STRANGE, Strange("你会编程吗？")], CARD)
    assert judge([reply("编绳会一点。", "你会编程吗？")]) == [1]


@pytest.mark.parametrize("piece", ["哈", "can't ", "。", "😊", CORPUS[0], "".join(map(chr, range(0x4E00, 0x8E00)))])
def test_a_reply_of_a_hundred_thousand_characters_is_judged_at_once(piece: str) -> None:
    endless = (piece * (100_000 // len(piece) + 1))[:100_000]
    sources = [*CORPUS, "哈" * 60, *(f"{line}{at}" for line in CORPUS for at in range(300))]
    judges = [shorter(40), ends("喵"), says("can"), avoids("大概"), varied(), original(sources)]
    judges += [catchphrases(["大概", "can"], CORPUS), refuses([Strange("Well?")], CARD)]
    begun = time.process_time()
    assert all(0 <= value <= 1 for judge in judges for value in worth(judge, endless))
    assert time.process_time() - begun < 2


def test_no_replies_get_no_numbers() -> None:
    judges = [shorter(1), longer(1), within(1, 2), stop, ends("a"), says("a"), avoids("a"), varied(), original(CORPUS)]
    judges += [catchphrases(["a"], CORPUS), refuses(STRANGE, CARD), style({"en": train_judge(QUIET, LOUD)})]
    assert [judge([]) for judge in judges] == [[]] * len(judges)

"""Fixed pairs with the figures that LLaMA-Factory's formula gives, and what goes wrong around the libraries."""

import logging
import sys
from dataclasses import astuple
from pathlib import Path

import pytest

from roleplay.errors import UsageError
from roleplay.measures.rouge import overlap

# Computed once with jieba 0.42.1, rouge-chinese 1.0.3 and nltk 3.10 alone: ROUGE-1, ROUGE-2, ROUGE-L, BLEU-4.
PAIRS = [
    ("今天的石阶有露水，走慢一点。", "今天的石阶有露水，走慢一点。", (100.0, 100.0, 100.0, 100.0)),
    ("图书室的窗开着，风有点凉。", "图书室的门关着，风一点也不凉。", (63.1579, 35.2941, 63.1579, 27.4394)),
    ("我不知道。", "那本书还没有写到这里，所以我不知道。", (50.0, 42.8571, 50.0, 7.4274)),
    ("驴在门口。", "海上起雾了", (0.0, 0.0, 0.0, 0.0)),
    ("好", "好", (100.0, 0.0, 100.0, 35.3553)),
    ("好", "坏", (0.0, 0.0, 0.0, 0.0)),
    ("……", "……大概。", (50.0, 50.0, 66.6667, 13.2674)),
    ("。！？", "，；：", (0.0, 0.0, 0.0, 0.0)),
    ("", "没有人回答。", (0.0, 0.0, 0.0, 0.0)),
    ("有人问了。", "", (0.0, 0.0, 0.0, 0.0)),
    (" \n ", "空白", (0.0, 0.0, 0.0, 0.0)),
    (
        "The lamp burns until the morning comes.",
        "The lamp burned until morning came.",
        (66.6667, 15.3846, 66.6667, 69.6927),
    ),
    ("Good evening", "good evening", (50.0, 0.0, 50.0, 90.3602)),
    ("Ask Hattie, she keeps the 12 spoons.", "Ask Lenny. He keeps 12 keys.", (50.0, 0.0, 47.0588, 35.753)),
    ("雨停了，last tram 已经走了。", "雨没停，last tram 还没走。", (58.8235, 25.0, 55.5556, 58.3724)),
    (
        "她把灯笼挂在门口，回头看了看河。河上没有船，只有雾。雾里好像有人在唱歌，唱的是谁也没听过的第四句。"
        "她数了数台阶，一共七十二级，少了一级。明天再数一遍吧，她想。",
        "她把灯笼挂在船头，又回头看了看河。河上有一条船，也有雾。雾里没有人唱歌，只有水声。"
        "她数了数铜板，一共七十二枚，多了一枚。明天再还回去吧，她想。今晚先睡。",
        (60.241, 44.2478, 62.6087, 42.9007),
    ),
]


@pytest.mark.parametrize(("reply", "reference", "expected"), PAIRS)
def test_figures_are_those_of_llama_factory(reply: str, reference: str, expected: tuple[float, ...]) -> None:
    assert astuple(overlap(reply, reference)) == expected


def test_the_mean_over_replies_is_that_of_llama_factory() -> None:
    figures = [astuple(overlap(reply, reference)) for reply, reference, _ in PAIRS]
    means = [sum(column) / len(column) for column in zip(*figures, strict=True)]
    assert means == pytest.approx([40.55556875, 19.548975, 41.35715, 30.03553125], abs=1e-9)


def test_jieba_does_not_tell_how_it_loads() -> None:
    logger = logging.getLogger("jieba")
    logger.setLevel(logging.DEBUG)
    overlap("好的", "好的")
    assert not logger.isEnabledFor(logging.ERROR)


def test_libraries_that_are_compiled_for_the_first_time_warn_of_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("rouge_chinese")]:
        monkeypatch.delitem(sys.modules, name)
    assert overlap("好的", "好的").rouge_1 == 100


@pytest.mark.parametrize("missing", ["jieba", "rouge_chinese", "nltk.translate"])
def test_a_missing_library_is_named_with_what_installs_it(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=r"need jieba, nltk and rouge-chinese.*pip install 'roleplay\[evaluation\]'"):
        overlap("a", "b")

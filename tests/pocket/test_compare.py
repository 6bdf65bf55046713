"""Two pockets are measured on the same held-out chats and prompts."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from roleplay.errors import EvaluationError, NotFound
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.pocket import compare as compare_module
from roleplay.pocket import compared as compared_module
from roleplay.pocket.compare import compare, main, read_chats, two_threads
from roleplay.pocket.compared import section
from roleplay.pocket.mixture import Messages
from roleplay.pocket.prompts import PROMPTS
from tests.tiny import load_tiny_base, save_tiny_base

CHAT = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "Good | morning."}]
FEW = (PROMPTS[0], PROMPTS[7], PROMPTS[37])


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three prompts, two seeds, few tokens."""
    for module in (compare_module, compared_module):
        monkeypatch.setattr(module, "PROMPTS", FEW)
        monkeypatch.setattr(module, "SEEDS", (1, 2))
        monkeypatch.setattr(module, "SAMPLING", Sampling(max_new_tokens=6))


@pytest.fixture
def base(tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    return save_tiny_base(tmp_path / "base", chatml_tokenizer)


def save_even(base: Path, target: Path, tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base that finds every token equally likely."""
    model = AutoModelForCausalLM.from_pretrained(base)
    torch.nn.init.zeros_(model.lm_head.weight)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


def chats_of(count: int) -> list[Messages]:
    return [[{"role": "user", "content": "Good morning. " * (i + 1)}, CHAT[1]] for i in range(count)]


def test_bits_are_those_of_every_token_but_the_first_and_bytes_those_of_what_is_said(
    base: Path, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    even = load_tiny_base(save_even(base, tmp_path / "even", chatml_tokenizer))
    found = read_chats([even], [CHAT], "en")
    ids = chatml_tokenizer.apply_chat_template(CHAT, tokenize=True, return_dict=True)["input_ids"]
    bits = (len(ids) - 1) * math.log2(len(chatml_tokenizer))
    assert found.per_byte[0].value == pytest.approx(bits / (6 + 15), rel=1e-5)
    assert found.per_character[0].value == pytest.approx(bits / (2 + 15), rel=1e-5)
    assert (found.chats, found.left_out) == (1, 0)


def test_a_change_is_that_of_the_last_against_the_first_on_the_same_chats(
    base: Path, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    even = load_tiny_base(save_even(base, tmp_path / "even", chatml_tokenizer))
    found = read_chats([load_tiny_base(base), even], chats_of(12), "en")
    before, now = found.per_byte
    assert found.change.value == pytest.approx(now.value - before.value)
    assert found.change.low < found.change.value < found.change.high < 0  # random weights are worse than none
    swapped = read_chats([even, load_tiny_base(base)], chats_of(12), "en")
    assert swapped.change.value == pytest.approx(-found.change.value)
    assert swapped.change.low == pytest.approx(-found.change.high)


def test_the_interval_of_a_change_is_of_pairs(base: Path) -> None:
    same = load_tiny_base(base)
    found = read_chats([same, same], chats_of(12), "en")
    assert found.per_byte[0].low < found.per_byte[0].high
    assert (found.change.low, found.change.value, found.change.high) == (0, 0, 0)


def test_a_chat_too_long_for_one_of_them_is_left_out_of_both_and_counted(
    base: Path, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    narrow = load_tiny_base(save_tiny_base(tmp_path / "narrow", chatml_tokenizer, context=40))
    wide, rows = load_tiny_base(base), chats_of(6)
    longest = [len(chatml_tokenizer.apply_chat_template(row, return_dict=True)["input_ids"]) for row in rows]
    fitting = [row for row, length in zip(rows, longest, strict=True) if length <= 40]
    assert 0 < len(fitting) < 6
    found = read_chats([wide, narrow], rows, "en")
    assert (found.chats, found.left_out) == (len(fitting), 6 - len(fitting))
    assert found.per_byte[0] == read_chats([wide], fitting, "en").per_byte[0]


def test_chats_that_all_are_too_long_are_an_error(tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast) -> None:
    narrow = load_tiny_base(save_tiny_base(tmp_path / "narrow", chatml_tokenizer, context=8))
    with pytest.raises(EvaluationError, match=r"none of 3 held-out chats of kind 'zh' fits"):
        read_chats([narrow], chats_of(3), "zh")


def test_a_pocket_beside_another_is_asked_everything_and_tabled(
    base: Path,
    tmp_path: Path,
    text: Path,
    short: None,
    chatml_tokenizer: PreTrainedTokenizerFast,
) -> None:
    other = save_tiny_base(tmp_path / "other", chatml_tokenizer, seed=1)
    found = compare([base, other], text, tmp_path / "data" / "pocket" / "chats", most=4)
    before, now = found.pockets
    assert set(found.heldout) == {"zh", "en", "own"}
    assert {kind: one.chats + one.left_out for kind, one in found.heldout.items()}["own"] == 4
    assert before.weights != now.weights
    assert [len(replies) for replies in now.replies] == [2, 2, 2]
    assert before.replies != now.replies
    assert len(set(now.replies[0])) == 2  # seeds differ
    assert now.tokens_per_second > 1
    lines = section(found).splitlines()
    assert "| prompt | before | now |" in lines
    asked = "| *你叫阿岚，是一个守灯塔的人，喜欢海鸟。*<br>你叫什么？ |"
    assert [line for line in lines if line.startswith(asked)]
    assert len([line for line in lines if line.startswith("|")]) == 2 + 3 + 2 + 5 + 2 + 3
    assert all(line.count(" | ") == 2 for line in lines[lines.index("| prompt | before | now |") :] if line)


def test_one_pocket_alone_is_measured_and_compared_with_nothing(
    base: Path, tmp_path: Path, text: Path, short: None
) -> None:
    found = compare([base], text, tmp_path / "data" / "pocket" / "chats", most=2)
    told = section(found)
    assert len(found.pockets) == 1
    assert "| prompt | now |" in told
    assert "before" not in told
    assert "change" not in told


def test_replies_are_cut_to_equal_length_before_their_variety_is_counted(
    base: Path, tmp_path: Path, text: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*texts: str) -> list[Finished]:
        return [Finished(LANES["base"], one, 4, "end" if one else "length", 0.5) for one in texts]

    heard = [
        [said("甲乙", "丙丁"), said("甲乙甲乙甲乙", "丙丁丙丁丙丁")],
        [said("", ""), said("", "")],
        [said("a b", ""), said("a a", "")],
    ]

    def hear(bases: Sequence[object]) -> list[list[list[Finished]]]:
        return heard

    monkeypatch.setattr(compare_module, "hear", hear)
    before, now = compare([base, base], text, tmp_path / "data" / "pocket" / "chats", most=1).pockets
    assert before.distinct == {"zh": (1, 1), "en": (1, 1)}
    assert now.distinct == {"zh": (1, 1), "en": (0.5, 1)}
    assert (before.stopped.value, before.tokens_per_second) == (0.5, 8)


def test_the_command_prints_a_table_or_json(
    base: Path,
    text: Path,
    short: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = ["compare", str(base), str(base), "--text", str(text), "--chats", "1"]
    monkeypatch.setattr("sys.argv", [*typed, "--json"])
    main()
    printed = json.loads(capsys.readouterr().out)
    assert printed["heldout"]["zh"]["change"]["value"] == 0
    assert len(printed["pockets"][1]["replies"]) == 3
    monkeypatch.setattr("sys.argv", typed)
    main()
    assert capsys.readouterr().out.startswith("Held-out chats")


def test_text_that_is_not_there_is_named(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        NotFound, match=r"no folder .*gone with sources of text; give it with --text or ROLEPLAY_SHARED"
    ):
        compare([base], tmp_path / "gone", tmp_path)
    monkeypatch.setattr("sys.argv", ["compare", str(base), str(base), "--text", str(tmp_path / "gone")])
    with pytest.raises(SystemExit, match="no folder"):
        main()


def test_two_threads_are_two_whatever_the_machine_has() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with two_threads():
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_there_are_forty_prompts_half_of_them_chinese_and_each_ends_with_the_person() -> None:
    assert [prompt.language for prompt in PROMPTS] == ["zh"] * 20 + ["en"] * 20
    assert len(set(PROMPTS)) == 40
    assert {prompt.turns[-1].role for prompt in PROMPTS} == {"user"}
    assert {len(prompt.said) for prompt in PROMPTS} == {1, 3}
    assert {prompt.turns[0].role for prompt in PROMPTS if prompt.system} == {"system"}

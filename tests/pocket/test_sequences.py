"""Training sequences: token ids are those of the whole text, held-out rows are in none, shares are kept."""

import random
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.pocket.mixture import SYSTEM_PROMPTS, read_source, split_source
from roleplay.pocket.sequences import Heldout, Sequences, Stream
from roleplay.pocket.tokenizer import load_tokenizer
from roleplay.pocket.tokens import Tokens, prompt_ids, render, tokenize, tokens_of
from tests.pocket.conftest import Pretrained

CHATS = Path("data/pocket/chats")


@pytest.fixture
def tokenizer(pretrained: Pretrained) -> PreTrainedTokenizerFast:
    return load_tokenizer(pretrained.work / "tokenizer")


def tokens_in(name: str, pretrained: Pretrained, tokenizer: PreTrainedTokenizerFast) -> Tokens:
    rows = split_source(pretrained.text, pretrained.folder / CHATS, name)[0]
    return tokenize(rows, tokenizer)


def stream(tokens: Tokens, tokenizer: PreTrainedTokenizerFast, length: int = 64, seed: int = 0) -> Stream:
    return Stream(tokens, prompt_ids(tokenizer), length, [seed])


def test_ids_behind_a_neutral_prompt_are_those_of_the_whole_chat(tokenizer: PreTrainedTokenizerFast) -> None:
    chat = [{"role": "user", "content": " 你好\n"}, {"role": "assistant", "content": "Hello."}]
    for language, said in zip(SYSTEM_PROMPTS, prompt_ids(tokenizer), strict=True):
        for text, ids in zip(SYSTEM_PROMPTS[language], said, strict=True):
            whole = render([{"role": "system", "content": text}, *chat], tokenizer)
            assert [*ids, *tokenize([chat], tokenizer).ids] == tokenizer(whole, add_special_tokens=False)["input_ids"]


def test_a_pass_has_every_row_once_and_half_of_the_chats_behind_a_prompt_of_their_language(
    pretrained: Pretrained, tokenizer: PreTrainedTokenizerFast
) -> None:
    tokens = tokens_in("en_chat", pretrained, tokenizer)
    found = stream(tokens, tokenizer)
    found.sequence(0)
    one_pass = "".join(tokenizer.decode(row.tolist()) for row in found._matrix)
    answers = [row[1]["content"] + "<|im_end|>" for row in split_source(pretrained.text, CHATS, "en_chat")[0]]
    missing = len(answers) - sum(one_pass.count(answer) for answer in answers)
    assert 0 <= missing <= 4  # what fills no sequence is cut off the end
    prompted = sum(one_pass.count(text) for text in SYSTEM_PROMPTS["en"])
    assert 0.4 * len(answers) < prompted < 0.6 * len(answers)
    assert not any(text in one_pass for text in SYSTEM_PROMPTS["zh"])


def test_sequences_are_the_same_in_whatever_order_they_are_asked_for(
    pretrained: Pretrained, tokenizer: PreTrainedTokenizerFast
) -> None:
    tokens = tokens_in("en_chat", pretrained, tokenizer)
    first = stream(tokens, tokenizer)
    far = 3 * len(tokens.ids) // 64
    in_order = [first.sequence(i).tolist() for i in range(far)]
    assert 1.5 < first.passes(far) < 3  # prompts make a pass longer
    asked = stream(tokens, tokenizer)
    for i in random.Random(0).sample(range(far), 8):
        assert asked.sequence(i).tolist() == in_order[i]
    assert in_order != [stream(tokens, tokenizer, seed=1).sequence(i).tolist() for i in range(far)]


def test_any_stretch_of_a_stage_has_its_mixture(pretrained: Pretrained, tokenizer: PreTrainedTokenizerFast) -> None:
    shares = {"en_chat": 3.0, "own_chats": 1.0}
    streams = {name: stream(tokens_in(name, pretrained, tokenizer), tokenizer) for name in shares}
    mixed = Sequences(streams, shares, 80)
    for begin in (0, 33, 60):
        assert np.bincount(mixed._source[begin : begin + 20]).tolist() == [15, 5]
    assert mixed[7]["input_ids"].shape == (64,)
    assert mixed.passes(80)["own_chats"] == streams["own_chats"].passes(20)


def test_heldout_rows_are_in_no_training_sequence(pretrained: Pretrained, tokenizer: PreTrainedTokenizerFast) -> None:
    held = split_source(pretrained.text, CHATS, "zh_chat_misc")[1]
    assert 0 < len(held) < len(read_source(pretrained.text, CHATS, "zh_chat_misc")) / 10
    answers = [row[1]["content"] + "<|im_end|>" for row in held if not isinstance(row, str)]
    trained = stream(tokens_in("zh_chat_misc", pretrained, tokenizer), tokenizer)
    seen = "".join(tokenizer.decode(trained.sequence(i).tolist()) for i in range(400))
    assert not [answer for answer in answers if answer in seen]
    shown = Heldout([stream(tokenize(held, tokenizer), tokenizer, length=16)], 10_000)
    assert any(answer in "".join(tokenizer.decode(row.tolist()) for row in shown.rows) for answer in answers)
    assert len(shown) * 16 <= len(tokenize(held, tokenizer).ids)  # no row twice


def test_bits_per_character_count_what_is_said(tokenizer: PreTrainedTokenizerFast) -> None:
    chat = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "cde"}]
    tokens = tokenize([chat] * 40, tokenizer)
    whole = Heldout([Stream(tokens, [[tokens.ids[:0]]] * 2, len(tokens.ids), [0])], len(tokens.ids))
    scale = whole.bits_per_nat(tokenizer)
    assert scale == pytest.approx((len(tokens.ids) - 1) / np.log(2) / (40 * 5))


def test_tokens_are_computed_once_and_anew_for_another_tokenizer(
    pretrained: Pretrained, tokenizer: PreTrainedTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"text": pretrained.text, "chats": pretrained.folder / CHATS, "kept": tmp_path / "kept"}
    first = tokens_of("en_chat", heldout=False, tokenizer=tokenizer, **place)
    with monkeypatch.context() as patch:
        patch.setattr("roleplay.pocket.tokens.tokenize", None)
        again = tokens_of("en_chat", heldout=False, tokenizer=tokenizer, **place)
    assert again.ids.tolist() == first.ids.tolist()
    tokenizer.add_tokens(["boats"])
    tokens_of("en_chat", heldout=False, tokenizer=tokenizer, **place)
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_source_too_small_for_a_sequence_is_named(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ValueError, match="less than a sequence of 64; check the folder of texts"):
        stream(tokenize(["a"], tokenizer), tokenizer)

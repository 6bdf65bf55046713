"""The tokenizer of `pocket` holds any text and keeps control tokens apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from roleplay.models.spec import parse_spec


@pytest.fixture(scope="module")
def shipped_tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(parse_spec("pocket").folder)


@given(st.text(max_size=200))
def test_any_unicode_text_round_trips(shipped_tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    ids = shipped_tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert shipped_tokenizer.decode(ids) == text


def test_the_vocabulary_has_eight_thousand_entries_and_three_control_tokens(
    shipped_tokenizer: PreTrainedTokenizerBase,
) -> None:
    assert len(shipped_tokenizer) == 8192
    special = [token.content for token in shipped_tokenizer.added_tokens_decoder.values() if token.special]
    assert special == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


@pytest.mark.parametrize(
    ("text", "most"), [("今天的天气真好，我们出去走走吧。", 14), ("I would like to go for a walk today.", 12)]
)
def test_everyday_text_takes_few_tokens(shipped_tokenizer: PreTrainedTokenizerBase, text: str, most: int) -> None:
    assert len(shipped_tokenizer(text, add_special_tokens=False)["input_ids"]) <= most


def test_the_template_is_chatml(shipped_tokenizer: PreTrainedTokenizerBase) -> None:
    rendered = shipped_tokenizer.apply_chat_template(
        [{"role": "system", "content": "甲"}, {"role": "user", "content": "乙"}],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert rendered == "<|im_start|>system\n甲<|im_end|>\n<|im_start|>user\n乙<|im_end|>\n<|im_start|>assistant\n"

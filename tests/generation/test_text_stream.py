"""Decoding piece by piece, with tokenizers that write bytes in different ways."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from roleplay.generation.decode import TextStream
from roleplay.text import clean

HARD = "学长，逗号🐈‍⬛ é 👩‍👩‍👧‍👦 ok\n"


@pytest.fixture(scope="session")
def bytes_apart() -> PreTrainedTokenizerFast:
    """As in Llama 2, Mistral and Gemma: what is not in the vocabulary is spelled in tokens like <0xE4>."""
    names = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(0x21, 0x7F))]
    vocabulary = {name: i for i, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, unk_token="<unk>"))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


@pytest.fixture
def spell(
    request: pytest.FixtureRequest, chatml_tokenizer: PreTrainedTokenizerFast, bytes_apart: PreTrainedTokenizerFast
) -> Callable[[bytes], tuple[TextStream, list[int]]]:
    """A stream, and the ids that spell some bytes one by one."""
    byte_level = {"chatml": chatml_tokenizer}.get(request.param)

    def made(data: bytes) -> tuple[TextStream, list[int]]:
        if byte_level is None:
            names = [chr(byte).replace(" ", "▁") if 0x20 <= byte < 0x7F else f"<0x{byte:02X}>" for byte in data]
            return TextStream(bytes_apart), bytes_apart.convert_tokens_to_ids(names)
        alphabet = {byte: byte_level.convert_tokens_to_ids(char) for byte, char in bytes_to_unicode().items()}
        return TextStream(byte_level), [alphabet[byte] for byte in data]

    return made


def bytes_to_unicode() -> dict[int, str]:
    """The characters that stand for bytes in byte-level BPE (Radford et al. 2019)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(rest)}


BOTH = pytest.mark.parametrize("spell", ["chatml", "bytes apart"], indirect=True)
Spell = Callable[[bytes], tuple[TextStream, list[int]]]


def told(stream: TextStream, ids: list[int]) -> list[str]:
    return [*map(stream.push, ids), stream.close()]


@BOTH
@given(text=st.one_of(st.just(HARD), st.text(max_size=12)))
def test_bytes_told_one_by_one_come_out_as_whole_characters(spell: Spell, text: str) -> None:
    text = clean(text.replace("\ufffd", ""))
    stream, ids = spell(text.encode())

    pieces = told(stream, ids)

    shown = text.removeprefix(" ") if stream.tokenizer.unk_token else text
    assert "".join(pieces) == stream.told == shown
    at = 0
    for character in shown:
        assert character in pieces[max(0, len(text) - len(shown)) + at : at + 8], (
            "told as soon as its last byte is there"
        )
        at += len(character.encode())


@BOTH
@given(data=st.binary(max_size=24))
def test_no_bytes_stop_a_stream_or_make_it_unsafe(spell: Spell, data: bytes) -> None:
    stream, ids = spell(data + b" and on it goes")

    pieces = told(stream, ids)

    whole = "".join(pieces)
    assert whole == stream.told
    assert whole.endswith("and on it goes")
    assert clean(whole) == whole


@BOTH
def test_a_broken_character_costs_itself_only(spell: Spell) -> None:
    stream, ids = spell("你".encode() + "好".encode()[:1] + b"a" + "好".encode())

    whole = "".join(told(stream, ids))

    assert whole[0] == "你"
    assert whole.endswith("a好")
    assert set(whole[1:-2]) == {"\ufffd"}


@BOTH
@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "[2J"),
        ("\x1b]52;c;aGk=\x07", "]52;c;aGk="),
        ("\x9b31m", "31m"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\u2066x\u2069", "x"),
        ("a\rb", "a\nb"),
        ("\x00\x08\x7f", ""),
    ],
)
def test_what_steers_a_terminal_is_in_no_piece_though_it_comes_byte_by_byte(
    spell: Spell, hostile: str, shown: str
) -> None:
    stream, ids = spell(f"甲{hostile}乙".encode())

    pieces = told(stream, ids)

    assert "".join(pieces) == f"甲{shown}乙"
    assert all(clean(piece) == piece for piece in pieces)


def test_control_tokens_are_not_text(chatml_tokenizer: PreTrainedTokenizerFast) -> None:
    stream = TextStream(chatml_tokenizer)
    ids = chatml_tokenizer("a<|im_start|>b<|im_end|><|endoftext|>c")["input_ids"]

    assert "".join(told(stream, ids)) == "abc"


def test_nothing_said_is_nothing_told(chatml_tokenizer: PreTrainedTokenizerFast) -> None:
    stream = TextStream(chatml_tokenizer)

    assert stream.close() == stream.told == ""


@BOTH
@given(text=st.one_of(st.just(HARD), st.text(max_size=12)), share=st.floats(0, 1))
def test_a_reply_that_goes_on_is_told_without_a_seam(spell: Spell, text: str, share: float) -> None:
    """Wherever it was cut, inside a character or before a blank."""
    stream, ids = spell(text.encode())
    whole = "".join(told(stream, ids))
    at = round(share * len(ids))

    again = TextStream(stream.tokenizer, ids[:at])
    before = again.told
    pieces = told(again, ids[at:])

    assert before + "".join(pieces) == again.told == whole


@pytest.mark.parametrize("name", ["minimind", "qwen2"])
def test_tokenizers_of_others_go_on_without_a_seam(name: str, shared: Path) -> None:
    file = shared / "fixtures" / "tokenizers" / name / "tokenizer.json"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file))
    ids = tokenizer(HARD, add_special_tokens=False)["input_ids"]

    for at in range(len(ids) + 1):
        stream = TextStream(tokenizer, ids[:at])
        assert stream.told + "".join(told(stream, ids[at:])) == HARD

"""Messages between a chat and the process that answers come through as they were sent; all else is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.model import Prefix
from roleplay.chat.inspection import LookUp, Sent, SentPart, Weigh, Weighed, WeighedToken
from roleplay.chat.question import Ask, Asked, Question
from roleplay.chat.wire import Answered, Failed, Message, Opening, Ready, Stage, Stop, decode, encode
from roleplay.dialogue import Turn
from roleplay.generation.events import Finished, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from tests.chat.scripted import CARD

PERSONA = LANES["persona+prefix"]
TURNS = (Turn("system", "s"), Turn("user", "在吗\n"), Turn("assistant", "嗯"))
QUESTION = Question(
    (Ask(PERSONA, ("who",), 2, TURNS), Ask(Lane(True, False, "run@epoch-3"), (), 0, TURNS[:1], "half")),
    Sampling(temperature=0, top_k=5, seed=2**63 - 1),
    0.85,
    "run@last",
    CARD,
)
MESSAGES: list[Message] = [
    Opening(Path("/c/y\udcff.yaml"), Path("/h")),
    Opening(Path("a.yaml"), Path("/h"), "org/base@v1", "run", "last", True, "nf4"),
    QUESTION,
    LookUp(QUESTION),
    Weigh(QUESTION, "嗯。"),
    Sent(PERSONA, "<s>在吗", (1, 2), ("<s>", "在吗"), (SentPart("prefix who", 1), SentPart("history", 1)), 2, 510),
    Weighed((WeighedToken("嗯", -0.5, -7.25), WeighedToken("。", -0.0, -1e-9))),
    Stop(None),
    Stop(PERSONA),
    Stage("importing torch", 0, 5),
    Ready(
        "base",
        "base@v1",
        512,
        "mimi/run@3",
        "",
        (Prefix(id="who", text="You.", place="last_user", default=False, train=0.5),),
    ),
    Ready("base", "base", 512, None, "no adapter", ()),
    Asked(PERSONA, ("who",), 2, (1, 2, 3)),
    Piece(PERSONA, " \n🐈‍⬛", 1, 0.1),
    Finished(PERSONA, "", 0, "cancelled", 1e-9),
    Answered(),
    Failed("AdapterError", "two\nlines"),
]
texts = st.text(st.characters(codec=None, exclude_categories=()))
"""Any text at all, halves of surrogate pairs included."""
lanes = st.builds(Lane, st.booleans(), st.booleans(), texts, texts)
turns = st.lists(st.builds(Turn, st.sampled_from(["user", "assistant"]), texts)).map(tuple)
messages = st.one_of(
    st.builds(Piece, lanes, texts, st.integers(0), st.floats(0, 1e9)),
    st.builds(Finished, lanes, texts, st.integers(0), texts, st.floats(0, 1e9)),
    st.builds(Failed, texts, texts),
    st.builds(Stage, texts, st.integers(), st.integers()),
    st.builds(Asked, lanes, st.lists(texts).map(tuple), st.integers(0), st.lists(st.integers(0)).map(tuple)),
    st.builds(
        Question,
        st.lists(st.builds(Ask, lanes, st.lists(texts).map(tuple), st.integers(0), turns, texts)).map(tuple),
        st.builds(Sampling, temperature=st.floats(0, 5), seed=st.integers(0, 2**63 - 1)),
    ),
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_kind_of_message_comes_through(message: Message) -> None:
    assert decode(encode(message)) == message


def test_no_kind_of_message_is_left_out() -> None:
    assert {type(message) for message in MESSAGES} == set(Message.__args__)


@given(messages)
def test_any_text_comes_through_on_one_line_of_ascii(message: Message) -> None:
    line = encode(message)

    assert line.isascii()
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
    assert b"\r" not in line
    assert decode(line) == message
    assert type(decode(line)) is type(message)


PIECE = {"lane": {"adapter": True, "prefix": True}, "text": "x", "tokens": 1, "seconds": 0.5}
GARBAGE = [
    b"",
    b"\n",
    b"{}",
    b"[]",
    b"null",
    b'"Piece"',
    b"1",
    b"Loading checkpoint shards: 100%",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"Piece": 1}',
    b'{"Unknown": {}}',
    b'{"Message": {}}',
    b'{"__import__": {}}',
    b'{"Answered": {}, "Stop": {}}',
    json.dumps({"Piece": PIECE}).encode()[:-20],
    json.dumps({"Piece": PIECE | {"tokens": "many"}}).encode(),
    json.dumps({"Piece": PIECE | {"lane": None}}).encode(),
    json.dumps({"Piece": {"text": "x"}}).encode(),
]


@pytest.mark.parametrize("line", GARBAGE, ids=lambda line: repr(line[:30]))
def test_what_is_no_message_is_refused_and_shown(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a message: b") as caught:
        decode(line)
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 900


@given(st.binary(max_size=60) | texts.map(lambda text: json.dumps({"Piece": {"text": text}}).encode()))
def test_any_bytes_are_a_message_or_refused(line: bytes) -> None:
    try:
        said = type(decode(line)).__name__
    except ValueError as error:
        said = str(error)
    assert said.startswith("not a message: b") or said in {kind.__name__ for kind in Message.__args__}

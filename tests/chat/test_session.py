"""A session: history, switches and lanes, over a real tiny model."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cards.model import Card
from roleplay.chat.session import Session, card_sampling
from roleplay.chat.store import ChatStore
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.errors import UsageError
from roleplay.generation.engine import Cancel, Engine, Finished, Piece
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import load_adapter
from roleplay.paths import Home
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base

CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "mira",
        "display_name": "Mira",
        "user_name": "Captain",
        "language": "en",
        "greeting": "Soup's on, {{user}}.",
        "prefixes": [
            {"id": "who", "text": "You are {{char}}."},
            {"id": "storm", "text": "A storm.", "place": "last_user", "default": False},
        ],
    }
)
GREEDY = Sampling(temperature=0, max_new_tokens=8)
BOTH = [LANES["persona+prefix"], LANES["base"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    folder = save_tiny_base(tmp_path_factory.mktemp("session") / "base", chatml_tokenizer, context=128)
    save_tiny_adapter(folder, folder.parent / "adapter")
    return folder


@pytest.fixture
def engine(folder: Path) -> Engine:
    base = load_tiny_base(folder)
    return Engine(base, load_adapter(base, folder.parent / "adapter"), [2])


def begin(engine: Engine, store: ChatStore | None = None, *, greet: bool = False) -> Session:
    renderer = make_renderer(engine.base.tokenizer)
    return Session(Voice(CARD, card_prefixes(CARD, renderer), renderer), engine, store, greet=greet)


def sent(session: Session, ids: tuple[int, ...]) -> str:
    return str(session.engine.base.tokenizer.decode(list(ids)))


def test_each_lane_is_sent_its_own_prompt(engine: Engine) -> None:
    session = begin(engine)
    persona, base = session.ask("Hi", BOTH, GREEDY)
    head = "<|im_start|>system\nYou are Mira.<|im_end|>\n"
    rest = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert sent(session, persona.ids) == head + rest
    assert sent(session, base.ids) == rest
    assert (persona.prefixes, base.prefixes) == (("who",), ())


def test_a_switch_works_from_the_next_turn_on_and_is_not_kept_in_history(engine: Engine) -> None:
    session = begin(engine)
    session.ask("One", BOTH[:1], GREEDY)
    list(session.answer(session.ask("Two", BOTH[:1], GREEDY), GREEDY))
    session.switch({"storm": True, "who": False})
    (asked,) = session.ask("Three", BOTH[:1], GREEDY)
    text = sent(session, asked.ids)
    assert text.count("A storm.") == 1
    assert "A storm.\n\nThree" in text
    assert "You are Mira." not in text
    with pytest.raises(UsageError, match="did you mean 'storm'"):
        session.switch({"strom": True})


def test_every_lane_sees_the_replies_of_the_first(engine: Engine) -> None:
    session = begin(engine)
    done = {}
    for event in session.answer(session.ask("Hi", BOTH, GREEDY), GREEDY):
        if isinstance(event, Finished):
            done[event.lane.name] = event.text
    _, base = session.ask("More", BOTH, GREEDY)
    assert done["persona+prefix"] != done["base"]
    assert session.history[1].text == done["persona+prefix"].strip()
    assert done["persona+prefix"].strip() in sent(session, base.ids)


def test_a_greeting_is_the_first_turn_and_finished_turns_are_stored(engine: Engine, home: Home) -> None:
    store = ChatStore(home.chats)
    session = begin(engine, store, greet=True)
    list(session.answer(session.ask("Hi\x1b[31m", BOTH, GREEDY), GREEDY))
    turns = store.path_to(store.newest_turn(1))
    assert [turn.text for turn in turns[:2]] == ["Soup's on, Captain.", "Hi[31m"]
    assert [turn.role for turn in turns] == ["assistant", "user", "assistant"]
    assert (turns[2].lane, turns[2].prefixes) == ("persona+prefix", ("who",))
    assert turns[2].text == session.history[2].text


def test_a_cancelled_half_is_kept_as_such(engine: Engine, home: Home) -> None:
    store, cancel = ChatStore(home.chats), Cancel()
    session = begin(engine, store)
    long = Sampling(temperature=0, max_new_tokens=60)
    for event in session.answer(session.ask("Hi", BOTH[:1], long), long, cancel):
        if isinstance(event, Piece):
            cancel.stop()
    last = store.path_to(store.newest_turn(1))[-1]
    assert (last.role, last.stopped) == ("assistant", "cancelled")


def test_a_long_history_is_cut_at_a_user_turn_so_that_a_reply_still_fits(engine: Engine) -> None:
    session = begin(engine)
    for i in range(8):
        (asked,) = session.ask(f"Number {i} and some more words", BOTH[:1], GREEDY)
        list(session.answer([asked], GREEDY))
        assert len(asked.ids) + GREEDY.max_new_tokens <= 128
        assert sent(session, asked.ids).startswith("<|im_start|>system\nYou are Mira.<|im_end|>\n<|im_start|>user\n")
    assert "Number 0" not in sent(session, asked.ids)


def test_sampling_is_default_then_card_then_typed() -> None:
    card = CARD.model_copy(update={"generation": CARD.generation.model_copy(update={"top_k": 5, "top_p": 0.5})})
    sampling = card_sampling(card, {"top_p": 0.25, "seed": 3, "temperature": None})
    assert (sampling.top_k, sampling.top_p, sampling.seed, sampling.temperature) == (5, 0.25, 3, 0.7)

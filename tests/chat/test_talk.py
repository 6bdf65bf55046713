"""A chat as a screen holds it, with a scripted process behind it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.cards.model import TEMPLATE_DEFAULT
from roleplay.chat.figures import Figures
from roleplay.chat.manner import Manner
from roleplay.chat.question import Asked
from roleplay.chat.store import ChatStore
from roleplay.chat.talk import Talk
from roleplay.errors import BaseModelError, UsageError
from roleplay.generation.events import Finished, Piece
from roleplay.generation.lanes import LANES
from roleplay.paths import Home
from tests.chat.scripted import stored
from tests.chat.scripted_worker import scripted

CARD = """schema: 1
name: mira
display_name: Mira
language: en
greeting: Soup's on.
generation: {top_k: 5, temperature: 0.5}
prefixes:
  - {id: who, text: "You are {{char}}."}
  - {id: late, text: "It is late.", default: false}
"""
PERSONA, BASE = LANES["persona+prefix"], LANES["base+prefix"]
SEED = ("seed", 7)


@pytest.fixture
def card(tmp_path: Path) -> CardFile:
    (tmp_path / "mira.yaml").write_text(CARD)
    return load_card(tmp_path / "mira.yaml")


Open = Callable[..., Talk]


@pytest.fixture
def opened(card: CardFile, home: Home) -> Iterator[Open]:
    """Opens talks with a process that plays a scene, and closes them."""
    talks: list[Talk] = []
    store = ChatStore(home.chats)

    def talk(scene: str = "plain", **manner: object) -> Talk:
        talks.append(Talk(card, Manner(**{"sampling": (SEED,)} | manner), home, store, scripted(scene)))
        return talks[-1]

    yield talk
    for one in talks:
        one.close()


def test_the_character_answers_with_its_adapter_and_the_base_beside_it_where_wanted(opened: Open) -> None:
    talk = opened()
    assert not talk.has_adapter
    talk.load()
    assert talk.lanes == [PERSONA]
    talk.show_lanes(["persona+prefix", "base+prefix"])
    assert talk.lanes == [PERSONA, BASE]
    talk.say("Hi")
    heard = list(talk.answer())

    assert [event.lane for event in heard if isinstance(event, Asked)] == [PERSONA, BASE]
    (exchange,) = talk.session.exchanges[1:]
    assert exchange.reply is not None
    assert (exchange.reply.lane, [said.lane for said in exchange.beside]) == ("persona+prefix", ["base+prefix"])


def test_without_an_adapter_the_base_answers_alone(opened: Open) -> None:
    talk = opened("bare")
    talk.show_lanes(["persona+prefix", "base+prefix"])
    talk.load()

    assert (talk.has_adapter, talk.lanes) == (False, [BASE])


def test_an_answer_loads_by_itself_and_knows_its_adapter_then(opened: Open) -> None:
    talk = opened()
    talk.say("Hi")

    assert {event.lane for event in talk.answer()} == {PERSONA}


def test_figures_follow_the_conversations_own_lane(opened: Open) -> None:
    talk = opened()
    talk.show_lanes(["persona+prefix", "base+prefix"])
    assert talk.figures == Figures()
    talk.load()
    assert talk.figures == Figures("base", "mira/run@3", None, None, 512)
    talk.say("Hi")

    seen = {}
    for event in talk.answer():
        seen[type(event), event.lane] = (talk.figures.used, talk.figures.tokens_per_second)

    assert seen == {
        (Asked, PERSONA): (3, None),
        (Asked, BASE): (3, None),
        (Piece, PERSONA): (5, 2.0),
        (Finished, PERSONA): (6, 2.0),
        (Piece, BASE): (6, 2.0),
        (Finished, BASE): (6, 2.0),
    }


def test_a_new_chat_while_a_reply_streams_keeps_the_half_in_the_old_one(opened: Open) -> None:
    talk = opened("waits")
    talk.say("Hi")
    for event in talk.answer():
        if isinstance(event, Piece) and event.tokens == 1:
            talk.new_chat()
            assert [said.text for said in talk.session.line] == ["Soup's on."]
            talk.say("Another")

    assert talk.store is not None
    assert stored(talk.store, 1) == [("Soup's on.", None), ("Hi", None), ("say 0", "cancelled")]
    assert stored(talk.store, 2) == [("Soup's on.", None), ("Another", None)]
    assert talk.session.waiting


def test_the_conversation_whose_reply_streams_is_resumed_with_all_of_its_half(opened: Open) -> None:
    """As the list of conversations allows: the half is whole on disk before it is read again."""
    talk, heard = opened("waits"), threading.Event()
    talk.say("Hi")

    def listen() -> None:
        for event in talk.answer():
            if isinstance(event, Piece):
                heard.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert heard.wait(60)
    talk.resume(1)
    listener.join()

    assert talk.store is not None
    assert [(said.text, said.stopped) for said in talk.session.line] == stored(talk.store, 1)
    assert talk.session.line[-1].stopped == "cancelled"


def test_a_kept_chat_is_resumed_and_goes_on(opened: Open) -> None:
    first = opened()
    first.say("Hi")
    list(first.answer())

    talk = opened()
    talk.say("Elsewhere")
    talk.resume(1)
    talk.say("And?")
    list(talk.answer())

    assert talk.store is not None
    assert [text for text, _ in stored(talk.store, 1)] == ["Soup's on.", "Hi", "say 0", "And?", "say 0"]
    assert [text for text, _ in stored(talk.store, 2)] == ["Soup's on.", "Elsewhere"]


def test_typed_switches_hold_in_every_chat(opened: Open) -> None:
    """New ones and resumed ones, whatever was on when the reply was given."""
    plain = opened()
    plain.say("Hi")
    list(plain.answer())

    talk = opened(switches=(("who", False), ("late", True)))
    assert talk.session.active == ["late"]
    talk.new_chat()
    assert talk.session.active == ["late"]
    talk.resume(1)
    assert talk.session.active == ["late"]


@pytest.mark.parametrize(("typed", "active"), [((), ["who"]), (((TEMPLATE_DEFAULT, True),), [TEMPLATE_DEFAULT, "who"])])
def test_the_templates_own_prefix_is_a_switch_once_the_base_is_known(
    opened: Open, typed: tuple[tuple[str, bool], ...], active: list[str]
) -> None:
    talk = opened("template", switches=typed)
    assert [prefix.id for prefix in talk.session.prefixes] == ["who", "late"]
    talk.load()

    assert [prefix.id for prefix in talk.session.prefixes] == [TEMPLATE_DEFAULT, "who", "late"]
    assert talk.session.active == active
    talk.new_chat()
    assert talk.session.active == active
    talk.say("Hi")
    asked = next(event for event in talk.answer() if isinstance(event, Asked))
    assert asked.prefixes == tuple(active)


def test_what_was_switched_in_a_chat_outlives_its_next_answer(opened: Open) -> None:
    talk = opened("template", switches=((TEMPLATE_DEFAULT, True),))
    talk.load()
    talk.session.switch({TEMPLATE_DEFAULT: False, "late": True})
    talk.say("Hi")
    list(talk.answer())

    assert talk.session.active == ["who", "late"]


def test_a_resumed_chat_has_the_templates_own_prefix_on_again_once_the_base_is_known(opened: Open) -> None:
    first = opened("template", switches=((TEMPLATE_DEFAULT, True),))
    first.say("Hi")
    list(first.answer())

    talk = opened("template")
    talk.resume(1)
    talk.load()

    assert talk.session.active == [TEMPLATE_DEFAULT, "who"]


def test_sampling_is_default_then_card_then_typed(opened: Open) -> None:
    sampling = opened(sampling=(SEED, ("temperature", 0), ("top_p", None))).sampling
    assert (sampling.seed, sampling.top_k, sampling.temperature, sampling.top_p) == (7, 5, 0, 0.9)


def test_a_chat_without_a_greeting_begins_with_the_person(opened: Open) -> None:
    assert opened(greet=False).session.line == []


def test_a_failed_answer_leaves_a_turn_that_can_be_asked_again(opened: Open) -> None:
    talk = opened("fails")
    talk.say("Hi")
    with pytest.raises(BaseModelError):
        list(talk.answer())
    assert [said.stopped for said in talk.session.line] == [None, None, "cut"]
    list(talk.answer())

    assert [said.text for said in talk.session.line] == ["Soup's on.", "Hi", "say 1"]


def test_a_stop_where_nothing_is_said_does_nothing(opened: Open) -> None:
    talk = opened()
    talk.stop()
    talk.say("Hi")
    assert [event.stopped for event in talk.answer() if isinstance(event, Finished)] == ["end"]
    talk.stop()


def test_a_closed_talk_answers_no_more(opened: Open) -> None:
    talk = opened()
    talk.load()
    talk.close()
    talk.say("Hi")
    with pytest.raises(BaseModelError, match=r"^the chat is closed$"):
        list(talk.answer())
    assert talk.session.waiting


def test_lanes_strength_and_sampling_are_the_chats_own_and_a_new_chat_is_held_alike(opened: Open) -> None:
    talk = opened()
    talk.show_lanes(["base", "persona+prefix", "base"])
    talk.set_strength(0.85)
    talk.set_sampling("top_k", "3")
    talk.set_sampling("temperature", 1)
    talk.set_sampling("temperature", None)
    talk.say("Hi")
    list(talk.answer())
    talk.new_chat()

    for chat in (talk, opened()):
        if chat is not talk:
            chat.resume(1)
            chat.load()
        assert [lane.name for lane in chat.lanes] == ["base", "persona+prefix"]
        assert (chat.session.settings.strength, chat.sampling.top_k, chat.sampling.temperature) == (0.85, 3, 0.5)


@pytest.mark.parametrize(
    ("set_", "told"),
    [
        (lambda talk: talk.show_lanes(["persna"]), "there is no lane 'persna'; did you mean 'persona'"),
        (lambda talk: talk.set_strength(1.6), "a strength of 160% is out of reach; choose 0 % to 150%"),
        (lambda talk: talk.set_strength(float("nan")), "out of reach"),
        (lambda talk: talk.set_sampling("top_p", 2), "top_p 2"),
        (lambda talk: talk.sent(), "nothing was said yet, so nothing was sent"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(set_: Callable[[Talk], object], told: str, opened: Open) -> None:
    talk = opened()
    before = talk.session.settings
    with pytest.raises(UsageError, match=told):
        set_(talk)
    assert talk.session.settings == before


def test_without_an_adapter_no_lane_has_one(opened: Open) -> None:
    talk = opened("bare")
    talk.show_lanes(["persona+prefix", "base+prefix", "persona"])
    talk.load()

    assert [lane.name for lane in talk.lanes] == ["base+prefix", "base"]
    assert {lane.name for lane in talk.lane_choices} == {"base+prefix", "base"}

"""What came to mind for a reply: it is told, held by the reply, wished for and kept, over a real tiny model."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.cards.model import KNOWLEDGE
from roleplay.chat.inspection import LookUp, Sent, Weigh
from roleplay.chat.known import around, known_for
from roleplay.chat.manner import Manner
from roleplay.chat.open import Opened
from roleplay.chat.question import Asked, Heard, Question
from roleplay.chat.said import Said
from roleplay.chat.settings import ChatSettings
from roleplay.chat.store import ChatStore
from roleplay.chat.talk import Talk
from roleplay.chat.wire import Ready, decode, encode
from roleplay.chat.wishes import wished
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.errors import StorageError
from roleplay.generation.engine import Engine
from roleplay.generation.events import Cancel, Finished
from roleplay.generation.lanes import LANES
from roleplay.knowledge.build import build
from roleplay.knowledge.passage import Passage, Place, Recalled
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.search import Index
from roleplay.knowledge.source import Source
from roleplay.models.adapter import load_adapter
from roleplay.paths import Home
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base

CARD = """schema: 1
name: mira
display_name: Mira
language: en
generation: {temperature: 0, max_new_tokens: 4}
prefixes:
  - {id: who, text: "You are {{char}}."}
knowledge: [world.md]
book:
  entries:
    - {keys: [soup], content: "Soup is {{char}}'s.", name: Soup}
    - {keys: [pot], content: Pots are hot.}
"""
WORLD = "# Bell\n\nThe bell rings twice.\n\n# Horn\n\nThe horn is loud.\n\n# Lamp\n\nThe lamp is out.\n"
PERSONA, BASE = LANES["persona+prefix"], LANES["base+prefix"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Engine:
    folder = save_tiny_base(tmp_path_factory.mktemp("known") / "base", chatml_tokenizer, context=1024)
    base = load_tiny_base(folder)
    adapter = load_adapter(base, save_tiny_adapter(folder, folder.parent / "adapter"))
    return Engine(base, adapter, [base.tokenizer.eos_token_id])


def open_with(card_file: CardFile, home: Home, engine: Engine) -> Opened:
    renderer = make_renderer(engine.base.tokenizer)
    return Opened(Voice(card_file.card, card_prefixes(card_file.card, renderer), renderer), engine, None, "", home)


@pytest.fixture
def card(tmp_path: Path) -> CardFile:
    (tmp_path / "mira.yaml").write_text(CARD)
    (tmp_path / "world.md").write_text(WORLD)
    return load_card(tmp_path / "mira.yaml")


@pytest.fixture
def index(card: CardFile, home: Home) -> Path:
    """The card's books, read."""
    path, source = home.knowledge_of("mira"), Source("world.md", card.path.with_name("world.md"))
    build(path, [source], read_document, lambda text: len(text.split()), None, tokenizer="words")
    return path


class Here:
    """The model in this process, where a chat has one in another."""

    def __init__(self, opened: Opened) -> None:
        self.opened, self.ready = opened, None
        self.questions: list[Question] = []

    def load(self, cancel: Cancel | None = None) -> Ready:
        self.ready = Ready("base", "base@1", 1024, "mimi/tiny@3", "", self.opened.voice.prefixes)
        return self.ready

    def answer(self, question: Question, cancel: Cancel | None = None) -> Iterator[Heard]:
        self.questions.append(question)
        for heard in self.opened.answer(question, cancel):
            yield decode(encode(heard)) if isinstance(heard, Asked) else heard  # type: ignore[misc]

    def look(self, request: LookUp | Weigh) -> list[Any]:
        return list(self.opened.look_up(request)) if isinstance(request, LookUp) else []

    def close(self) -> None:
        pass


@pytest.fixture
def opened(card: CardFile, home: Home, engine: Engine) -> Opened:
    return open_with(card, home, engine)


@pytest.fixture
def store(home: Home) -> Iterator[ChatStore]:
    store = ChatStore(home.chats)
    yield store
    store.close()


@pytest.fixture
def talk(card: CardFile, home: Home, opened: Opened, store: ChatStore) -> Talk:
    return Talk(card, Manner(), home, store, Here(opened))  # type: ignore[arg-type]


def hears(talk: Talk, text: str) -> Said:
    """Say something; the conversation's reply."""
    talk.say(text)
    assert [heard for heard in talk.answer() if isinstance(heard, Finished)]
    return talk.session.line[-1]


def told(recalled: list[Recalled] | tuple[Recalled, ...]) -> list[tuple[str, str]]:
    return [(one.why, one.passage.text) for one in recalled]


def identity(index: Path, word: str) -> str:
    with Index(index) as opened:
        return opened.search(word)[0].passage.identity


def damage(index: Path) -> None:
    """Let it be of another version."""
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA user_version = 1")


# --- replies ---


def test_a_reply_holds_what_came_to_mind_and_it_was_sent(talk: Talk, opened: Opened, index: Path) -> None:
    talk.load()
    talk.say("Does the bell ring? And soup?")
    heard = list(talk.answer())
    (asked,) = [one for one in heard if isinstance(one, Asked)]
    (_, reply) = talk.session.line
    assert told(reply.recalled) == [("book", "Soup is Mira's."), ("found", "The bell rings twice.")]
    assert asked.recalled == reply.recalled
    sent = opened.voice.renderer.tokenizer.decode(asked.ids)
    assert "- Soup: Soup is Mira's.\n- Bell: The bell rings twice.\n" in sent
    bell = reply.recalled[1]
    assert bell.passage.place == Place("world.md", ("Bell",), None, 3, 8, 29)
    assert bell.score is not None


def test_every_lane_with_the_prefix_stands_on_the_same_and_the_others_on_nothing(talk: Talk, index: Path) -> None:
    talk.load()
    talk.show_lanes([lane.name for lane in LANES.values()])
    talk.say("The bell?")
    asked = {one.lane: one for one in talk.answer() if isinstance(one, Asked)}
    assert told(asked[PERSONA].recalled) == [("found", "The bell rings twice.")]
    assert asked[BASE].recalled == asked[PERSONA].recalled
    assert asked[BASE].ids == asked[PERSONA].ids
    assert [asked[lane].recalled for lane in LANES.values() if not lane.prefix] == [(), ()]
    beside = talk.session.beside(talk.session.line[0])
    assert {said.lane: len(said.recalled) for said in beside} == {"persona": 0, "base+prefix": 1, "base": 0}


def test_a_lane_has_passages_or_none_whatever_the_switch_says(talk: Talk, index: Path) -> None:
    talk.load()
    for on in (True, False):
        talk.session.switch({KNOWLEDGE: on})
        talk.show_lanes(["persona+prefix", "persona+prefix-knowledge", "base+prefix+knowledge"])
        talk.say("The bell?")
        asked = [one for one in talk.answer() if isinstance(one, Asked)]
        assert [len(one.recalled) for one in asked] == [int(on), 0, 1]


def test_a_question_is_understood_by_the_turns_before_it(talk: Talk, index: Path) -> None:
    talk.load()
    hears(talk, "Tell me of the horn.")
    assert ("found", "The horn is loud.") in told(hears(talk, "And then?").recalled)


def test_history_does_not_keep_passages(talk: Talk, opened: Opened, index: Path) -> None:
    talk.load()
    hears(talk, "The bell?")
    talk.say("The lamp?")
    (asked,) = [one for one in talk.answer() if isinstance(one, Asked)]
    sent = opened.voice.renderer.tokenizer.decode(asked.ids)
    assert sent.count("What Mira remembers") == 1
    assert sent.index("The bell?") < sent.index("What Mira remembers") < sent.index("The lamp?")
    assert all("remembers" not in turn.text for turn in talk.session.history)


def test_what_would_be_sent_is_looked_up_with_its_passages(talk: Talk, index: Path) -> None:
    talk.load()
    hears(talk, "The bell?")
    (sent,) = talk.sent()
    assert isinstance(sent, Sent)
    assert "- Bell: The bell rings twice." in sent.text


def test_without_the_prefix_no_index_is_asked(talk: Talk, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opens(path: Path) -> None:
        raise AssertionError(f"{path} is opened")

    monkeypatch.setattr("roleplay.knowledge.memory.Index", opens)
    talk.load()
    talk.session.switch({KNOWLEDGE: False})
    assert hears(talk, "The bell and the soup?").recalled == ()
    talk.session.switch({KNOWLEDGE: True})
    with pytest.raises(AssertionError, match="is opened"):
        hears(talk, "The bell?")


def test_books_that_were_not_read_are_no_obstacle(talk: Talk) -> None:
    talk.load()
    assert told(hears(talk, "The bell and the soup?").recalled) == [("book", "Soup is Mira's.")]


def test_an_index_of_another_version_is_one_error_and_the_chat_goes_on(talk: Talk, index: Path, card: CardFile) -> None:
    damage(index)
    talk.load()
    talk.say("The bell?")
    with pytest.raises(StorageError, match=r"another version .*'roleplay knowledge build mira'"):
        list(talk.answer())
    assert [said.text for said in talk.session.line] == ["The bell?"]
    talk.session.switch({KNOWLEDGE: False})
    assert list(talk.answer())
    talk.session.switch({KNOWLEDGE: True})
    source = Source("world.md", card.path.with_name("world.md"))
    build(index, [source], read_document, len, None, tokenizer="letters")
    assert "The bell rings twice." in dict(told(hears(talk, "The bell?").recalled)).values()


def test_a_chat_goes_on_with_the_book_it_was_begun_with(
    talk: Talk, store: ChatStore, home: Home, engine: Engine
) -> None:
    talk.load()
    hears(talk, "Soup?")
    path = home.root.parent / "mira.yaml"
    path.write_text(CARD.replace("Soup is {{char}}'s.", "No soup today."))
    changed = load_card(path)
    again = Talk(changed, Manner(), home, store, Here(open_with(changed, home, engine)))  # type: ignore[arg-type]
    again.load()
    again.resume(1)
    reply = hears(again, "The soup?")
    assert told(reply.recalled) == [("book", "Soup is Mira's.")]
    again.wish(reply.recalled[0].passage.identity, "excluded")
    assert told(known_for(again, None)) == [("excluded", "Soup is Mira's.")]
    again.use_new_card()
    assert told(hears(again, "The soup?").recalled) == [("book", "No soup today.")]


# --- wishes ---


def test_wishes_hold_from_the_next_reply_on_and_again_takes_them_back(talk: Talk, index: Path) -> None:
    horn, bell = identity(index, "horn"), identity(index, "bell")
    talk.load()
    talk.wish(horn, "pinned")
    assert told(hears(talk, "The bell?").recalled) == [
        ("pinned", "The horn is loud."),
        ("found", "The bell rings twice."),
    ]
    talk.wish(bell, "excluded")
    talk.wish(horn, "pinned")
    assert told(hears(talk, "The bell?").recalled) == []
    assert isinstance(talk.answers, Here)
    assert [(asked.pinned, asked.excluded) for asked in talk.answers.questions] == [((horn,), ()), ((), (bell,))]


def test_wishes_are_kept_with_the_chat(talk: Talk, index: Path, card: CardFile, store: ChatStore, home: Home) -> None:
    horn, bell = identity(index, "horn"), identity(index, "bell")
    talk.load()
    hears(talk, "Hello.")
    talk.wish(horn, "pinned")
    talk.wish(bell, "excluded")
    assert isinstance(talk.answers, Here)

    again = Talk(card, Manner(), home, store, Here(talk.answers.opened))  # type: ignore[arg-type]
    again.load()
    assert again.session.settings.pinned == ()
    again.resume(1)
    assert (again.session.settings.pinned, again.session.settings.excluded) == ((horn,), (bell,))
    assert again.session.line[-1].recalled == (), "what stood before it is forgotten"
    assert told(known_for(again, again.session.line[-1])) == [
        ("pinned", "The horn is loud."),
        ("excluded", "The bell rings twice."),
    ]
    assert told(hears(again, "The bell?").recalled) == [("pinned", "The horn is loud.")]


def test_what_is_known_for_a_reply_comes_before_what_is_wished_besides(talk: Talk, index: Path) -> None:
    horn, lamp = identity(index, "horn"), identity(index, "lamp")
    talk.load()
    reply = hears(talk, "The bell, the soup?")
    soup = reply.recalled[0].passage.identity
    talk.wish(lamp, "excluded")
    talk.wish(soup, "pinned")
    talk.wish(horn, "pinned")
    assert told(known_for(talk, reply)) == [
        ("book", "Soup is Mira's."),
        ("found", "The bell rings twice."),
        ("pinned", "The horn is loud."),
        ("excluded", "The lamp is out."),
    ]
    assert told(known_for(talk, None)) == [
        ("pinned", "The horn is loud."),
        ("pinned", "Soup is Mira's."),
        ("excluded", "The lamp is out."),
    ]


def test_an_entry_of_the_book_that_is_left_out_can_be_taken_in_again(talk: Talk) -> None:
    talk.load()
    soup = hears(talk, "The soup?").recalled[0].passage.identity
    talk.wish(soup, "excluded")
    reply = hears(talk, "The soup?")
    assert reply.recalled == ()
    assert told(known_for(talk, reply)) == [("excluded", "Soup is Mira's.")]
    talk.wish(known_for(talk, reply)[0].passage.identity, "pinned")
    assert told(hears(talk, "What?").recalled) == [("pinned", "Soup is Mira's.")]


def test_a_passage_is_known_with_its_neighbours(talk: Talk, index: Path) -> None:
    talk.load()
    soup, bell = (one.passage for one in hears(talk, "The bell, the soup?").recalled)
    assert [one.text for one in around(talk, bell)] == [
        "The bell rings twice.",
        "The horn is loud.",
        "The lamp is out.",
    ]
    assert [one.text for one in around(talk, bell, 1)] == ["The bell rings twice.", "The horn is loud."]
    assert around(talk, soup) == [soup]
    index.unlink()
    assert around(talk, bell) == [bell]


def test_an_index_that_cannot_be_read_is_one_error_where_it_is_looked_into(talk: Talk, index: Path) -> None:
    damage(index)
    with pytest.raises(StorageError, match="another version"):
        known_for(talk, None)
    with pytest.raises(StorageError, match="another version"):
        around(talk, Passage("x", 1, Place("world.md", (), None, None, 0, 1)))


names = st.sampled_from([f"{i}" for i in range(5)])


@given(st.lists(st.tuples(names, st.sampled_from(["pinned", "excluded"])), max_size=12))
def test_a_passage_has_one_wish_at_most_and_twice_the_same_is_none(wishes: list[tuple[str, Any]]) -> None:
    settings, held = ChatSettings(), dict[str, str]()
    for name, wish in wishes:
        settings = settings.changed(**wished(settings, name, wish))
        if held.pop(name, None) != wish:
            held[name] = wish
    assert dict.fromkeys(settings.pinned, "pinned") | dict.fromkeys(settings.excluded, "excluded") == held
    assert len(settings.pinned) + len(settings.excluded) == len(held)


def test_a_chat_holds_a_hundred_wishes_of_a_kind_and_the_oldest_leave() -> None:
    settings = ChatSettings()
    for i in range(103):
        settings = settings.changed(**wished(settings, str(i), "excluded"))
    assert settings.excluded == tuple(str(i) for i in range(3, 103))

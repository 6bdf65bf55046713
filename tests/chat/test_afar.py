"""Lanes that another program answers are sent what comes to mind here."""

from pathlib import Path

import pytest

from roleplay.chat.backend import Backend
from roleplay.chat.company import Company
from roleplay.chat.question import Ask, Asked, Question
from roleplay.dialogue import Turn
from roleplay.errors import StorageError
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from roleplay.knowledge.build import build
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.source import Source
from tests.chat.scripted import CARD, Scripted
from tests.chat.sse import Server, streaming

KNOWING = CARD.model_copy(update={"knowledge": ["world.md"]})
PERSONA = LANES["persona+prefix"]
TURNS = (Turn("user", "When does the ferry leave, {{char}}?"),)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    world = tmp_path / "world.md"
    world.write_text("# Harbour\n\n## Ferry\n\nThe ferry leaves at nine, says {{char}}.\n\n## Crane\n\nIt is old.\n")
    path = tmp_path / "mira.sqlite3"
    source = Source("world.md", world)
    build(path, [source], read_document, lambda text: len(text.split()), None, tokenizer="words")
    return path


def asked(lane: Lane, *prefixes: str, excluded: tuple[str, ...] = ()) -> Question:
    return Question((Ask(lane, prefixes, 0, TURNS),), Sampling(), excluded=excluded)


def told(server: Server) -> str:
    return str(server.bodies[-1]["messages"][-1]["content"])


def test_a_server_behind_the_chat_is_sent_passages_which_are_told(books: Path) -> None:
    with streaming() as server:
        server.models = [{"id": "mira", "parent": "pocket"}, {"id": "pocket"}]
        backend = Backend(f"{server.url}/v1", KNOWING, books)
        [first, *_] = backend.answer(asked(PERSONA, "who", "knowledge"))
        assert isinstance(first, Asked)
        assert first.prefixes == ("who", "knowledge")
        assert [one.passage.place.headings[-1] for one in first.recalled] == ["Ferry"]
        assert "- Ferry: The ferry leaves at nine, says {{char}}." in told(server)
        assert told(server).endswith("When does the ferry leave, Mira?")

        identity = first.recalled[0].passage.identity
        list(backend.answer(asked(PERSONA, "who", "knowledge", excluded=(identity,))))
        assert "ferry leaves" not in told(server)
        list(backend.answer(asked(PERSONA, "who")))
        assert "ferry leaves" not in told(server)


def test_a_model_beside_the_character_is_sent_them_too(books: Path) -> None:
    with streaming() as server:
        remote = server.remote()
        list(Company(Scripted("Aye."), KNOWING, [remote], books).answer(asked(remote.lane, "knowledge")))
        assert "The ferry leaves at nine" in told(server)
        list(Company(Scripted("Aye."), KNOWING, [remote]).answer(asked(remote.lane, "knowledge")))
        assert "The ferry leaves at nine" not in told(server)


def test_an_index_that_cannot_be_read_is_one_error(books: Path) -> None:
    books.write_bytes(b"no index at all, but long enough to be looked at" * 50)
    with streaming() as server:
        server.models = [{"id": "mira", "parent": "pocket"}, {"id": "pocket"}]
        with pytest.raises(StorageError, match=r"mira\.sqlite3"):
            list(Backend(f"{server.url}/v1", KNOWING, books).answer(asked(PERSONA, "knowledge")))

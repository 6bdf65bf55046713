"""Which character a chat begins with, and in which conversation."""

from pathlib import Path

import pytest

from roleplay.chat.lobby import Lobby
from roleplay.chat.manner import Manner
from roleplay.chat.store import ChatStore
from roleplay.errors import NotFound, RoleplayError, UsageError
from roleplay.paths import Home


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the cards of mimi and anna; nothing that ships is in reach."""
    folder = tmp_path / "project" / "characters"
    folder.mkdir(parents=True)
    for name in ("mimi", "anna"):
        text = (
            f"schema: 1\nname: {name}\ndisplay_name: {name.title()}\nlanguage: en\nprefixes: [{{id: who, text: Y.}}]\n"
        )
        (folder / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(folder.parent)
    for module in ("roleplay.models.find", "roleplay.cards.find", "roleplay.cards.load"):
        monkeypatch.setattr(f"{module}.shipped", lambda: tmp_path / "shipped")
    return folder.parent


@pytest.fixture
def talked(project: Path, home: Home) -> tuple[int, int]:
    """Two conversations: an older one with anna, a newer one with mimi; and one in which nothing was said."""
    store = ChatStore(home.chats)
    mimi, anna = store.new_chat("mimi"), store.new_chat("anna")
    store.add(anna, None, "user", "Hi")
    store.add(mimi, None, "user", "Hi")
    store.add(store.new_chat("anna"), None, "assistant", "Welcome.")
    store.close()
    return anna, mimi


def test_a_new_chat_has_no_number_yet(project: Path, home: Home) -> None:
    card_file, chat = Lobby(home, Manner()).begin("mimi", resume=False)
    assert (card_file.card.name, chat) == ("mimi", None)


def test_resuming_goes_on_in_the_conversation_talked_in_last(talked: tuple[int, int], home: Home) -> None:
    anna, mimi = talked
    lobby = Lobby(home, Manner())

    assert (lobby.begin(None, resume=True)[0].card.name, lobby.begin(None, resume=True)[1]) == ("mimi", mimi)
    assert lobby.begin("anna", resume=True)[1] == anna
    assert [said.text for said in lobby.open("anna", resume=True).session.line] == ["Hi"]
    assert lobby.open("anna").session.line == []


@pytest.mark.parametrize(
    ("name", "resume", "save", "kind", "told"),
    [
        ("mimmi", False, True, NotFound, "did you mean 'mimi'?"),
        (None, False, True, UsageError, "who is to answer? give a name"),
        (None, True, True, NotFound, "there is no conversation to resume yet; begin one without --resume"),
        ("mimi", True, True, NotFound, "there is no conversation with mimi to resume yet"),
        ("mimi", True, False, UsageError, "leave out --no-save or --resume"),
    ],
)
def test_what_cannot_be_begun_says_why(
    name: str | None, resume: bool, save: bool, kind: type[RoleplayError], told: str, project: Path, home: Home
) -> None:
    with pytest.raises(RoleplayError) as caught:
        Lobby(home, Manner(), save=save).begin(name, resume=resume)
    assert type(caught.value) is kind
    assert told in str(caught.value)


def test_a_switch_that_the_card_has_not_is_refused_before_anything_is_loaded(project: Path, home: Home) -> None:
    with pytest.raises(UsageError, match="did you mean 'who'"):
        Lobby(home, Manner(switches=(("whoo", True),))).begin("mimi", resume=False)
    Lobby(home, Manner(switches=(("template-default", True),))).begin("mimi", resume=False)


def test_nothing_is_written_where_nothing_is_kept(project: Path, home: Home) -> None:
    lobby = Lobby(home, Manner(), save=False)

    assert lobby.store() is None
    assert [entry.name for entry in lobby.entries()] == ["anna", "mimi"]
    assert lobby.open("mimi").store is None
    assert not home.root.exists()


def test_all_chats_share_one_file_until_it_is_closed(project: Path, home: Home) -> None:
    lobby = Lobby(home, Manner())
    store = lobby.store()

    assert lobby.open("mimi").store is lobby.open("anna").store is store
    lobby.close()
    assert lobby.store() is not store

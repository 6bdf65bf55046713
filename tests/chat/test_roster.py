"""Characters in reach, with their adapters and conversations."""

import json
from pathlib import Path

import pytest

from roleplay.chat.roster import Entry, roster
from roleplay.chat.store import ChatStore
from roleplay.models.passport import PASSPORT, BaseIdentity, Passport, read_passport
from roleplay.paths import Home

IDENTITY = {"name": "b", "revision": None, "config": "c", "tokenizer": "t", "template": "p", "weights": None}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; what ships is what the test puts into `shipped`."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    for module in ("roleplay.models.find", "roleplay.cards.find", "roleplay.cards.load"):
        monkeypatch.setattr(f"{module}.shipped", lambda: tmp_path / "shipped")
    return root


def write_card(folder: Path, name: str, more: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = f"schema: 1\nname: {name}\ndisplay_name: {name.title()}\nlanguage: en\ndescription: About {name}.\n{more}"
    (folder / f"{name}.yaml").write_text(text)


def write_run(home: Home, name: str, run: str, passport: str | None = None, *, finished: bool = True) -> None:
    folder = home.runs / name / run / "adapter" / "best"
    folder.mkdir(parents=True)
    own = {"character": name, "base": IDENTITY, "run": run, "step": 30, "heldout_loss": None}
    (folder / PASSPORT).write_text(json.dumps(own) if passport is None else passport)
    if finished:
        (home.runs / name / run / "summary.json").write_text("{}")


def by_name(home: Home, store: ChatStore | None = None) -> dict[str, Entry]:
    return {entry.name: entry for entry in roster(home, store)}


def test_every_character_is_listed_by_name_with_its_place(project: Path, home: Home, tmp_path: Path) -> None:
    write_card(project / "characters", "mimi")
    write_card(home.characters, "anna")
    write_card(home.characters, "mimi")
    write_card(tmp_path / "shipped" / "characters", "yui")

    assert roster(home, None) == [
        Entry("anna", "Anna", "About anna.", "home", None, (), 0),
        Entry("mimi", "Mimi", "About mimi.", "project", None, (), 0),
        Entry("yui", "Yui", "About yui.", "shipped", None, (), 0),
    ]


def test_no_character_is_an_empty_roster(project: Path, home: Home) -> None:
    assert roster(home, None) == []
    assert not home.root.exists()


def test_an_adapter_is_named_by_character_run_and_step(project: Path, home: Home) -> None:
    for name in ("mimi", "anna", "lena"):
        write_card(project / "characters", name)
    write_run(home, "mimi", "first")
    write_run(home, "anna", "undone", finished=False)

    entries = by_name(home)

    assert {name: entry.adapter for name, entry in entries.items()} == {
        "mimi": "mimi/first@30",
        "anna": None,
        "lena": None,
    }
    folder = home.runs / "mimi" / "first" / "adapter" / "best"
    assert read_passport(folder) == Passport("mimi", BaseIdentity(**IDENTITY), "first", 30, None)


@pytest.mark.parametrize("passport", ["{", "[]", '{"character": "mimi"}', ""], ids=["torn", "list", "half", "empty"])
def test_a_broken_passport_gives_way_to_what_ships(passport: str, project: Path, home: Home, tmp_path: Path) -> None:
    write_card(project / "characters", "mimi")
    write_run(home, "mimi", "broken", passport)
    assert by_name(home)["mimi"].adapter is None

    shipped = tmp_path / "shipped" / "data" / "adapters" / "mimi" / "best"
    shipped.mkdir(parents=True)
    own = {"character": "mimi", "base": IDENTITY, "run": "release", "step": 7, "heldout_loss": 1.5}
    (shipped / PASSPORT).write_text(json.dumps(own))
    assert by_name(home)["mimi"].adapter == "mimi/release@7"


def test_a_faulty_card_is_listed_with_the_number_of_its_faults(project: Path, home: Home) -> None:
    write_card(project / "characters", "mimi", "nonsense: 1\ngreeting: [1]\n")
    write_run(home, "mimi", "first")

    (entry,) = roster(home, None)

    assert (entry.name, entry.display_name, entry.faults) == ("mimi", "mimi", 2)
    assert entry.about == "2 faults: roleplay cards check mimi"
    assert entry.adapter == "mimi/first@30"


def test_conversations_stand_with_their_character_the_newest_first(project: Path, home: Home) -> None:
    write_card(project / "characters", "mimi")
    write_card(project / "characters", "anna")
    store = ChatStore(home.chats)
    old, other, new = (store.new_chat(name) for name in ("mimi", "stranger", "mimi"))
    for chat in (old, new, other):
        store.add(chat, None, "user", f"chat {chat}")

    entries = by_name(home, store)

    assert [chat.id for chat in entries["mimi"].chats] == [new, old]
    assert [chat.opening for chat in entries["mimi"].chats] == [f"chat {new}", f"chat {old}"]
    assert entries["anna"].chats == ()
    assert "stranger" not in entries

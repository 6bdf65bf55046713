import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.cards.model import CorpusForm
from roleplay.corpora.forms.row import Value
from roleplay.corpora.sniff import FORMS
from roleplay.dataset.blocks import build_text_corpus
from roleplay.dataset.build import build_corpus
from roleplay.dataset.entries import all_faults, corpus_faults, entry_dialogues, entry_texts
from roleplay.dataset.render import make_renderer
from roleplay.errors import FileFaults
from roleplay.paths import Home
from tests.corpora.conftest import told

HEAD = "schema: 1\nname: {name}\ndisplay_name: Mimi\nlanguage: en\ngreeting: Hush.\ncorpora:\n"
ALPACA = [{"instruction": f"Q{i}", "input": "", "output": f"A{i}", "system": "S"} for i in range(4)]
SAID = [f"user: Q{i} | assistant: A{i}" for i in range(4)]
BAD = {"instruction": "Q", "input": "", "output": None}

Card = Callable[..., CardFile]


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A card with these corpora; beside it files of every kind."""
    folder = tmp_path / "characters"
    (tmp_path / "data").mkdir()
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(map(json.dumps, [*ALPACA, BAD]))
    (folder / "a.json").write_text(json.dumps([*ALPACA, BAD]))
    (folder / "a.jsonl").write_text(rows)
    (folder / "own.yaml").write_text("- - user: Who?\n  - char: Me.\n- - user: Rain?\n  - char: Yes.\n")
    (folder / "own.jsonl").write_text('[{"user": "Who?"}, {"char": "Me."}]\n[{"user": "Rain?"}, {"char": "Yes."}]\n')
    (folder / "faulty.jsonl").write_text('[{"user": "Who?"}, {"char": "Me."}]\n[{"usr": "Rain?"}]\n')
    (folder / "pairs.jsonl").write_text('{"prompt": "Q", "chosen": "A", "rejected": "B"}\n')
    (folder / "text.json").write_text('[{"text": "One."}, {"text": "Two."}]')
    (folder / "text.txt").write_text("Three.\n")
    (tmp_path / "data" / "talk.json").write_text(json.dumps([*ALPACA, BAD]))
    (tmp_path / "data" / "dataset_info.json").write_text('{"talk": {"file_name": "talk.json", "file_sha1": "00"}}')

    def load(*corpora: str, name: str = "mimi") -> CardFile:
        path = Path("characters") / f"{name}.yaml"
        path.write_text(HEAD.format(name=name) + "".join(f"  - {entry}\n" for entry in corpora))
        return load_card(path)

    return load


def read(card: CardFile) -> list[Any]:
    values: tuple[Value, ...] = (
        entry_texts(card, 0).texts if card.card.corpora[0].kind == "text" else entry_dialogues(card, 0).dialogues
    )
    return told(values)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{path: own.yaml, kind: dialogue}", ["user: Who? | assistant: Me.", "user: Rain? | assistant: Yes."]),
        ("{path: own.jsonl, kind: desc}", ["user: Who? | assistant: Me.", "user: Rain? | assistant: Yes."]),
        ("{path: own.jsonl, kind: desc, form: native, max_samples: 1}", ["user: Who? | assistant: Me."]),
        ("{path: a.json, kind: dialogue}", SAID),
        ("{path: a.jsonl, kind: dialogue, form: alpaca, max_samples: 2}", SAID[:2]),
        ("{path: a.jsonl, kind: general, max_samples: 2}", [f"system: S | {line}" for line in SAID[:2]]),
        ("{registry: data, name: talk, kind: general, verify: false}", SAID),
        ("{path: text.json, kind: text}", ["One.", "Two."]),
        ("{path: text.txt, kind: text}", ["Three."]),
        ("{path: a.json, kind: text, form: text}", None),
    ],
)
def test_an_entry_is_read_from_what_it_names(card: Card, entry: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(FileFaults, match=r"corpora\[0\]\.path: holds no text: of 5 rows, read as raw text, 5 are"):
            read(card(entry))
    else:
        assert read(card(entry)) == expected


def test_a_card_may_name_every_form_that_is_read_and_no_other() -> None:
    assert get_args(CorpusForm) == tuple(FORMS)


def test_foreign_rows_are_counted_and_native_ones_are_faults(card: Card) -> None:
    assert entry_dialogues(card("{path: a.jsonl, kind: dialogue}"), 0).losses == (
        "5 rows read, 4 kept, 1 dropped, 0 turns merged",
        "dropped 1: has an output that is not text, so nothing to learn (row 5)",
        "4 system turns left out: a character's come from its prefixes",
    )
    faults = corpus_faults(card("{path: faulty.jsonl, kind: dialogue}", "{path: own.yaml, kind: desc}"))
    assert [str(fault) for fault in faults] == [
        "characters/faulty.jsonl:2: dialogue 2: has a turn by 'usr'; did you mean 'user'?"
    ]


def test_another_characters_dialogues_are_ordinary_talk(
    card: Card, home: Home, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    card(
        "{path: own.yaml, kind: desc}", "{path: a.json, kind: dialogue}", "{character: mimi, kind: general}", name="dot"
    )
    mimi = card("{path: own.yaml, kind: dialogue}", "{character: dot, kind: general, weight: 0.5}")
    found = entry_dialogues(mimi, 1)
    assert (found.label, told(found.dialogues)) == ("character dot", SAID)

    corpus = build_corpus(mimi, make_renderer(chatml_tokenizer), limit=200, seed=0)
    own, other = corpus.corpora
    assert (own.kind, own.dialogues, other.kind, other.dialogues) == ("dialogue", 3, "general", 4)
    assert other.read_losses[0] == "characters/a.json: 5 rows read, 4 kept, 1 dropped, 0 turns merged"
    assert {row.active for row in corpus.epoch(0) if row.unit.kind == "general"} == {()}
    assert corpus.check(2) > 0


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{character: owl, kind: general}", "character: 'owl' is no character; did you mean"),
        ("{character: mimi, kind: general}", "character: 'mimi' is the card's own; name another one"),
        ("{character: dot, kind: general}", "character: 'dot' has no corpus of 'kind: dialogue'; name another"),
        (
            "{registry: data, name: tlak, kind: desc}",
            "name: data/dataset_info.json names no 'tlak'; did you mean 'talk'?",
        ),
        ("{path: text.json, kind: desc}", "path: holds no dialogue: it was read as raw text; write 'kind: text'"),
        ("{path: pairs.jsonl, kind: desc}", "path: holds no dialogue: it was read as preference pairs; name a corpus"),
        ("{path: a.json, kind: text}", "path: holds no text: it was read as Alpaca; name raw text"),
    ],
)
def test_an_entry_that_holds_nothing_is_a_fault_of_the_card(
    card: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: str, expected: str
) -> None:
    monkeypatch.setattr("roleplay.cards.find.shipped", lambda: tmp_path / "nothing")
    card("{path: own.yaml, kind: desc}", name="dot")

    (fault,) = corpus_faults(card(entry))

    assert str(fault).startswith(f"characters/mimi.yaml:7: corpora[0].{expected}")


def test_a_registrys_checksum_is_a_fault_unless_it_is_not_verified(card: Card) -> None:
    (fault,) = corpus_faults(card("{registry: data, name: talk, kind: general}"))

    assert str(fault).startswith("data/dataset_info.json:1: talk.file_sha1: is '00', but data/talk.json has ")


def test_raw_text_of_any_form_is_trained(card: Card, chatml_tokenizer: PreTrainedTokenizerFast) -> None:
    corpora = build_text_corpus(
        card("{path: text.json, kind: text}", "{path: text.txt, kind: text}"),
        make_renderer(chatml_tokenizer),
        limit=50,
        seed=0,
    )

    assert [part.dialogues for part in corpora.corpora] == [2, 1]


def test_the_faults_of_a_card_do_not_hide_those_of_its_corpora(card: Card) -> None:
    card("{path: own.yaml, kind: dialogue}")
    path = Path("characters/mimi.yaml")
    entries = (
        "{path: own.yaml}",
        "{path: faulty.jsonl, kind: dialogue}",
        "{registry: data, name: talk, kind: general}",
        "5",
    )
    path.write_text(
        HEAD.format(name="mimi").replace("en\n", "en\ncolour: red\n") + "".join(f"  - {e}\n" for e in entries)
    )
    faults = [(fault.file, fault.line, fault.key) for fault in all_faults(path)]
    assert [(file, key) for file, _, key in faults] == [
        ("characters/mimi.yaml", "colour"),
        ("characters/mimi.yaml", "corpora[0].kind"),
        ("characters/mimi.yaml", "corpora[3]"),
        ("characters/faulty.jsonl", "dialogue 2"),
        ("data/dataset_info.json", "talk.file_sha1"),
    ]
    path.write_text("a: [")
    assert len(all_faults(path)) == 1
    path.write_text(HEAD.format(name="mimi") + "  - {path: faulty.jsonl, kind: dialogue}\n")
    assert [fault.file for fault in all_faults(path)] == ["characters/faulty.jsonl"]

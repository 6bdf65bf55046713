import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mimi import CARD

from roleplay.cards.load import CardFile, load_card
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.kept import dump_dialogues, load_dialogues
from roleplay.dataset.render import Renderer
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import FileFaults
from roleplay.text import clean

Build = Callable[..., Corpus]
GENERAL = "  - {path: general.yaml, kind: general, weight: 0.5}\n"


def kept(corpus: Corpus, tmp_path: Path) -> Path:
    path = tmp_path / "dialogues.jsonl"
    path.write_text(dump_dialogues(corpus), encoding="utf-8")
    return path


def test_every_dialogue_is_read_back_with_its_corpus_and_identity(corpus: Build, tmp_path: Path) -> None:
    built = corpus(CARD + GENERAL, general="- - system: Be brief.\n  - user: a\n  - char: \"b\\nc: 'd'\"\n")

    parts = load_dialogues(kept(built, tmp_path))

    assert [(part.label, part.kind, part.weight) for part in parts] == [
        ("desc.yaml", "desc", 1),
        ("talk.yaml", "dialogue", 1),
        ("general.yaml", "general", 0.5),
    ]
    for part, was in zip(parts, built.corpora, strict=True):
        assert [d.identity for d in part.dialogues] == [d.identity for d in was.entries]
        assert [d.turns for d in part.dialogues] == [d.turns for d in was.entries]
    assert len(parts[1].dialogues) == 4 + 1  # with the greeting, and with what is held out
    assert parts[0].dialogues[1].source == "dialogues.jsonl:2"


def test_a_kept_file_is_json_lines_in_the_native_words(corpus: Build) -> None:
    lines = dump_dialogues(corpus()).splitlines()

    assert len(lines) == 8
    assert json.loads(lines[0]) == {
        "corpus": "desc.yaml",
        "kind": "desc",
        "weight": 1.0,
        "turns": [{"user": "Who are you?"}, {"char": "{{char}}."}],
    }
    assert "图书室……第三扇窗。" in lines[2]


def test_a_replay_trains_again_what_was_trained_and_nothing_that_was_held_out(
    corpus: Build, character: Callable[..., CardFile], chatml: Renderer, tmp_path: Path
) -> None:
    first = corpus()
    parts = load_dialogues(kept(first, tmp_path))
    other = "- - user: New?\n  - char: Yes.\n- - user: Newer?\n  - char: No.\n"
    card = CARD.replace("greeting: Hush, {{user}}.\n", "")
    second = build_corpus(character(card, desc=other, talk=other), chatml, limit=400, seed=1, extra=parts)

    def trained(built: Corpus, at: slice) -> set[str]:
        return {unit.dialogue.identity for part in built.corpora[at] for unit in part.train}

    assert trained(second, slice(2, None)) == trained(first, slice(None))
    assert [part.path for part in second.corpora[2:]] == ["desc.yaml", "talk.yaml"]
    third = load_dialogues(kept(second, tmp_path))
    assert sum(len(part.dialogues) for part in third) == 4 + 8


TEXTS = st.text(min_size=1, max_size=20).map(lambda text: clean(text).strip()).filter(bool)


@pytest.fixture(scope="module")
def some(chatml: Renderer, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("some")
    (folder / "talk.yaml").write_text("- - user: a\n  - char: b\n", encoding="utf-8")
    card = "schema: 1\nname: some\ndisplay_name: Some\nlanguage: en\ncorpora: [{path: talk.yaml, kind: dialogue}]\n"
    (folder / "some.yaml").write_text(card, encoding="utf-8")
    return build_corpus(load_card(folder / "some.yaml"), chatml, limit=400, seed=1)


@given(texts=st.lists(TEXTS, min_size=2, max_size=2))
def test_any_text_comes_back_as_it_was(some: Corpus, tmp_path: Path, texts: list[str]) -> None:
    entry = Dialogue((Turn("user", texts[0]), Turn("assistant", texts[1])), "any:1")
    built = replace(some, corpora=(replace(some.corpora[0], entries=(entry,)),))

    (part,) = load_dialogues(kept(built, tmp_path))

    assert [d.identity for d in part.dialogues] == [entry.identity]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", ":1: is not JSON: "),
        ("[]", ":1: is no kept dialogue: input should be a valid dictionary"),
        ('{"kind": "talk", "weight": 0, "corpus": 1, "turns": []}', ":1: is no kept dialogue: corpus input should be"),
        (
            '{"kind": "desc", "weight": 1, "corpus": "a", "turns": [{"usr": "a"}]}',
            ":1: dialogue 1: has a turn by 'usr'; did you mean 'user'?",
        ),
        (
            '{"kind": "desc", "weight": 1, "corpus": "a", "turns": [{"system": "a"}, {"user": "b"}, {"char": "c"}]}',
            ":1: dialogue 1: has a system turn; ",
        ),
        ("", ": holds no dialogue; take the file from its run as it was written"),
    ],
)
def test_a_damaged_file_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "dialogues.jsonl"
    path.write_text(line, encoding="utf-8")

    with pytest.raises(FileFaults) as caught:
        load_dialogues(path)

    assert str(caught.value).startswith("dialogues.jsonl" + expected)

"""Training with passages: what fits an answer stands before it, among what does not, and the persona stays shared."""

from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.render import Renderer
from roleplay.dialogue import Turn
from roleplay.errors import NotFound
from roleplay.knowledge.build import build
from roleplay.knowledge.memory import Memory
from roleplay.knowledge.practice import Practice
from roleplay.knowledge.read.document import read_document
from roleplay.knowledge.source import Source

CARD = """\
schema: 1
name: mimi
display_name: Mimi
user_name: Captain
language: en
prefixes:
  - {id: who, text: "You are {{char}}, the ship's cook."}
  - {id: knowledge, text: "(Known: {{knowledge}})", place: last_user, train: 0.5}
knowledge: [world.md]
corpora:
  - {path: talk.yaml, kind: dialogue}
"""
TALK = "".join(
    f"- - user: What about the {thing}?\n  - char: The {thing} is {what}.\n  - user: Sure?\n  - char: Sure, {what}.\n"
    for thing, what in (
        *(("galley", "warm"), ("anchor", "rusty"), ("mast", "straight"), ("pantry", "locked"), ("bell", "cracked")),
        *(("rudder", "stiff"), ("cat", "asleep"), ("lamp", "broken"), ("ladder", "short"), ("barrel", "empty")),
    )
)
WORLD = "# Ship\n\n" + "".join(
    f"## {name}\n\n{text}\n\n"
    for name, text in (
        *(("Galley", "The galley is warm because the stove never goes out."), ("Anchor", "Rusty since the flood.")),
        *(("Weather", "Fog comes on Mondays."), ("Port", "Nine ropes hold her."), ("Flag", "Blue, with a hole.")),
        *(("Timber", "Straight pine from the north."), ("Rain", "Buckets stand ready.")),
    )
)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    (tmp_path / "world.md").write_text(WORLD, encoding="utf-8")
    path = tmp_path / "mimi.sqlite3"
    build(path, [Source("world.md", tmp_path / "world.md")], read_document, len, None, tokenizer="letters")
    return path


@pytest.fixture
def practised(character: Callable[..., CardFile], chatml: Renderer, books: Path) -> Callable[..., Corpus]:
    def made(card: str = CARD) -> Corpus:
        card_file = character(card, talk=TALK)
        memory = Memory(card_file.card, books, chatml.count, 400)
        return build_corpus(card_file, chatml, limit=400, seed=1, practise=memory.practice)

    return made


def rendered(corpus: Corpus) -> list[tuple[tuple[str, ...], str]]:
    decode = corpus.voice.renderer.tokenizer.decode
    return [(row.active, decode(list(corpus.sample(row).ids))) for row in corpus.epoch(0)]


def test_the_gate_holds_and_about_half_of_the_samples_carry_passages(practised: Callable[..., Corpus]) -> None:
    corpus = practised()
    assert corpus.check(2) > 0
    with_passages = [text for active, text in rendered(corpus) if "knowledge" in active]
    without = [text for active, text in rendered(corpus) if "knowledge" not in active]
    assert with_passages
    assert without
    assert all("(Known: - " in text for text in with_passages)
    assert not any("(Known:" in text for text in without)


def test_what_an_answer_says_stands_before_it_among_passages_that_do_not_belong(
    practised: Callable[..., Corpus],
) -> None:
    recall = practised().voice.recall
    assert recall is not None
    found = recall((Turn("user", "What about the anchor?"),))
    assert any("Rusty since the flood" in text for text in found)
    assert len(found) > 1
    assert found == recall((Turn("user", "What about the anchor?"),))
    # Only the answer says that it is straight; a chat, which does not know it yet, would not find this.
    asked = (Turn("user", "What about the mast?"),)
    assert any("Straight pine" in text for text in recall(asked))
    assert isinstance(recall, Practice)
    assert not any("Straight pine" in one.passage.text for one in recall.recall.found(asked))
    assert recall(()) == ()


def test_the_fitting_passage_does_not_always_stand_first(practised: Callable[..., Corpus]) -> None:
    recall = practised().voice.recall
    assert recall is not None
    things = ("galley", "anchor", "mast", "pantry", "bell", "rudder", "cat", "lamp", "ladder", "barrel")
    firsts = [recall((Turn("user", f"What about the {thing}?"),))[0] for thing in things]
    assert len(set(firsts)) > 1


def test_the_persona_before_the_passages_is_shared_by_all_samples(practised: Callable[..., Corpus]) -> None:
    corpus = practised()
    heads = {corpus.sample(row).ids[:12] for row in corpus.epoch(0)}
    assert len(heads) == 1


def test_other_passages_are_another_dataset(practised: Callable[..., Corpus], books: Path, tmp_path: Path) -> None:
    before = practised().fingerprint
    assert practised().fingerprint == before
    (tmp_path / "world.md").write_text(WORLD + "## Cook\n\nShe snores.\n", encoding="utf-8")
    build(books, [Source("world.md", tmp_path / "world.md")], read_document, len, None, tokenizer="letters")
    assert practised().fingerprint != before


def test_a_card_that_never_trains_with_passages_needs_no_index(practised: Callable[..., Corpus], books: Path) -> None:
    books.unlink()
    with pytest.raises(NotFound, match=r"roleplay knowledge build mimi.*train: never"):
        practised()
    assert practised(CARD.replace("train: 0.5", "train: never")).voice.recall is None

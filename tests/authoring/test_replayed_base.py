"""A base that answers general questions by itself."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import GenerationConfig, PreTrainedTokenizerFast

from roleplay.authoring.asking import Answer, Prompt
from roleplay.authoring.journal import journal_path
from roleplay.authoring.local import LocalModel
from roleplay.authoring.questions import drawn, question_files, read_questions
from roleplay.authoring.replay import Wish, replay
from roleplay.corpora.native import read_native
from roleplay.dialogue import Turn
from roleplay.errors import ContextFull, FileFaults, NotFound, UsageError
from tests.tiny import load_tiny_base, save_tiny_base

QUESTIONS = [f"How many steps has stair {n}?" for n in range(8)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    folder = save_tiny_base(tmp_path_factory.mktemp("replay") / "stairs", chatml_tokenizer, context=128)
    # A random model would seldom end an answer: here many a token does.
    GenerationConfig(eos_token_id=list(range(2, 340, 8))).save_pretrained(folder)
    return folder


@pytest.fixture
def wish(tmp_path: Path, base: Path) -> Wish:
    questions = tmp_path / "questions.yaml"
    questions.write_text("".join(f"- {question}\n" for question in QUESTIONS), encoding="utf-8")
    return Wish((questions,), 4, tmp_path / "replay.yaml", str(base), temperature=1.0, max_tokens=20)


def silent(text: str) -> None:
    """Nobody listens."""


def test_the_base_answers_without_prefix_and_what_it_says_is_a_corpus(wish: Wish, base: Path) -> None:
    report = replay(wish, silent)
    dialogues = read_native(wish.out)
    assert report.kept == len(dialogues) > 0
    assert report.asked == report.kept + sum(count for _, count in report.dropped) <= report.questions == 8
    assert {reason for reason, _ in report.dropped} <= {"cut", "empty", "looping"}
    model = LocalModel(str(base))
    for row in map(json.loads, journal_path(wish.out).read_text(encoding="utf-8").splitlines()):
        assert row["note"]["turns"][0]["user"] in QUESTIONS
        assert row["model"] == model.name
    head = wish.out.read_text(encoding="utf-8").splitlines()[:4]
    assert head[0] == "# What stairs says by itself, without adapter or prefix. For a card: kind general."
    assert load_tiny_base(base).identity.config in head[1]
    assert head[2].startswith("# Settings: seed 0, temperature 1, top_p 0.9, at most 20 tokens")


def test_a_seed_decides_every_word(wish: Wish, tmp_path: Path) -> None:
    replay(wish, silent)
    replay(replace(wish, out=tmp_path / "again.yaml"), silent)
    replay(replace(wish, out=tmp_path / "other.yaml", seed=1), silent)
    first, again, other = (tmp_path / name for name in ("replay.yaml", "again.yaml", "other.yaml"))
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_an_interruption_keeps_what_was_answered_and_changes_nothing(wish: Wish, tmp_path: Path) -> None:
    whole = replay(wish, silent)
    halfway = replace(wish, out=tmp_path / "halfway.yaml")

    class Stopped(LocalModel):
        left = 3

        def answer(self, prompt: Prompt) -> Answer:
            if not Stopped.left:
                raise KeyboardInterrupt
            Stopped.left -= 1
            return super().answer(prompt)

    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("roleplay.authoring.replay.LocalModel", Stopped)
        with pytest.raises(KeyboardInterrupt):
            replay(halfway, told.append)
    assert told[-1].startswith("3 answers are in ")
    assert not halfway.out.exists()
    report = replay(halfway, silent)
    assert report.spent.reused == 3
    assert report.spent.requests == whole.asked - 3
    assert halfway.out.read_bytes() == wish.out.read_bytes()


def test_answers_that_are_cut_are_dropped(wish: Wish) -> None:
    report = replay(replace(wish, max_tokens=1), silent)
    assert (report.kept, report.out, report.asked) == (0, None, 8)
    assert sum(count for _, count in report.dropped) == 8
    assert not wish.out.exists()


def test_a_local_model_answers_alike_and_says_where_it_stopped(base: Path) -> None:
    model = LocalModel(str(base))
    assert re.fullmatch(r"local:stairs@[0-9a-f]{12}", model.name)
    prompt = Prompt((Turn("system", "Be brief."), Turn("user", "Hello?")), 5, 1.0, 3)
    answers = [model.answer(prompt) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0].answer_tokens <= 5
    assert answers[0].prompt_tokens > 10
    with pytest.raises(ContextFull, match="takes 128 with its answer; choose a base that takes more"):
        model.answer(replace(prompt, messages=(Turn("user", "stairs " * 60),)))


def test_questions_come_in_a_drawn_order_with_the_languages_in_turn() -> None:
    english, chinese = [f"e{n}" for n in range(9)], [f"c{n}" for n in range(4)]
    order = drawn([english, chinese], seed=0)
    assert sorted(order) == sorted(english + chinese)
    assert [question[0] for question in order[:8]] == list("ecececec")
    assert drawn([english, chinese], seed=1) != order == drawn([english, chinese], seed=0)


@pytest.mark.parametrize(
    ("asked", "card", "expected"),
    [([], "zh", ["zh"]), ([], "en-GB", ["en"]), ([], "ja", ["en", "zh"]), (["zh", "en", "zh"], "en", ["zh", "en"])],
)
def test_the_card_chooses_the_language_where_nobody_does(
    shipping: Path, asked: list[str], card: str, expected: list[str]
) -> None:
    assert [path.stem for path in question_files(asked, card)] == expected


@pytest.fixture
def shipping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped" / "data" / "questions"
    folder.mkdir(parents=True)
    for name in ("zh", "en"):
        (folder / f"{name}.yaml").write_text("- one?\n", encoding="utf-8")
    monkeypatch.setattr("roleplay.authoring.questions.shipped", lambda: tmp_path / "shipped")
    return folder


def test_a_language_without_questions_is_named(shipping: Path) -> None:
    with pytest.raises(UsageError, match=r"--language nz: .*did you mean 'zh'\?"):
        question_files(["nz"], "en")
    for path in shipping.iterdir():
        path.unlink()
    with pytest.raises(NotFound, match="give --questions FILE"):
        question_files([], "en")


def test_questions_are_a_list_of_texts_each_once(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text("# own\n- Why?\n- 'Who: me?'\n- Why?\n- 1\n", encoding="utf-8")
    assert read_questions(path) == ["Why?", "Who: me?", "1"]


@pytest.mark.parametrize(("text", "lines"), [("", [1]), ("a: b\n", [1]), ("- a?\n- [b]\n-\n- {c: d}\n", [2, 3, 4])])
def test_what_is_no_list_of_questions_is_refused_with_all_faults(tmp_path: Path, text: str, lines: list[int]) -> None:
    path = tmp_path / "q.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileFaults) as caught:
        read_questions(path)
    assert [fault.line for fault in caught.value.faults] == lines

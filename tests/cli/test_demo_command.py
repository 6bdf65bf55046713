"""`roleplay demo`: train once, then talk."""

import re
import shutil
from pathlib import Path

import pytest

from roleplay.cli.progress import Bar
from roleplay.generation.lanes import LANES
from roleplay.paths import Home
from roleplay.training.run import Run, runs_of
from tests.cli.conftest import Outcome, refused, roleplay
from tests.training.pell import DESC, TALK, interrupt_at, outcome, write_pell

TRAINING = """\
training:
  {max_steps: 8, batch_size: 2, grad_accum: 2, rank: 4, alpha: 8, dropout: 0.1, dtype: float32,
   logging_steps: 3, eval_steps: 3, save_steps: 3}
generation: {max_new_tokens: 6}
"""


def demo_project(root: Path, base: Path) -> None:
    """A project whose pell is trained in eight steps."""
    write_pell(root / "characters", base, more=TRAINING)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> tuple[Path, Outcome]:
    """A folder with a project and a home, and what the first demo in it said; leave it as it is."""
    folder = tmp_path_factory.mktemp("demo")
    demo_project(folder / "project", tiny_base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "project")
        patch.setenv("ROLEPLAY_HOME", str(folder / "home"))
        return folder, roleplay("demo", "pell")


@pytest.fixture
def again(shown: tuple[Path, Outcome], project: Path, home: Home) -> None:
    """The state after the first demo, in the test's own project and home."""
    folder, _ = shown
    shutil.copytree(folder / "project", project, dirs_exist_ok=True)
    shutil.copytree(folder / "home", home.root)


def only_run(home: Home) -> Run:
    (run,) = runs_of(home, "pell")
    return run


def test_the_first_demo_trains_with_the_quick_preset(shown: tuple[Path, Outcome]) -> None:
    folder, told = shown
    run = only_run(Home(folder / "home"))
    assert told.status == 0
    assert run.finished
    assert run.read_config().preset == "quick"
    assert told.err.startswith("Pell: A lock keeper with a goat.\n")
    assert "step 8/8" in told.err


def test_the_demo_answers_heldout_questions_in_four_lanes(shown: tuple[Path, Outcome]) -> None:
    _, told = shown
    heading, *questions = told.out.split("\nheld-out answers")[0].split("\nTom: ")
    assert heading == "\nheld-out questions: nothing of these dialogues was trained\n"
    corpora = re.findall(r"- user: (.*)\n  - char: (.*)", DESC + TALK)
    assert 1 < len(questions) <= 5
    for block in questions:
        question, answer, *replies = block.splitlines()
        assert (question, answer.removeprefix("(as written)    ")) in corpora
        # A reply of a random model may hold line breaks of its own.
        assert [name for line in replies if (name := line.split(" ")[0]) in LANES] == list(LANES)


def test_the_demo_ends_with_the_proof_and_both_paths(shown: tuple[Path, Outcome]) -> None:
    folder, told = shown
    run = only_run(Home(folder / "home"))
    *_, adapter, picture, way_on = told.out.splitlines()
    assert "held-out answers, bits per character" in told.out
    assert adapter == f"adapter  {run.adapter('best')}"
    assert picture == f"picture  {run.picture}"
    assert way_on == "go on talking:  roleplay chat pell"
    assert run.adapter("best").is_dir()
    assert run.picture.is_file()


def test_a_second_demo_uses_the_run_and_does_not_train(
    shown: tuple[Path, Outcome], again: None, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "roleplay.training.trainer.PersonaTrainer.train", lambda *_, **__: pytest.fail("it trained again")
    )
    told = roleplay("demo", "pell")
    assert told.status == 0
    assert f"using the run of before in {home.runs}/pell/" in told.err
    assert "step " not in told.err
    assert said(told) == said(shown[1])
    assert only_run(home).finished


def said(told: Outcome) -> str:
    """Questions and answers of a demo."""
    return told.out.split("\nheld-out answers")[0]


@pytest.mark.parametrize("step", [1, pytest.param(4, marks=pytest.mark.soak)])
def test_an_interrupted_demo_goes_on(
    shown: tuple[Path, Outcome],
    project: Path,
    home: Home,
    tiny_base: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    demo_project(project, tiny_base)
    press = interrupt_at(step)
    with monkeypatch.context() as patch:
        patch.setattr(Bar, "report", lambda bar, progress: press(progress))
        told = roleplay("demo", "pell")
    assert (told.status, told.out) == (130, "")
    assert told.err.endswith("stopped and saved; run the same command to go on\n")
    run = only_run(home)
    assert not run.finished
    told = roleplay("demo", "pell")
    assert told.status == 0
    assert f"going on from step {step}\n" in told.err
    assert only_run(home) == run
    assert outcome(run) == outcome(only_run(Home(shown[0] / "home")))


def test_a_resumed_demo_keeps_what_the_machine_decided(
    project: Path, home: Home, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_project(project, tiny_base)
    press = interrupt_at(1)
    with monkeypatch.context() as patch:
        patch.setattr(Bar, "report", lambda bar, progress: press(progress))
        assert roleplay("demo", "pell").status == 130
    before = only_run(home).read_config().decisions
    monkeypatch.setattr("torch.get_num_threads", lambda: before.threads + 1)
    assert roleplay("demo", "pell").status == 0
    assert only_run(home).read_config().decisions == before


def test_another_corpus_or_another_preset_is_another_run(again: None, project: Path, home: Home) -> None:
    talk = project / "characters" / "pell" / "talk.yaml"
    talk.write_text(talk.read_text() + "- - user: Tea?\n  - char: Later.\n")
    assert roleplay("demo", "pell").status == 0
    assert len(runs_of(home, "pell")) == 2


def test_a_run_that_cannot_be_read_names_its_folder(again: None, home: Home) -> None:
    run = only_run(home)
    (run.folder / "run.json").write_text("{")
    told = refused(roleplay("demo", "pell"), 1)
    assert f"{run.folder}/run.json is missing or damaged" in told
    assert "remove that folder" in told


def test_an_unknown_preset_is_wrong_usage(pell: Path) -> None:
    assert "did you mean 'quick'?" in refused(roleplay("demo", "pell", "--preset", "quik"), 2)

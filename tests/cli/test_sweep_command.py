"""`roleplay sweep`, and what `roleplay train` says where another run is promoted; on Pell's random base."""

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from peft import PeftModel

from roleplay.cli.progress import Bar
from roleplay.evaluation.scope import Scope
from roleplay.models.promoted import promote
from roleplay.paths import Home
from roleplay.training.run import Run
from roleplay.training.watch import Progress
from tests.cli.conftest import SHORT, Outcome, refused, roleplay
from tests.training.pell import interrupt_at, write_pell

TRAINING = """\
training:
  {max_steps: 2, batch_size: 2, grad_accum: 2, alpha: 8, dtype: float32, logging_steps: 1, eval_steps: 2, save_steps: 2}
"""
SMALL = Scope(heldout=1, heldout_dialogues=2, trained=0, trained_dialogues=1, probes=0, general=1, max_new_tokens=3)
GRID = ("--grid", "lr=5e-3", "--grid", "rank=2,4")


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Few questions, and no pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("roleplay.evaluation.scope.QUICK", SMALL)
        for place in ("roleplay.training.tune.draw_losses", "roleplay.training.finish.draw_losses"):
            patch.setattr(place, lambda *_: None)
        for name in ("draw_lanes", "draw_style", "write_page"):
            patch.setattr(f"roleplay.evaluation.evaluate.{name}", lambda *_: None)
        patch.setattr("gc.collect", lambda *_: 0)
        patch.setattr(PeftModel, "create_or_update_model_card", lambda *_: None)
        yield


@pytest.fixture
def card(project: Path, tiny_base: Path) -> Path:
    """Pell's card, which trains two steps."""
    return write_pell(project / "characters", tiny_base, more=TRAINING)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, small: None) -> tuple[Path, Outcome]:
    """A home after a first sweep, and what the command said; leave it as it is."""
    folder = tmp_path_factory.mktemp("swept")
    write_pell(folder / "characters", tiny_base, more=TRAINING)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("roleplay.cards.find.shipped", lambda: folder / "shipped")
        patch.setenv("ROLEPLAY_HOME", str(folder / "home"))
        return folder / "home", roleplay("sweep", "pell", *GRID)


@pytest.fixture
def swept(whole: tuple[Path, Outcome], card: Path, home: Home) -> Outcome:
    """The state after the first sweep, in the test's own home."""
    shutil.copytree(whole[0], home.root)
    return whole[1]


def names(home: Home) -> list[str]:
    return sorted(path.name for path in (home.runs / "pell").iterdir())


def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is trained from here on fails the test."""

    def trained(*parts: object, **named: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr("roleplay.evaluation.sweep.train", trained)


def test_the_table_has_settings_losses_figures_and_time(swept: Outcome) -> None:
    assert swept.status == 0
    heading, *lines = swept.out.splitlines()
    assert heading.split() == [
        *("lr", "rank", "held-out", "best", "perplexity", "seconds"),
        *("rouge_l", "retention_loss", "heldout_bits", "stopped", "run"),
    ]
    assert [line.split()[:2] for line in lines] == [["0.005", "2"], ["0.005", "4"]]
    assert [re.search(r"sweep-lr0\.005-rank\d", line) is not None for line in lines] == [True, True]


def test_talk_names_each_run_and_says_which_one_chat_takes(swept: Outcome, home: Home) -> None:
    told = [line for line in swept.err.splitlines() if line.startswith("run ")]
    assert [line.rpartition("-")[0] for line in told] == [
        "run 1 of 2: sweep-lr0.005-rank2",
        "run 2 of 2: sweep-lr0.005-rank4",
    ]
    assert swept.err.count("step 2/2") == 2
    assert swept.err.count("replies") == 2
    newest = told[1].split()[-1]
    assert swept.err.splitlines()[-1].startswith(f"chat takes {newest}@best; ")


def test_a_second_call_trains_nothing_and_prints_the_same(
    swept: Outcome, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    never(monkeypatch)
    again = roleplay("sweep", "pell", *GRID)
    assert (again.status, again.out) == (0, swept.out)
    assert "run 1" not in again.err


def test_json_is_an_array_of_the_rows(swept: Outcome, home: Home) -> None:
    rows = roleplay("sweep", "pell", *GRID, "--json").json
    assert [row["settings"] for row in rows] == [{"learning_rate": 0.005, "rank": rank} for rank in (2, 4)]
    assert sorted(row["run"] for row in rows) == names(home)
    assert all(row["perplexity"] > 1 and row["problem"] == "" for row in rows)
    assert all({"rouge_l", "heldout_bits", "retention_loss", "stopped"} == set(row["measures"]) for row in rows)


def test_the_run_with_the_lowest_loss_is_named_where_another_answers(swept: Outcome, home: Home) -> None:
    rows = roleplay("sweep", "pell", *GRID, "--json").json
    best, other = sorted(rows, key=lambda row: row["best_heldout_loss"])
    promote(home, "pell", other["run"])
    assert roleplay("sweep", "pell", *GRID).err.splitlines()[-1] == (
        f"chat takes {other['run']}@best; the lowest held-out loss has {best['run']}; "
        f"'roleplay runs promote pell {best['run']}' makes it the character's"
    )
    promote(home, "pell", best["run"])
    assert roleplay("sweep", "pell", *GRID).err.splitlines()[-1] == (
        f"chat takes {best['run']}@best; 'roleplay runs promote pell RUN' makes another the character's"
    )


def test_without_evaluation_there_are_losses_and_later_the_figures_too(
    card: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = roleplay("sweep", "pell", "--grid", "rank=2", "--no-evaluate", "--json")
    assert bare.json[0]["measures"] == {}
    assert "replies" not in bare.err
    never(monkeypatch)
    assert "rouge_l" in roleplay("sweep", "pell", "--grid", "rank=2", "--json").json[0]["measures"]


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(
    card: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        press = interrupt_at(1)
        patch.setattr(Bar, "report", lambda bar, progress: press(progress))
        stopped = roleplay("sweep", "pell", *GRID, "--no-evaluate")
    assert (stopped.status, stopped.out) == (130, "")
    assert "stopped after 0 of 2 runs; the same command goes on from there" in stopped.err
    whole = roleplay("sweep", "pell", *GRID, "--no-evaluate")
    assert whole.status == 0
    assert "going on from step 1" in whole.err
    assert len(whole.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        (["pell", "--grid", "rnk=2"], 2, "--grid: 'rnk' is not a setting of training; did you mean 'rank'?"),
        (["pell", "--grid", "rank=2", "--grid", "rank=4"], 2, "rank is given twice"),
        (["pell", "--grid", "rank=2", "--preset", "quik"], 2, "there is no preset 'quik'; did you mean 'quick'?"),
        (["nobody", "--grid", "rank=2"], 1, "there is no character 'nobody'"),
    ],
)
def test_what_cannot_be_is_one_clear_error(card: Path, home: Home, typed: list[str], status: int, told: str) -> None:
    assert told in refused(roleplay("sweep", *typed), status)
    assert not home.runs.exists()


def test_a_finished_training_says_that_a_promoted_run_still_answers(tuned_pell: Path, home: Home) -> None:
    def train(name: str) -> Outcome:
        return roleplay("train", "pell", *SHORT, "--max-steps", "1", "--prefix-dropout", "1", "--run", name)

    assert "promoted" not in train("new").err
    assert Run(home.runs / "pell" / "new").read_config().settings.prefix_dropout == 1
    promote(home, "pell", "whole@last")
    assert train("newer").err.splitlines()[-1] == (
        "whole@last is promoted and still answers for pell; 'roleplay runs promote pell newer' lets this run answer"
    )
    promote(home, "pell", "newer")
    shutil.rmtree(home.runs / "pell" / "newer")
    assert "promoted" not in train("newer").err, "it is the promoted one"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_in_a_terminal_the_bar_says_which_run_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    progress = Progress()
    progress.steps, progress.step, progress.loss = 40, 10, 2.5
    with Bar() as bar:
        bar.say("run 2 of 8: sweep-rank4-0123456789ab")
        bar.report(progress)
        bar._bar[0].refresh()  # type: ignore[index]
        bar.tell("replies", 3, 9)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "run 2 of 8: sweep-rank4-0123456789ab\n" in text
    assert re.search(r"10/40 .*run 2 of 8: sweep-rank4  epoch 0.0  loss 2.500", text)
    assert re.search(r"3/9 .*run 2 of 8: sweep-rank4  replies", text)

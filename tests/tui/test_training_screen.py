"""Training: preset, plan, start, curves, replies, stop and resume; a run needs no screen."""

from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.paths import Home
from roleplay.training.background import is_alive
from roleplay.training.run import Run
from tests.tui.person import Person, meet, play
from tests.tui.test_cards_screen import Told
from tests.tui.trained import FAILING, TRAINER, standing_in, write_run
from tui.training_form import TrainingForm
from tui.training_screen import TrainingScreen

SIZE = (130, 44)


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen looks again at once."""
    monkeypatch.setattr("tui.training_screen._LOOKS", 0.05)


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roleplay.training.background._COMMAND", standing_in(TRAINER))


async def opens(person: Person) -> TrainingScreen:
    await person.sees("You are Mira")
    await person.press("t")
    await person.sees("Training mira", "About the best", "learning_rate")
    screen = person.app.screen
    assert isinstance(screen, TrainingScreen)
    return screen


def test_the_characters_own_preset_is_marked_and_what_is_in_force_is_shown(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        form = (await opens(person)).query_one(TrainingForm)
        assert form.preset == "quick"
        await person.sees("no run yet", "epochs            5")
        await person.press("down")
        await person.sees("Who the character is")
        assert form.preset == "identity"
        await person.press("up", "tab", "tab", *"2.5")
        await person.sees("epochs            2.5  typed")
        await person.press("tab", *"x")
        await person.until(lambda: "--max-steps:inputshouldbeavalidinteger" in person.shows("#in-force"))

    play(meet(home, name=None), story, SIZE)


def test_a_plan_is_told(mira: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.training_screen.Aside", Told)

    async def story(person: Person) -> None:
        screen = await opens(person)
        await person.press("tab", "tab", *"2", "ctrl+l")
        await person.sees("told by train mira --plan --preset=quick --epochs=2")
        screen.character = "bad"
        await person.press("ctrl+l")
        await person.sees("no such corpus")
        assert screen.query_one("#plan").has_class("problem")

    play(meet(home, name=None), story, SIZE)


def test_a_run_is_started_outlives_the_screen_and_is_found_again(mira: CardFile, home: Home, trainer: None) -> None:
    begun: list[Run] = []

    async def starts(person: Person) -> None:
        screen = await opens(person)
        await person.press("tab", "tab", *"2", "tab", "tab", "tab", "tab", "tab", *"mine", "ctrl+s")
        await person.sees("mine · starting", "asked: mira --preset=quick --run=mine --epochs=2")
        assert screen.run is not None
        begun.append(screen.run)

    async def finds_and_stops(person: Person) -> None:
        await opens(person)
        await person.sees("mine · starting")
        await person.press("ctrl+t")
        await person.sees("mine · stopped", "stopped at step 7")
        await person.press("ctrl+r")
        await person.sees("mine · starting", "asked: mira --run=mine --resume")
        await person.press("ctrl+r")
        await person.is_told("trains already")
        await person.press("ctrl+t")
        await person.sees("mine · stopped")
        await person.press("ctrl+t")
        await person.is_told("there is nothing to stop")

    play(meet(home, name=None), starts, SIZE)
    (run,) = begun
    assert is_alive(run)
    play(meet(home, name=None), finds_and_stops, SIZE)
    assert not is_alive(run)


def test_a_run_that_fails_shows_its_last_words(mira: CardFile, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roleplay.training.background._COMMAND", standing_in(FAILING))

    async def story(person: Person) -> None:
        screen = await opens(person)
        await person.press("ctrl+s")
        await person.sees("stopped", "error: the base is gone; put it back")
        assert screen.query_one("#last-words").has_class("problem")

    play(meet(home, name=None), story, SIZE)


def test_losses_speed_and_replies_of_a_run_are_shown(mira: CardFile, home: Home) -> None:
    run = write_run(home, "mira", "kept", [3.0, 2.5, 2.0])

    async def story(person: Person) -> None:
        await opens(person)
        with run.locked():
            figures = "kept·training·step25/80·epoch1.0·bestheld-out2.000at20·1,234tokens/s·1min50sleft"
            await person.until(lambda: person.shows("#run-figures") == figures)
            await person.sees("held-out", "training, smoothed")
            await person.sees("step 20, epoch 1", "Is there soup?", "Reply of step 20.", "as written: Leek, today.")
            assert person.text.index("Reply of step 20.") < person.text.index("Reply of step 10.")
        await person.sees("kept · stopped")
        write = Path(run.metrics)
        write.write_text(write.read_text() + '{"step": 30, "eval_loss": 1.5, "epoch": 1.5}\n')
        await person.until(lambda: "best held-out 1.500 at 30".replace(" ", "") in person.shows("#run-figures"))
        run.write_summary({})
        await person.sees("kept · finished")
        await person.press("ctrl+r")
        await person.is_told("the run kept is finished")
        await person.press("escape")
        await person.sees("Who do you want to talk to?")

    play(meet(home, name=None), story, SIZE)


def test_without_a_run_there_is_nothing_to_stop_or_resume(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await opens(person)
        await person.press("ctrl+t")
        await person.is_told("no run to stop")
        await person.press("ctrl+r")
        await person.is_told("no run to resume")

    play(meet(home, name=None), story, SIZE)

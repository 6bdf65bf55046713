"""How two screens look where characters are trained; see `test_snapshots` for how they are drawn anew."""

import pytest
from syrupy.assertion import SnapshotAssertion

from roleplay.cards.load import CardFile
from roleplay.paths import Home
from tests.tui.person import Person, meet
from tests.tui.test_snapshots import Svg, draw
from tests.tui.trained import write_run


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Svg)


def test_a_run_that_was_stopped(mira: CardFile, home: Home, picture: SnapshotAssertion) -> None:
    write_run(home, "mira", "first", [3.2, 2.6, 2.25, 2.05, 1.98])

    async def story(person: Person) -> None:
        await person.sees("You are Mira")
        await person.press("t")
        await person.sees("first · stopped", "Reply of step 40.", "learning_rate")

    assert draw(meet(home, name=None), story, (120, 36)) == picture


def test_two_runs_compared(mira: CardFile, home: Home, picture: SnapshotAssertion) -> None:
    write_run(home, "mira", "first", [3.2, 2.6, 2.25, 2.05, 1.98], finished=True)
    write_run(home, "mira", "second", [3.2, 2.9, 2.5, 2.2])

    async def story(person: Person) -> None:
        await person.sees("You are Mira")
        await person.press("r")
        await person.sees("second", "first")
        await person.press("space", "down", "space")
        await person.sees("mira/first", "mira/second")

    assert draw(meet(home, name=None), story, (100, 30)) == picture

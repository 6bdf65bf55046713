"""Every key of the screens where characters are made and trained stands in the palette, too."""

from collections.abc import Sequence

import pytest

from roleplay.cards.load import CardFile
from roleplay.paths import Home
from tests.tui.person import Person, meet, play
from tui.characters_screen import CharactersScreen
from tui.keys import named
from tui.runs_screen import RunsScreen
from tui.training_screen import TrainingScreen


@pytest.mark.parametrize(
    ("keys", "kind"), [([], CharactersScreen), (["t"], TrainingScreen), (["r"], RunsScreen)], ids=["cards", "t", "r"]
)
def test_every_key_has_its_twin(
    mira: CardFile,
    home: Home,
    keys: Sequence[str],
    kind: type[CharactersScreen | TrainingScreen | RunsScreen],
) -> None:
    async def story(person: Person) -> None:
        await person.sees("You are Mira")
        await person.press(*keys)
        await person.until(lambda: isinstance(person.app.screen, kind))
        listed = {command.title for command in person.app.get_system_commands(person.app.screen)}
        own = {binding.description for binding in named(kind)}
        assert own <= listed
        assert {"Training", "Runs", "Help"} <= listed
        await person.press("f1")
        await person.sees(*(binding.tooltip for binding in named(kind)))
        await person.press("escape", "ctrl+p")
        await person.press(*"Runs")
        await person.sees("Runs")
        await person.press("enter")
        await person.sees("Runs of mira")

    play(meet(home, name=None), story, (110, 40))

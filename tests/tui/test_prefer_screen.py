"""A blind comparison on the screen: what is seen, what keys do, what is never told."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.prefer.choices import KeptChoices
from roleplay.chat.prefer.comparison import Comparison
from roleplay.chat.prefer.contenders import Contender
from roleplay.chat.prefer.draws import Draws
from roleplay.chat.prefer.prompts import Asked
from roleplay.chat.wire import Opening
from roleplay.corpora.pairs import read_pairs
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError, StorageError
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.paths import Home
from tests.tui.payloads import PAYLOADS
from tests.tui.person import Person, play, squeeze
from tests.tui.script import Gate, Reply, Script, able
from tui.alone import AloneApp
from tui.prefer_screen import WORDS, PreferScreen

SOUPS: list[Asked] = [
    (Turn("user", "Hello {{char}}"), Turn("assistant", "Hm."), Turn("user", f"Soup {i}?")) for i in range(3)
]
Meet = Callable[..., AloneApp]
Story = Callable[[Person], Awaitable[None]]


@pytest.fixture
def place(project: Path) -> Path:
    return project / "mira-prefer-pairs.jsonl"


@pytest.fixture
def meet(mira: CardFile, home: Home, place: Path) -> Meet:
    """The program; B says in capitals what A says."""

    def met(*replies: Reply | str, prompts: Sequence[Asked] | None = SOUPS, notice: str = "") -> AloneApp:
        a = Contender(LANES["persona+prefix"], Opening(mira.path, home.root), "mira/one@3", Sampling())
        b = Contender(LANES["base"], a.opening, None, Sampling())
        script = Script(*replies, ready=able(mira.card, notice=notice))
        draws = Draws((a, b), 0, lambda opening: script)  # type: ignore[arg-type, return-value]
        comparison = Comparison(mira.card, draws, prompts, KeptChoices(place))
        return AloneApp(PreferScreen(comparison), home, WORDS)

    return met


def current(person: Person) -> PreferScreen:
    screen = person.app.screen
    assert isinstance(screen, PreferScreen)
    return screen


async def sees_both(person: Person, said: str) -> None:
    """Wait until both replies are there, each in its half."""
    places = {"left", "right"}
    await person.until(lambda: {person.shows(f"#{place}") for place in places} == {said, said.upper()}, f"for {said}")


def place_of_a(person: Person) -> str:
    return "left" if person.shows("#left").islower() else "right"


def test_what_is_preferred_becomes_a_pair_and_the_next_prompt_comes(meet: Meet, place: Path) -> None:
    async def story(person: Person) -> None:
        await sees_both(person, "leek")
        await person.sees("Which reply of Mira is better?", "Tom: Hello Mira", "Mira: Hm.", "Tom: Soup 0?")
        await person.press(place_of_a(person))
        await sees_both(person, "onion")
        assert [(pair.chosen, pair.rejected) for pair in read_pairs(place)] == [("leek", "LEEK")]
        await person.press("1" if place_of_a(person) == "right" else "2")
        await sees_both(person, "fish")
        assert [(pair.chosen, pair.rejected) for pair in read_pairs(place)[1:]] == [("ONION", "onion")]
        await person.press("b")
        await person.sees("That was the last prompt.", "choices: 3", "decided: 2", "left: 0")

    play(meet("leek", "onion", "fish"), story)


def test_nothing_tells_who_is_who(meet: Meet) -> None:
    told: list[str] = []

    async def story(person: Person) -> None:
        for said in ("leek", "onion", "fish"):
            await sees_both(person, said)
            told.append(person.text)
            await person.press(place_of_a(person))
        await person.sees("That was the last prompt.")
        told.append(person.text)

    play(meet("leek", "onion", "fish"), story)
    for screen in told:
        assert not [word for word in ("persona", "base", "mira/one", "A over B", "%") if word in screen]


def test_a_reply_alone_is_not_shown(meet: Meet) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await person.until(gate.reached.is_set)
        await person.sees("Two replies are being drawn.", "1 pieces of text so far")
        assert (person.shows("#left"), person.shows("#right")) == ("", "")
        await person.press("left", "b")
        gate.open()
        await sees_both(person, "leek")
        await person.sees("choices: 0")

    play(meet(Reply(["leek", gate]), "onion", "fish"), story)


def test_what_the_person_should_know_is_told(meet: Meet) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        gate.open()
        await person.is_told("The newest adapter is gone.")

    play(meet(Reply(["leek", gate]), "onion", "fish", notice="The newest adapter is gone."), story)


def test_the_next_replies_are_drawn_while_the_person_reads(meet: Meet) -> None:
    gate = Gate()

    async def story(person: Person) -> None:
        await sees_both(person, "leek")
        await person.until(gate.reached.is_set)
        gate.open()
        await person.until(lambda: len(current(person).waiting) == 1)
        await person.press("n")
        assert {person.shows("#left"), person.shows("#right")} == {"onion", "ONION"}

    play(meet("leek", Reply(["onion", gate]), "fish"), story)


def test_the_last_choice_is_taken_back_and_the_same_replies_stand_in_the_same_places(meet: Meet, place: Path) -> None:
    async def story(person: Person) -> None:
        await sees_both(person, "leek")
        left = person.shows("#left")
        await person.press("u", "left")
        await sees_both(person, "onion")
        await person.press("u")
        await sees_both(person, "leek")
        assert person.shows("#left") == left
        assert not place.exists()
        await person.press("s")
        await sees_both(person, "onion")
        await person.sees("choices: 1 ", "decided: 0")

    play(meet("leek", "onion", "fish"), story)


def test_the_win_rate_is_shown_on_demand(meet: Meet) -> None:
    async def story(person: Person) -> None:
        await sees_both(person, "leek")
        await person.press(place_of_a(person))
        await sees_both(person, "onion")
        await person.sees_no("A over B")
        await person.press("w")
        await person.sees("A over B: 100% (95 % interval 21% to 100%) of 1 decided choices")
        await person.press("left" if place_of_a(person) == "right" else "right")
        await person.sees("A over B: 50% (95 % interval 9% to 91%) of 2 decided choices")
        await person.press("w")
        await person.sees_no("A over B")

    play(meet("leek", "onion", "fish"), story)


def test_prompts_are_typed(meet: Meet, place: Path) -> None:
    async def story(person: Person) -> None:
        await person.sees("Type a prompt below")
        await person.bursts([*"bun 12?", "enter"])
        await sees_both(person, "leek")
        await person.sees("Tom: bun 12?")
        await person.press(place_of_a(person))
        await person.sees("Type a prompt below")
        await person.bursts([*"bun 12?", "enter"])
        await person.is_told("this was asked before")
        await person.bursts([*" or 3?", "enter"])
        await sees_both(person, "onion")
        await person.press("n")
        await person.sees("choices: 2", "Type a prompt below")
        assert [pair.turns for pair in read_pairs(place)] == [(Turn("user", "bun 12?"),)]

    play(meet("leek", "onion", prompts=None), story)


def test_a_failure_is_told_and_tried_again(meet: Meet) -> None:
    async def story(person: Person) -> None:
        await person.sees("out of memory · r tries again")
        await person.press("r")
        await sees_both(person, "leek")
        await person.sees("Soup 0?")
        await person.sees_no("out of memory")

    play(meet(Reply([], BaseModelError("out of memory")), "leek", "onion", "fish"), story)


def test_a_choice_that_cannot_be_kept_is_not_made(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise StorageError("the disk is full")

    async def story(person: Person) -> None:
        await sees_both(person, "leek")
        with monkeypatch.context() as patch:
            patch.setattr("roleplay.chat.prefer.choices.write_file", full)
            await person.press("left")
            await person.is_told("the disk is full")
        await sees_both(person, "leek")
        await person.sees("choices: 0")

    play(meet("leek", "onion", "fish"), story)


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c", "ctrl+q"])
def test_leaving_in_the_midst_of_a_reply_ends_it(meet: Meet, key: str) -> None:
    gate = Gate()
    app = meet("leek", Reply(["onion", gate]))

    async def story(person: Person) -> None:
        await sees_both(person, "leek")
        await person.until(gate.reached.is_set)
        await person.press(key)
        await person.until(lambda: app._exit)

    play(app, story)
    assert app.return_code == 0


@pytest.mark.parametrize("payload", PAYLOADS[:5], ids=lambda payload: payload.name)
def test_strangers_are_seen_as_they_are(meet: Meet, payload: object) -> None:
    text, seen = payload.text, payload.seen  # type: ignore[attr-defined]

    async def story(person: Person) -> None:
        await person.until(lambda: squeeze(seen) in person.shows("#said"), "for the prompt")
        shown = {person.shows("#left"), person.shows("#right")}
        assert squeeze(f"x{seen}") in shown

    play(meet(f"x{text}", prompts=[(Turn("user", text),)]), story, (110, 40))


def test_every_key_has_its_twin_and_its_help(meet: Meet) -> None:
    async def story(person: Person) -> None:
        await sees_both(person, "leek")
        listed = {command.title for command in person.app.get_system_commands(person.app.screen)}
        assert {"Left", "Right", "Both", "Neither", "Skip", "Undo", "Win rate"} <= listed
        await person.press("f1")
        await person.sees("The left is better", "Take the last choice back and look again")
        await person.press("escape")
        await sees_both(person, "leek")

    play(meet("leek", "onion", "fish"), story, (110, 40))


@pytest.mark.parametrize("size", [(60, 16), (40, 12)])
def test_both_replies_are_seen_on_a_small_screen(meet: Meet, size: tuple[int, int]) -> None:
    async def story(person: Person) -> None:
        await sees_both(person, "leek")
        await person.sees("Soup 0?")

    play(meet("leek", "onion", "fish"), story, size)

"""Both replies to a prompt: who is asked together, with which seed, and who stands at the left."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.prefer.contenders import Contender
from roleplay.chat.prefer.draws import Draws
from roleplay.chat.prefer.match import Match
from roleplay.chat.wire import Opening
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from tests.tui.script import Script, able

SOUP = (Turn("user", "Soup?"),)
Begin = Callable[..., tuple[Draws, list[Script]]]


@pytest.fixture
def begin(mira: CardFile, opening: Callable[[str | None], Opening]) -> Begin:
    def begun(
        a: Lane, b: Lane, *replies: str, temperature: float = 0.7, base: str = "harbour", seed: int = 5
    ) -> tuple[Draws, list[Script]]:
        scripts: list[Script] = []

        def start(opening: Opening) -> Script:
            scripts.append(Script(*replies, ready=replace(able(mira.card), notice=f"on {opening.base}")))
            return scripts[-1]

        one = Contender(a, opening("harbour"), "mira/one@3" if a.adapter else None, Sampling())
        other = Contender(b, opening(base), None, Sampling(temperature=temperature))
        return Draws((one, other), seed, start), scripts  # type: ignore[arg-type]

    return begun


def drawn(draws: Draws, text: str = "Soup?") -> Match:
    return draws.draw((Turn("user", text),), lambda text: None)


def test_two_lanes_of_one_base_answer_in_one_batch(begin: Begin) -> None:
    draws, [script] = begin(LANES["persona+prefix"], LANES["base"], "Leek.")

    found = drawn(draws)

    (question,) = script.questions
    assert [(ask.lane.name, ask.prefixes, ask.turns) for ask in question.asks] == [
        ("persona+prefix", ("who",), SOUP),
        ("base", (), SOUP),
    ]
    assert (found.a.text, found.b.text) == ("Leek.", "LEEK.")
    assert (found.turns, found.prefixes) == (SOUP, ("who",))
    assert (found.a.side.adapter, found.b.side.adapter) == ("mira/one@3", None)
    assert found.b.side.base == "harbour@1"
    assert found.b.side.sampling["seed"] == question.sampling.seed


@pytest.mark.parametrize(("lane", "temperature"), [("persona+prefix", 0.7), ("base", 0.2)])
def test_one_lane_twice_and_two_temperatures_are_drawn_with_seeds_of_their_own(
    begin: Begin, lane: str, temperature: float
) -> None:
    draws, [script] = begin(LANES["persona+prefix"], LANES[lane], " One. ", "Two.", temperature=temperature)

    found = drawn(draws)

    one, two = script.questions
    assert one.sampling.seed != two.sampling.seed
    assert (one.sampling.temperature, two.sampling.temperature) == (0.7, temperature)
    assert (found.a.text, found.b.text) == ("One.", "Two.")
    assert (found.a.side.sampling["seed"], found.b.side.sampling["seed"]) == (one.sampling.seed, two.sampling.seed)


def test_another_base_is_another_process(begin: Begin) -> None:
    draws, scripts = begin(LANES["persona"], LANES["base"], "Leek.", base="lake")

    drawn(draws)

    assert [len(script.questions) for script in scripts] == [1, 1]
    assert draws.notices == ["on harbour", "on lake"]
    draws.close()
    assert all(script.closed.is_set() for script in scripts)


def test_a_seed_repeats_replies_and_places(begin: Begin) -> None:
    prompts = [f"Soup {i}?" for i in range(40)]

    def all_of(seed: int) -> list[tuple[float, str]]:
        draws, _ = begin(LANES["persona"], LANES["base"], *prompts, seed=seed)
        return [(match.a.side.sampling["seed"], match.left) for match in (drawn(draws, text) for text in prompts)]

    assert all_of(1) == all_of(1)
    assert all_of(1) != all_of(2)
    assert len({seed for seed, _ in all_of(1)}) == 40
    assert 10 <= sum(left == "a" for _, left in all_of(1)) <= 30


def test_a_place_gives_back_whose_reply_stands_there(begin: Begin) -> None:
    draws, _ = begin(LANES["persona"], LANES["base"], "Leek.")
    match = replace(drawn(draws), left="b")

    assert match.shown == ("LEEK.", "Leek.")
    assert (match.at("left"), match.at("right")) == ("b", "a")
    assert (replace(match, left="a").at("left"), replace(match, left="a").at("right")) == ("a", "b")


def test_passages_are_sent_where_the_lane_says_so(mira: CardFile, begin: Begin) -> None:
    draws, [script] = begin(Lane(True, True, knowledge=True), Lane(True, True, knowledge=False), "Leek.")
    script.at_hand = replace(script.at_hand, prefixes=(*script.at_hand.prefixes, _knowing()))

    drawn(draws)

    assert [ask.prefixes for ask in script.questions[0].asks] == [("who", "knowledge"), ("who",)]


def test_what_is_loaded_and_drawn_is_told(begin: Begin) -> None:
    draws, _ = begin(LANES["persona"], LANES["base"], "Leek.")
    told: list[str] = []

    draws.draw(SOUP, told.append)

    assert told == ["drawing the next two replies, 1 pieces of text so far"]


def test_nothing_is_drawn_after_the_end(begin: Begin) -> None:
    draws, _ = begin(LANES["persona"], LANES["base"], "Leek.")
    draws.close()

    with pytest.raises(BaseModelError, match="the chat is closed"):
        drawn(draws)


def _knowing():  # type: ignore[no-untyped-def]
    from roleplay.cards.model import Prefix

    return Prefix(id="knowledge", text="{{knowledge}}", place="last_user", default=False)

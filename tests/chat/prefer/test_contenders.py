"""Who A and B are, and on which base."""

from collections.abc import Callable

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.prefer.contenders import Contender, contenders
from roleplay.chat.wire import Opening
from roleplay.errors import AdapterError, UsageError
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.paths import Home
from tests.chat.prefer.conftest import LAKE, train

WARM = (Sampling(), Sampling())
Find = Callable[..., tuple[Contender, Contender]]


@pytest.fixture
def find(mira: CardFile, home: Home, opening: Callable[[str | None], Opening]) -> Find:
    def found(a: str | None, b: str | None, samplings: tuple[Sampling, Sampling] = WARM) -> tuple[Contender, Contender]:
        return contenders(mira, home, (a, b), samplings, opening(None))

    return found


@pytest.mark.parametrize(
    ("typed", "lane"),
    [
        (None, Lane(True, True)),
        ("persona", Lane(True, False)),
        ("base+prefix", Lane(False, True)),
        ("persona+prefix-knowledge", Lane(True, True, knowledge=False)),
        ("one", Lane(True, True, "one@best")),
        ("one@last", Lane(True, True, "one@last")),
        ("persona@one@last+prefix", Lane(True, True, "one@last")),
        ("persona@one", Lane(True, False, "one@best")),
    ],
)
def test_sides_are_lanes_or_adapters(find: Find, home: Home, typed: str | None, lane: Lane) -> None:
    train(home, "one")
    train(home, "one", which="last")

    assert find(typed, None)[0].lane == lane


@pytest.mark.parametrize(
    ("typed", "told"),
    [("base+prefx", "neither a lane nor an adapter of mira; did you mean"), ("one@epoch-3", "did you mean 'one@best'")],
)
def test_a_side_that_is_none_is_refused_with_the_nearest(find: Find, home: Home, typed: str, told: str) -> None:
    train(home, "one")

    with pytest.raises(UsageError, match=told):
        find(None, typed)


def test_adapters_of_one_base_share_it_and_others_have_their_own(find: Find, home: Home) -> None:
    train(home, "one")
    train(home, "two", source="bases/harbour")
    train(home, "far", LAKE)

    same, apart, bare = find("one", "two"), find("one", "far"), find("base", "far")

    assert [one.opening.base for one in same] == ["harbour", "harbour"]
    assert same[0].opening == same[1].opening
    assert [one.opening.base for one in apart] == ["harbour", "lake"]
    assert [one.opening.base for one in bare] == ["lake", "lake"]
    assert [one.adapter for one in bare] == [None, "mira/far@3"]


def test_a_name_tells_the_adapter_and_the_temperature(find: Find, home: Home) -> None:
    train(home, "one")

    a, b = find(None, "base", (Sampling(), Sampling(temperature=0.25)))

    assert a.name == "persona+prefix (mira/one@3) at temperature 0.7"
    assert b.name == "base (harbour) at temperature 0.25"


def test_without_an_adapter_the_base_is_compared_and_a_persona_is_refused(find: Find) -> None:
    assert find(None, "base")[0].lane == Lane(False, True)
    with pytest.raises(AdapterError, match="mira has no adapter yet; 'roleplay train mira' makes one"):
        find("persona", None)


def test_two_that_always_say_the_same_are_refused(find: Find) -> None:
    cold = (Sampling(temperature=0), Sampling(temperature=0))

    with pytest.raises(UsageError, match="A and B say the same at temperature 0"):
        find(None, None, cold)
    assert find(None, "base", cold)

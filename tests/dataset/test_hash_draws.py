import pytest

from roleplay.dataset.draws import HELDOUT_SHARE, heldout_identities
from roleplay.dialogue import Dialogue, Turn
from roleplay.text import draw


def dialogue(text: str) -> Dialogue:
    return Dialogue((Turn("user", text), Turn("assistant", text)), "talk.yaml:1")


def test_about_a_tenth_is_held_out_and_the_same_ones_whatever_is_added_or_reordered() -> None:
    some = [dialogue(f"some {i}") for i in range(400)]
    more = [dialogue(f"more {i}") for i in range(400)]

    out = heldout_identities(some)

    assert len(out) / len(some) == pytest.approx(HELDOUT_SHARE, abs=0.05)
    assert heldout_identities(some[::-1]) == out
    assert heldout_identities([*more, *some]) == out | heldout_identities(more)
    assert heldout_identities([*some, *some]) == out


def by_score(low: bool, number: int) -> list[Dialogue]:
    """Dialogues that chance holds out, or does not."""
    found = (dialogue(f"try {i}") for i in range(10_000))
    return [d for d in found if (draw(d.identity, "heldout") < HELDOUT_SHARE) is low][:number]


def test_one_of_several_is_held_out_even_where_chance_picks_none() -> None:
    unlikely = by_score(low=False, number=3)

    (out,) = heldout_identities(unlikely)

    assert out == min((d.identity for d in unlikely), key=lambda identity: draw(identity, "heldout"))


@pytest.mark.parametrize("number", [1, 2, 5])
def test_something_is_left_to_train_even_where_chance_picks_all(number: int) -> None:
    likely = by_score(low=True, number=number)

    assert len(heldout_identities(likely)) == number - 1


def test_a_single_dialogue_and_openings_are_never_held_out() -> None:
    openings = [Dialogue((Turn("assistant", f"hi {i}"),), "a") for i in range(100)]

    assert heldout_identities([]) == set()
    assert heldout_identities([dialogue("only")]) == set()
    assert heldout_identities(openings) == set()

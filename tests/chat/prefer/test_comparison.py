"""A blind comparison from prompt to prompt, over several sittings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.chat.prefer.choices import KeptChoices
from roleplay.chat.prefer.comparison import Comparison
from roleplay.chat.prefer.contenders import Contender
from roleplay.chat.prefer.draws import Draws
from roleplay.chat.prefer.match import Match
from roleplay.chat.prefer.prompts import Asked
from roleplay.chat.wire import Opening
from roleplay.corpora.pairs import Pair, read_pairs, write_pairs
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError, ContextFull, UsageError
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from tests.tui.script import Reply, Script, able

PROMPTS: list[Asked] = [(Turn("user", f"Soup {i}?"),) for i in range(3)]
Sit = Callable[..., Comparison]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "mira-prefer-pairs.jsonl"


@pytest.fixture
def sit(mira: CardFile, opening: Callable[[str | None], Opening], place: Path) -> Sit:
    """One sitting; what A says is said in capitals by B."""

    def begun(
        *replies: Reply | str, prompts: Sequence[Asked] | None = PROMPTS, count: int | None = None, b: str = "base"
    ) -> Comparison:
        a = Contender(LANES["persona"], opening(None), "mira/one@3", Sampling())
        other = replace(a, lane=LANES[b], adapter=None)
        script = Script(*replies, ready=able(mira.card))
        draws = Draws((a, other), 0, lambda opening: script)  # type: ignore[arg-type, return-value]
        return Comparison(mira.card, draws, prompts, KeptChoices(place), count)

    return begun


def following(comparison: Comparison) -> Match:
    match = comparison.next(lambda text: None)
    assert match is not None
    return match


def asked(match: Match) -> str:
    return match.turns[-1].text


def test_prompts_come_one_after_the_other_and_then_none(sit: Sit) -> None:
    comparison = sit("a", "b", "c")

    assert [asked(following(comparison)) for _ in PROMPTS] == ["Soup 0?", "Soup 1?", "Soup 2?"]
    assert comparison.next(lambda text: None) is None
    assert comparison.left == 0


def test_a_second_sitting_goes_on_where_the_first_ended(sit: Sit) -> None:
    first = sit("a", "b")
    first.choose(following(first), "a")
    first.choose(following(first), "both")

    second = sit("c")

    assert second.left == 1
    assert asked(following(second)) == "Soup 2?"
    assert (second.tally.won, second.tally.both, second.made) == (1, 1, 0)


def test_others_who_are_compared_are_asked_the_same_again(sit: Sit) -> None:
    first = sit("a")
    first.choose(following(first), "a")

    other = sit("x", b="base+prefix")

    assert asked(following(other)) == "Soup 0?"
    assert other.tally.choices == 0


def test_pairs_whose_choices_are_gone_are_not_asked_again(sit: Sit, place: Path) -> None:
    write_pairs(place, [Pair(PROMPTS[0], "x", "y", "prefer"), Pair(PROMPTS[1], "x", "y", "swipe")])

    assert [asked(following(comparison)) for comparison in [sit("a", "b")] for _ in range(2)] == ["Soup 1?", "Soup 2?"]


def test_replies_that_are_the_same_are_counted_and_nobody_is_asked(sit: Sit) -> None:
    comparison = sit("...", "b")

    assert asked(following(comparison)) == "Soup 1?"
    assert (comparison.tally.same, comparison.tally.choices) == (1, 0)
    assert sit().left == 2


def test_a_choice_taken_back_is_shown_again_and_leaves_no_pair(sit: Sit, place: Path) -> None:
    comparison = sit("a", "b")
    first, second = following(comparison), following(comparison)
    comparison.choose(first, "a")
    comparison.choose(second, "b")

    assert comparison.undo() == second
    assert [pair.chosen for pair in read_pairs(place)] == ["a"]
    comparison.choose(second, "neither")
    assert (comparison.tally.won, comparison.tally.lost, comparison.tally.neither) == (1, 0, 1)
    assert comparison.undo() == second
    assert comparison.undo() == first
    assert not comparison.can_undo
    assert not place.exists()


def test_no_more_prompts_are_drawn_than_wanted(sit: Sit) -> None:
    comparison = sit("...", "b", "c", count=1)

    following(comparison)
    assert comparison.next(lambda text: None) is None
    assert comparison.is_full


def test_a_prompt_without_room_for_a_reply_is_left_out_and_another_failure_keeps_it(sit: Sit) -> None:
    comparison = sit(Reply([], ContextFull("no room")), Reply([], BaseModelError("out of memory")), "b")

    with pytest.raises(BaseModelError, match="out of memory"):
        following(comparison)
    assert asked(following(comparison)) == "Soup 1?"
    assert comparison.too_long == 1


def test_typed_prompts_are_asked_once(sit: Sit) -> None:
    comparison = sit("a", prompts=None)
    assert comparison.left == 0
    comparison.type(" Leek? \x1b")
    comparison.choose(following(comparison), "a")

    with pytest.raises(UsageError, match="this was asked before"):
        comparison.type("Leek?")
    with pytest.raises(UsageError, match="there is nothing to ask"):
        comparison.type(" ")
    again = sit(prompts=None)
    with pytest.raises(UsageError, match="this was asked before"):
        again.type("Leek?")

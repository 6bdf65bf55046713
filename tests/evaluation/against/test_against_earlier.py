"""Which adapter was before: the one a run began with, or one that is named."""

from pathlib import Path
from typing import Any

import pytest

from roleplay.cards.load import CardFile, load_card
from roleplay.cards.model import Card
from roleplay.chat.open import Opened
from roleplay.corpora.pairs import Pair, write_pairs
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Turn
from roleplay.errors import AdapterError, EvaluationError, RoleplayError, RunError, UsageError
from roleplay.evaluation.against.asked import asked_of_run
from roleplay.evaluation.against.earlier import earlier_adapter
from roleplay.evaluation.scope import QUICK
from roleplay.paths import Home
from roleplay.preference.rewards.spec import parse_reward
from tests.evaluation.against.made_runs import finished_run
from tests.training.pell import write_pell

CARD = Card.model_validate({"schema": 1, "name": "pell", "display_name": "Pell", "language": "en"})


def opened(home: Home, folder: Path | None) -> Opened:
    """As much of a character as is looked at here."""
    nothing: Any = None
    return Opened(Voice(CARD, (), nothing), nothing, None, "", home, folder)


def test_start_is_the_adapter_that_the_run_began_with(home: Home) -> None:
    first = finished_run(home, "first")
    tuned = finished_run(home, "tuned", from_adapter=str(first.adapter("best")))

    found = earlier_adapter(opened(home, tuned.adapter("best")), "start")

    assert (found.label, found.folder) == ("first@best", first.adapter("best"))


@pytest.mark.parametrize("against", ["first", "first@best"])
def test_another_run_can_be_named(against: str, home: Home) -> None:
    first, tuned = finished_run(home, "first"), finished_run(home, "tuned")

    assert earlier_adapter(opened(home, tuned.adapter("best")), against).folder == first.adapter("best")


def test_what_was_before_must_be_there_and_another(home: Home, tmp_path: Path) -> None:
    first = finished_run(home, "first")
    gone = finished_run(home, "tuned", from_adapter=str(tmp_path / "gone"))
    cases: list[tuple[Path | None, str, type[RoleplayError], str]] = [
        (None, "start", EvaluationError, "pell has no adapter on this base to compare"),
        (first.adapter("best"), "start", RunError, "this run began with no adapter"),
        (gone.adapter("best"), "start", AdapterError, "the adapter that this run began with is gone from"),
        (tmp_path / "run" / "adapter" / "best", "start", RunError, "came without its run"),
        (first.adapter("best"), "first", UsageError, "--against first is the adapter that is evaluated"),
        (first.adapter("best"), "tunde", AdapterError, "pell has no adapter 'tunde@best'; did you mean 'tuned@best'?"),
        (first.adapter("best"), "tuned@last", AdapterError, "pell has no adapter 'tuned@last'; did you mean"),
    ]
    for folder, against, error, told in cases:
        with pytest.raises(error, match=told.replace("?", r"\?")):
            earlier_adapter(opened(home, folder), against)


@pytest.fixture
def card_file(tmp_path: Path) -> CardFile:
    return load_card(write_pell(tmp_path / "characters", Path("tiny")))


def pairs(count: int) -> list[Pair]:
    return [Pair((Turn("user", f"Question {n}?"),), f"Yes, {n}.", f"No, {n}.", "swipe") for n in range(count)]


def test_pairs_and_reward_are_those_of_the_run_where_none_are_typed(
    home: Home, card_file: CardFile, tmp_path: Path
) -> None:
    write_pairs(tmp_path / "own.jsonl", pairs(40))
    write_pairs(tmp_path / "typed.jsonl", [*pairs(20), *pairs(20)])
    own = (str(tmp_path / "own.jsonl"), str(tmp_path / "gone.jsonl"))
    after = opened(home, finished_run(home, "tuned", pairs=own, reward="stop").adapter("best"))

    run = asked_of_run(card_file, after, QUICK, [], ())
    typed = asked_of_run(card_file, after, QUICK, [tmp_path / "typed.jsonl"], parse_reward("shorter(9)"))

    assert [term.label for term in run.reward] == ["stop"]
    assert [term.label for term in typed.reward] == ["shorter(9)"]
    assert 0 < len(run.pairs) < 40
    assert len({pair.identity for pair in typed.pairs}) == len(typed.pairs) > 0
    assert ["gone.jsonl are gone; name their new places with --pairs." in one.text for one in run.notes] == [True]
    assert not typed.notes


def test_an_adapter_without_a_run_has_neither(home: Home, card_file: CardFile, tmp_path: Path) -> None:
    asked = asked_of_run(card_file, opened(home, tmp_path / "a" / "adapter" / "best"), QUICK, [], ())

    assert (asked.pairs, asked.reward, asked.notes) == ((), (), ())


def test_typed_pairs_of_which_none_is_held_out_are_refused(home: Home, card_file: CardFile, tmp_path: Path) -> None:
    after = opened(home, finished_run(home, "tuned").adapter("best"))
    learned = set(pairs(40)) - set(asked_of_all(card_file, after, tmp_path).pairs)
    write_pairs(tmp_path / "one.jsonl", [min(learned, key=lambda pair: pair.identity)])

    with pytest.raises(UsageError, match="of 1 pairs none is held out"):
        asked_of_run(card_file, after, QUICK, [tmp_path / "one.jsonl"], ())


def asked_of_all(card_file: CardFile, after: Opened, folder: Path) -> Any:
    write_pairs(folder / "all.jsonl", pairs(40))
    return asked_of_run(card_file, after, QUICK, [folder / "all.jsonl"], ())

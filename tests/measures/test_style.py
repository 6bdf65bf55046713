"""A judge on two invented voices, and on the two Chinese characters that ship."""

import sys
from functools import cache
from itertools import product

import pytest

from roleplay.cards.load import load_card
from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.corpora.native import read_native
from roleplay.dataset.draws import heldout_identities
from roleplay.errors import EvaluationError, UsageError
from roleplay.measures.style import Style, judge_style, train_judge, without_names
from roleplay.paths import shipped

THINGS = ["the tea", "a kettle", "the rope", "an old map", "the goat", "my left boot", "the ferry", "a jar of nails"]
PLACES = ["by the lock", "in the rain", "on the stairs", "under the bridge", "at the market"]
QUIET = [f"mm... {thing}, perhaps... {place}." for thing, place in product(THINGS, PLACES)]
LOUD = [f"HA! {thing} {place}! What a day!" for thing, place in product(reversed(THINGS), PLACES)]


def test_a_voice_is_told_from_another_by_lines_that_were_not_shown() -> None:
    judge, style = judge_style(QUIET[:20], QUIET[20:], LOUD[:20], LOUD[20:])
    assert style.floor < 0.2 < 0.8 < style.ceiling
    assert style.auc == 1
    quiet, loud = judge.probabilities(["mm... the moon, perhaps...", "HA! The moon! What a night!"])
    assert loud < 0.3 < 0.7 < quiet


def test_capitals_and_punctuation_are_style() -> None:
    words = [f"{thing} {place}" for thing, place in product(THINGS, PLACES)]
    dotted, capital = [f"{text}..." for text in words], [text.upper() for text in words]
    judge = train_judge(dotted[:20], [*words[:20], *capital[:20]])
    likely, plain, shouted = judge.probabilities(["a boat...", "a boat", "A BOAT..."])
    assert likely > plain
    assert likely > shouted


def test_the_same_lines_give_the_same_judge() -> None:
    first, second = (train_judge(QUIET, LOUD).probabilities(THINGS) for _ in range(2))
    assert first == second


def test_a_small_side_counts_as_much_as_a_large_one() -> None:
    judge = train_judge(QUIET, QUIET * 10)
    assert judge.probabilities(QUIET) == pytest.approx([0.5] * len(QUIET), abs=0.01)


def test_what_says_nothing_or_is_in_another_language_is_nobodys() -> None:
    judge = train_judge(QUIET, LOUD, ["Ada"])
    assert judge.probabilities(["", "Ada", " \n", "嗯……大概。"]) == [0, 0, 0, 0]
    assert 0 < judge.probabilities(["..."])[0] <= 1
    assert judge.probabilities([]) == []


def test_names_do_not_decide() -> None:
    lines = [f"{thing} {place}" for thing, place in product(THINGS, PLACES)]
    own, others = [f"Sir, {line}." for line in lines], [f"{line}, Ada." for line in lines]
    _, style = judge_style(own[:20], own[20:], others[:20], others[20:])
    assert style.ceiling > 0.8
    judge = train_judge(own, others, ["Ada", "Sir"])
    assert judge.probabilities(["Sir, a boat.", "a boat, Ada."]) == pytest.approx([0.5, 0.5], abs=0.01)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("早上好，学长。今天有露水。", "早上好。今天有露水。"),
        ("学长，等一下。", "等一下。"),
        ("好的，学长，等一下。", "好的，等一下。"),
        ("江晚照是我", "是我"),
        ("Good evening, Dot. Sit down.", "Good evening. Sit down."),
        ("Dot, a dot on the map, Dotty.", "a dot on the map, Dotty."),
        ("你好Dot你好", "你好你好"),
    ],
)
def test_a_name_leaves_with_its_comma(text: str, left: str) -> None:
    assert without_names([text], ["江晚", "江晚照", "学长", "Dot", ""]) == [left]


def test_a_figure_is_placed_between_floor_and_ceiling() -> None:
    style = Style(floor=0.2, ceiling=0.7, auc=0.9)
    assert [style.place(mean) for mean in (0.2, 0.45, 0.7, 0.1)] == pytest.approx([0, 0.5, 1, -0.2])


def test_every_side_that_is_too_small_is_named_with_its_size() -> None:
    with pytest.raises(EvaluationError, match="by 11 held-out lines of the character and 3 held-out lines of others;"):
        judge_style(QUIET[:20], QUIET[:11], LOUD[:20], LOUD[:3])
    with pytest.raises(EvaluationError, match="by 4 trained lines of the character and 5 trained lines of others;"):
        judge_style(QUIET[:4], QUIET[:20], LOUD[:5], LOUD[:20])
    with pytest.raises(EvaluationError, match="by 2 trained lines of the character;"):
        train_judge(QUIET[:2], LOUD)


def test_voices_that_do_not_differ_are_refused() -> None:
    with pytest.raises(EvaluationError, match="do not differ"):
        judge_style(QUIET[:20], LOUD[20:], LOUD[:20], QUIET[20:])


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(UsageError, match=r"scikit-learn; install it with: pip install 'roleplay\[evaluation\]'"):
        train_judge(QUIET, LOUD)


@cache
def shipped_lines(name: str) -> tuple[Card, list[str], list[str]]:
    """The card, its trained lines and its held-out lines."""
    card = load_card(shipped() / "characters" / f"{name}.yaml").card
    trained: list[str] = []
    heldout: list[str] = []
    for corpus in card.corpora:
        dialogues = read_native(shipped() / "data" / "corpora" / corpus.path)
        out = heldout_identities(dialogues)
        for dialogue in dialogues:
            said = [fill(turn.text, card) for turn in dialogue.turns if turn.role == "assistant"]
            (heldout if dialogue.identity in out else trained).extend(said)
    return card, trained, heldout


@pytest.mark.parametrize(("name", "other"), [("yui", "wan"), ("wan", "yui")])
def test_the_chinese_characters_that_ship_are_told_apart(name: str, other: str) -> None:
    card, trained, heldout = shipped_lines(name)
    other_card, other_trained, other_heldout = shipped_lines(other)
    hidden = [one for each in (card, other_card) for one in (each.display_name, each.user_name)]
    judge, style = judge_style(trained, heldout, other_trained, other_heldout, hidden)
    assert style.floor < 0.22
    assert style.ceiling > style.floor + 0.5
    assert style.auc > 0.93
    assert judge.language == "zh"

"""What prompts add to figures: together exactly what the report of an evaluation says."""

import math
from dataclasses import replace

import pytest

from roleplay.cards.model import Card
from roleplay.dialogue import Turn
from roleplay.evaluation.against.figures import Evaluated, measured_figures
from roleplay.evaluation.against.findings import findings_of
from roleplay.evaluation.against.items import items_of, repeats
from roleplay.evaluation.against.paired import FEWEST, figure_of
from roleplay.evaluation.asking import Reply
from roleplay.evaluation.evaluate import measures_of
from roleplay.evaluation.figures.manner import manner_measures
from roleplay.evaluation.figures.style import style_measures
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.prompts import Part, Prompt
from roleplay.evaluation.scoring import Scores
from roleplay.generation.lanes import LANES
from roleplay.measures.divergence import Divergence
from roleplay.measures.likelihood import Likelihood
from roleplay.measures.lines import Lines, RealLines
from tests.evaluation.against.figures import figure

CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "mira",
        "display_name": "Mira",
        "user_name": "Tom",
        "language": "en",
        "catchphrases": ["Soup's on"],
    }
)
OWN = [f"Soup's on, and the gulls took {n} herrings from the harbour wall." for n in range(40)]
OTHERS = [f"Please file report {n} with the ministry before the deadline, sir." for n in range(40)]
LINES = RealLines({"en": Lines(OWN[:20], OWN[20:], OTHERS[:20], OTHERS[20:])}, ("Mira", "Tom"))
EVERY, BARE = tuple(LANES.values()), (LANES["persona"], LANES["base"])
PARTS: tuple[Part, ...] = ("heldout", "heldout", "trained", "identity", "out_of_world", "general")


def prompt(at: int, part: Part) -> Prompt:
    known = part in ("identity", "general", "out_of_world")
    lanes = BARE if part == "general" else EVERY
    group = f"dialogue {at // 2}" if part == "heldout" else f"question {at}"
    accept, forbid = ("gulls",) if known else (), ("ministry",) if part == "out_of_world" else ()
    return Prompt(part, (Turn("user", f"Question {at}?"),), OWN[at % 40], group, lanes, accept, forbid)


PROMPTS = [prompt(at, PARTS[at % len(PARTS)]) for at in range(10 * len(PARTS))]


def heard(turn: int) -> Heard:
    """Replies that differ with `turn`, some of the character's and some of others, some cut, some copied."""
    replies = {}
    for at, one in enumerate(PROMPTS):
        for number, lane in enumerate(one.lanes):
            text = (OWN, OTHERS)[(at * 7 + number + turn) % 3 % 2][(at * 5 + turn) % 40]
            text = "The gulls." if (one.part, lane.name) == ("general", "base") else text
            text = text[: 30 + (at * 11 + turn * 17) % 40] + " the end" * ((at + turn) % 4)
            replies[one.key, lane.name] = Reply(text, 9, ("end", "length")[(at + 2 * turn) % 5 == 0])
    scores = {
        (side, lane): Scores(
            tuple(Likelihood(9 + (at * 3 + turn) % 7, 5, 20 + at % 6) for at in range(16)),
            tuple(f"dialogue {at // 2}" for at in range(16)),
        )
        for side in ("heldout", "trained")
        for lane in LANES
    }
    moved = [Divergence(8 + at % 3, 9 + (at + turn) % 4, 0.5 + turn + at % 2, 4 + at % 3) for at in range(10)]
    return Heard(CARD, EVERY, PROMPTS, replies, scores, moved, LINES)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def both() -> tuple[Evaluated, Evaluated]:
    return tuple(Evaluated(measures_of(one)[0], one) for one in (heard(0), heard(1)))  # type: ignore[return-value]


def test_items_add_up_to_the_measure_of_their_name(both: tuple[Evaluated, Evaluated]) -> None:
    for one in both:
        items, measures = items_of(one.heard), {measure.name: measure for measure in one.measures}
        assert items.keys() - measures.keys() == {"repeats"}
        for name in items.keys() & measures.keys():
            lane = "persona+prefix" if "persona+prefix" in measures[name].lanes else "persona"
            assert figure_of(items[name]).value == pytest.approx(measures[name].lanes[lane].value), name
        for name in ("heldout_bits", "style", "stopped", "length", "copied", "longest_copy", "retention_loss"):
            lane = "persona" if name == "retention_loss" else "persona+prefix"
            assert figure_of(items[name]) == measures[name].lanes[lane], "what belongs together is drawn together"


def test_every_measure_has_both_values_and_most_a_paired_difference(both: tuple[Evaluated, Evaluated]) -> None:
    figures = {one.name: one for one in measured_figures(*both)}

    assert [name for name in figures if name != "repeats"] == [measure.name for measure in both[1].measures]
    apart = {name for name, one in figures.items() if one.difference is None}
    assert apart == {
        "heldout_perplexity",
        "trained_perplexity",
        "memorisation_gap",
        *("rouge_1", "rouge_2", "rouge_l", "bleu_4", "recited", "distinct_1", "distinct_2", "forgotten"),
    }
    changed = 0
    for one in figures.values():
        assert one.before is not None
        if one.difference is not None:
            assert one.difference.value == pytest.approx(one.after.value - one.before.value)
            assert one.difference.low <= one.difference.value <= one.difference.high
            changed += one.difference.value != 0
    assert changed > 10, "the two were to differ"


def test_what_the_base_still_knows_is_compared_without_the_prefix(both: tuple[Evaluated, Evaluated]) -> None:
    lanes = {one.name: one.lane for one in measured_figures(*both)}

    assert {name for name, lane in lanes.items() if lane == "persona"} == {
        *("general", "forgotten", "retention_loss", "kl")
    }


def test_repeats_stand_with_the_manner_of_replies(both: tuple[Evaluated, Evaluated]) -> None:
    names = [one.name for one in measured_figures(*both)]

    assert names[names.index("repeats") - 1] == "longest_copy"
    assert names[names.index("repeats") + 1] == "identity"


def test_other_prompts_leave_two_values_without_a_difference(both: tuple[Evaluated, Evaluated]) -> None:
    before, after = both
    fewer = replace(after.heard, prompts=PROMPTS[FEWEST:], divergences=[])

    [style] = [one for one in measured_figures(before, Evaluated(after.measures, fewer)) if one.name == "style"]

    assert style.difference is None
    assert style.before is not None


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0),
        ("Hm.", 0),
        ("one two three", 0),
        ("one two one two", 1 / 3),
        ("la la la la la", 3 / 4),
        ("喵喵喵喵喵", 3 / 4),
        ("今天天气很好", 0),
    ],
)
def test_a_reply_repeats_the_bigrams_that_it_says_again(text: str, share: float) -> None:
    assert math.isclose(repeats(text), share)


def test_a_character_that_learned_to_please_a_length_reward_is_caught_by_its_replies() -> None:
    """From replies to the verdict: one that says its lines, and one that says a word again and again."""
    honest = heard(0)
    asked = [one for one in PROMPTS if one.part == "heldout"]
    own = {(one.key, "persona+prefix"): Reply(OWN[20 + at % 20], 9, "end") for at, one in enumerate(asked)}
    babble = {key: Reply("yes, " * (30 + at % 5), 99, "length") for at, key in enumerate(own)}
    before, after = (
        Evaluated([*manner_measures(one), *style_measures(one)[0]], one)
        for one in (replace(honest, replies=honest.replies | said) for said in (own, babble))
    )

    [caught] = findings_of([figure("reward", 0.3, 0.9), *measured_figures(before, after)])
    earned = findings_of([figure("reward", 0.3, 0.9), *measured_figures(before, before)])

    assert caught.level == "warning"
    for told in ("'sounds like Mira (en)' fell", "'end by themselves' fell from 100.0 % to 0.0 %", "'distinct-2' fell"):
        assert told in caught.text
    for told in ("'says again within a reply' rose", "times as long", ": it was gamed, not earned"):
        assert told in caught.text
    assert [one.level for one in earned] == ["good"]

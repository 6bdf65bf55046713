"""From what was heard to figures, on an invented evaluation small enough to count by hand."""

import math
from dataclasses import replace

import pytest

from roleplay.cards.model import Card
from roleplay.dialogue import Turn
from roleplay.evaluation.asking import Replies, Reply
from roleplay.evaluation.figures.likelihood import likelihood_measures
from roleplay.evaluation.figures.manner import manner_measures
from roleplay.evaluation.figures.overlap import overlap_measures
from roleplay.evaluation.figures.probes import probe_measures
from roleplay.evaluation.figures.retention import forgotten_nats, retention_measures
from roleplay.evaluation.figures.style import style_measures
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.prompts import Part, Prompt
from roleplay.evaluation.report import Measure
from roleplay.evaluation.scoring import Scores
from roleplay.generation.lanes import LANES
from roleplay.measures.divergence import Divergence
from roleplay.measures.likelihood import Likelihood
from roleplay.measures.lines import Lines, RealLines

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
TRAINED = ["The kettle sings before the harbour bell does.", "Soup's on, {{user}}.", "Ask the gulls."]
EVERY, BARE = tuple(LANES.values()), (LANES["persona"], LANES["base"])


def prompt(part: Part, text: str, reference: str = "", accept: str = "", forbid: str = "", group: str = "") -> Prompt:
    lanes = BARE if part == "general" else EVERY
    sides = [tuple(words for words in (texts,) if words) for texts in (accept, forbid)]
    return Prompt(part, (Turn("user", text),), reference, group or text, lanes, *sides)


PROMPTS = [
    prompt("heldout", "Breakfast?", "Soup, and bread from yesterday."),
    prompt("heldout", "And the boats?", "Out since five."),
    prompt("trained", "The kettle?", "The kettle sings before the harbour bell does."),
    prompt("identity", "Your name?", accept="Mira"),
    prompt("out_of_world", "Do you code?", accept="never heard", forbid="Python"),
    prompt("general", "Colour of grass?", accept="green"),
    prompt("general", "Legs of a dog?", accept="four"),
    prompt("general", "Capital of France?", accept="Paris"),
]
SAID = {
    "persona+prefix": [
        "Soup's on: soup, and bread from yesterday.",
        "The kettle sings before the harbour bell does!",
        "The kettle sings before the harbour bell does.",
        "Mira.",
        "Never heard of it.",
    ],
    "base+prefix": ["Eggs are good.", "Boats are good.", "It is a kettle.", "I am Tom.", "Yes, Python."],
    "persona": ["Soup.", "Out.", "It sings.", "Mira, I think.", "No.", "Green.", "Five.", "Lyon."],
    "base": ["Eggs.", "Boats.", "Hot.", "Tom.", "Yes.", "Green, mostly.", "It has four.", "Rome."],
}


def likelihood(nats: float) -> Scores:
    return Scores((Likelihood(nats, 4, 8), Likelihood(3 * nats, 4, 8)), ("a", "b"))


@pytest.fixture
def heard() -> Heard:
    replies: Replies = {}
    for lane, texts in SAID.items():
        asked = [one for one in PROMPTS if lane in [who.name for who in one.lanes]]
        for one, text in zip(asked, texts, strict=True):
            replies[one.key, lane] = Reply(text, len(text) // 4 + 1, "length" if text.endswith("!") else "end")
    scores = {(side, lane): likelihood(1.0) for side in ("heldout", "trained") for lane in SAID}
    scores |= {("heldout", "persona+prefix"): likelihood(0.5), ("trained", "persona+prefix"): likelihood(0.1)}
    moved = [Divergence(2.0, 3.0, 0.5, 4), Divergence(2.0, 2.0, 0.0, 4), Divergence(4.0, 8.0, 1.5, 8)]
    lines = RealLines({"en": Lines(own_train=[text.replace("{{user}}", "Tom") for text in TRAINED])}, ("Mira", "Tom"))
    return Heard(CARD, EVERY, PROMPTS, replies, scores, moved, lines)  # type: ignore[arg-type]


def values(measures: list[Measure], name: str) -> dict[str, float]:
    (found,) = [measure for measure in measures if measure.name == name]
    return {lane: interval.value for lane, interval in found.lanes.items()}


def test_likelihood_is_bits_over_characters_nats_over_tokens_and_their_gap(heard: Heard) -> None:
    measures = likelihood_measures(heard)

    assert values(measures, "heldout_bits")["persona+prefix"] == pytest.approx(2.0 / math.log(2) / 16)
    assert values(measures, "heldout_bits")["base"] == pytest.approx(4.0 / math.log(2) / 16)
    assert values(measures, "heldout_perplexity")["base"] == pytest.approx(math.exp(4 / 8))
    assert values(measures, "memorisation_gap") == pytest.approx(
        {"persona+prefix": (2.0 - 0.4) / 8, "base+prefix": 0, "persona": 0, "base": 0}
    )


def test_what_is_recited_word_for_word_is_counted(heard: Heard) -> None:
    measures = overlap_measures(heard)

    assert values(measures, "recited") == {"persona+prefix": 1, "base+prefix": 0, "persona": 0, "base": 0}
    rouge = values(measures, "rouge_l")
    assert rouge["persona+prefix"] > rouge["base+prefix"]
    assert [measure.name for measure in measures][:4] == ["rouge_1", "rouge_2", "rouge_l", "bleu_4"]


def test_manner_is_counted_over_replies_to_heldout_prompts(heard: Heard) -> None:
    measures = manner_measures(heard)

    assert values(measures, "stopped") == {"persona+prefix": 0.5, "base+prefix": 1, "persona": 1, "base": 1}
    assert values(measures, "catchphrases") == {"persona+prefix": 0.5, "base+prefix": 0, "persona": 0, "base": 0}
    written = len("Soup, and bread from yesterday.") + len("Out since five.")
    assert values(measures, "length")["persona"] == pytest.approx(9 / written)
    whole, copy = "".join(SAID["persona+prefix"][:2]), "The kettle sings before the harbour bell does"
    assert values(measures, "copied")["persona+prefix"] == pytest.approx(len(copy) / len(whole))
    (phrases,) = [measure for measure in measures if measure.name == "catchphrases"]
    assert phrases.references == {"corpus": pytest.approx(1 / 3)}


def test_probes_are_right_by_the_card(heard: Heard) -> None:
    measures = probe_measures(heard)

    assert values(measures, "identity") == {"persona+prefix": 1, "base+prefix": 0, "persona": 1, "base": 0}
    assert values(measures, "out_of_world") == {"persona+prefix": 1, "base+prefix": 0, "persona": 0, "base": 0}
    assert values(measures, "forbidden") == {"persona+prefix": 0, "base+prefix": 1, "persona": 0, "base": 0}


def test_what_the_base_never_knew_is_not_forgotten(heard: Heard) -> None:
    measures = retention_measures(heard)

    assert values(measures, "general") == pytest.approx({"base": 2 / 3, "persona": 1 / 3})
    assert values(measures, "forgotten") == {"persona": 0.5}
    assert values(measures, "retention_loss") == pytest.approx({"persona": 13 / 16, "base": 8 / 16})
    assert values(measures, "kl") == pytest.approx({"persona": 2 / 16})
    assert forgotten_nats(heard.divergences).value == pytest.approx(5 / 16)


def test_a_language_with_too_few_lines_has_no_style_and_says_why(heard: Heard) -> None:
    measures, findings = style_measures(heard)

    assert measures == []
    assert "Lines in 'en': style cannot be judged by" in findings[0].text


def test_where_nothing_is_held_out_or_asked_there_are_no_figures(heard: Heard) -> None:
    silent = replace(heard, prompts=[], scores={}, divergences=[])

    assert not likelihood_measures(silent)
    assert not overlap_measures(silent)
    assert not manner_measures(silent)
    assert not probe_measures(silent)
    assert not retention_measures(silent)
    assert style_measures(silent) == ([], [])

"""What knowledge in the prompt is worth, on replies few enough to count by hand."""

from dataclasses import replace

import pytest

from roleplay.cards.model import Card
from roleplay.dialogue import Turn
from roleplay.evaluation.asking import Replies, Reply
from roleplay.evaluation.figures.knowledge import knowledge_measures
from roleplay.evaluation.findings import findings_of
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.prompts import Prompt
from roleplay.evaluation.report import Measure
from roleplay.generation.lanes import LANES
from roleplay.measures.lines import RealLines
from roleplay.measures.refused import own_refusals

LANE = LANES["base"]
CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "mira",
        "display_name": "Mira",
        "language": "en",
        "probes": {
            "out_of_world": [
                {"question": "Python?", "accept": ["ask the gulls, {{user}}", "snake"]},
                {"question": "Stocks?", "accept": ["ask the gulls, {{user}}"]},
                {"question": "Films?", "accept": ["no films here"]},
            ]
        },
    }
)
SOUP = ("- Canteen: Soup is served until nine.", "- Harbour: The bell rings six times.")
ASKED = [
    Prompt("with_knowledge", (Turn("user", "When does soup end?"),), "served until nine", "a", (LANE,), ("nine",)),
    Prompt("with_knowledge", (Turn("user", "Who feeds the Goat?"),), "Nettle is fed by Ann", "b", (LANE,), ("Ann",)),
    Prompt("with_knowledge", (Turn("user", "Who rang it?"),), "", "c", (LANE,)),
]
WITH = ["It is served until nine.", "I don't know.", "Ask the gulls, User."]
WITHOUT = ["At six, or with old Harrack.", "Snake, say Mira and Goat.", "Ninety."]


@pytest.fixture
def heard() -> Heard:
    told = [replace(one, passages=SOUP) for one in ASKED]
    alone = [replace(one, part="without_knowledge") for one in told]
    replies: Replies = {
        (one.key, "base"): Reply(text, 5, "end") for one, text in zip(told + alone, WITH + WITHOUT, strict=True)
    }
    return Heard(CARD, [LANE], told + alone, replies, {}, [], RealLines({}, ()))


def both(measures: list[Measure], name: str) -> tuple[float, float]:
    found = {measure.name: measure.lanes["base"].value for measure in measures}
    return found[f"{name}_with_knowledge"], found[f"{name}_without_knowledge"]


def test_each_figure_stands_with_passages_and_without(heard: Heard) -> None:
    measures = knowledge_measures(heard)

    assert both(measures, "found") == (0.5, 0)
    run = len(" is served until nine.")
    assert both(measures, "grounded") == pytest.approx((run / sum(map(len, WITH[:2])), 0))
    assert both(measures, "held") == (1, 0.5), "six is a passage's, Harrack is nobody's, Goat is the question's"
    assert both(measures, "timid") == (0.5, 0)
    assert both(measures, "refused") == (1, 0)
    assert {measure.section for measure in measures} == {"knowledge"}


def test_right_answers_are_held_against_what_stood_in_the_prompt(heard: Heard) -> None:
    told, alone = knowledge_measures(heard)[:2]

    assert told.references == {"in the prompt": 0.5}
    assert alone.references is None


def test_a_character_refuses_in_words_that_most_of_its_questions_accept() -> None:
    assert own_refusals(CARD) == ["ask the gulls, User"]


def test_without_such_questions_there_are_no_figures(heard: Heard) -> None:
    assert knowledge_measures(replace(heard, prompts=[])) == []
    silent = [prompt for prompt in heard.prompts if not prompt.accept]
    assert [one.name for one in knowledge_measures(replace(heard, prompts=silent))] == [
        "refused_with_knowledge",
        "refused_without_knowledge",
    ]


def test_findings_say_whether_the_books_help(heard: Heard) -> None:
    def prefixed(measures: list[Measure]) -> list[Measure]:
        return [replace(one, lanes={"base+prefix": one.lanes["base"]}) for one in measures]

    (little,) = findings_of(prefixed(knowledge_measures(heard)), "Mira")
    right = {key: replace(said, text="Nine, says Ann.") for key, said in heard.replies.items()}
    wrong = {key: said for key, said in heard.replies.items() if key[0] in [one.key for one in heard.prompts[3:]]}
    (much,) = findings_of(prefixed(knowledge_measures(replace(heard, replies=right | wrong))), "Mira")

    assert little.level == "note"
    assert "50% right with passages in the prompt, 0% without" in little.text
    assert (much.level, much.text) == (
        "good",
        "Its books help: of the questions that they answer 100% right with passages in the prompt, 0% without.",
    )

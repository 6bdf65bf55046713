"""Whether replies sound like the character, to a judge that knows real lines only."""

import math

from roleplay.errors import EvaluationError
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.report import Finding, Measure
from roleplay.measures.interval import Interval, mean
from roleplay.measures.language import Language, language_of
from roleplay.measures.style import Judge, Style, judge_style


def style_measures(heard: Heard) -> tuple[list[Measure], list[Finding]]:
    """The mean probability of each lane's replies, per language of what they answer; and why a language has none."""
    measures: list[Measure] = []
    findings: list[Finding] = []
    asked = [one.reference for one in heard.prompts if one.part == "heldout"]
    for language in dict.fromkeys(language_of(text) for text in asked):
        lines = heard.lines.languages.get(language)
        if lines is None:
            continue
        try:
            judge, style = judge_style(
                lines.own_train,
                lines.own_heldout,
                lines.others_train,
                lines.others_heldout,
                hidden=heard.lines.names,
            )
        except EvaluationError as error:
            findings.append(Finding("note", f"Lines in '{language}': {error}."))
            continue
        measures.append(
            Measure(
                "style" if not measures else f"style_{language}",
                "style",
                f"sounds like {heard.card.display_name} ({language})",
                "higher",
                _probabilities(heard, judge, language),
                references={"floor": style.floor, "ceiling": style.ceiling},
                note="Mean probability that a judge of character n-grams gives, trained on real lines alone. The floor "
                "is what other speakers' lines get, the ceiling what the character's own held-out lines get; of two "
                f"such lines it knows the character's in {style.auc:.0%} of pairs (AUC).",
            )
        )
    return measures, findings


def _probabilities(heard: Heard, judge: Judge, language: Language) -> dict[str, Interval]:
    found: dict[str, Interval] = {}
    for name in heard.names:
        told = [(one, said) for one, said in heard.of("heldout", name) if language_of(one.reference) == language]
        found[name] = mean(judge.probabilities([said.text for _, said in told]), [one.group for one, _ in told])
    return found


def placed(measure: Measure) -> dict[str, Interval]:
    """Where each lane stands between floor, 0, and ceiling, 1."""
    references = measure.references or {}
    style = Style(references["floor"], references["ceiling"], auc=math.nan)  # a measure keeps the two alone
    return {
        name: Interval(*(style.place(end) for end in (found.value, found.low, found.high)))
        for name, found in measure.lanes.items()
    }

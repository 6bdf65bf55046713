"""Replies against the corpus's own answers: ROUGE and BLEU as LLaMA-Factory computes them, and what is recited."""

from roleplay.evaluation.heard import Heard
from roleplay.evaluation.report import Measure
from roleplay.measures.interval import Interval, mean
from roleplay.measures.overlap import rouge_l
from roleplay.measures.rouge import Overlap, overlap

RECITED = 0.9
"""ROUGE-L by characters or words from which a reply counts as the trained answer."""
_TITLES = (("rouge_1", "ROUGE-1"), ("rouge_2", "ROUGE-2"), ("rouge_l", "ROUGE-L"), ("bleu_4", "BLEU-4"))


def overlap_measures(heard: Heard) -> list[Measure]:
    """Of replies to held-out prompts, and the share of trained ones that come back."""
    measures: list[Measure] = []
    pairs = {name: heard.of("heldout", name) for name in heard.names}
    if any(pairs.values()):
        found = {name: [overlap(said.text, one.reference) for one, said in pairs[name]] for name in heard.names}
        groups = {name: [one.group for one, _ in pairs[name]] for name in heard.names}
        for key, title in _TITLES:
            measures.append(
                Measure(
                    key,
                    "overlap",
                    title,
                    "higher",
                    {name: _mean(found[name], key, groups[name]) for name in heard.names},
                    note="As LLaMA-Factory computes it, times 100.",
                )
            )
        by_characters = {
            name: mean(
                [100 * rouge_l(said.text, one.reference, heard.card.language) for one, said in pairs[name]],
                groups[name],
            )
            for name in heard.names
        }
        unit = "characters" if heard.card.language.lower().startswith("zh") else "words"
        title, note = f"ROUGE-L by {unit}", "Without a word list that decides."
        measures.append(Measure("rouge_l_units", "overlap", title, "higher", by_characters, note=note))
    measures += _recited(heard)
    return measures


def _recited(heard: Heard) -> list[Measure]:
    shares = {}
    for name in heard.names:
        told = heard.of("trained", name)
        if told:
            hits = [float(rouge_l(said.text, one.reference, heard.card.language) >= RECITED) for one, said in told]
            shares[name] = mean(hits, [one.group for one, _ in told])
    if not shares:
        return []
    note = f"Trained prompts whose reply reaches a ROUGE-L of {RECITED:.1f} with the trained answer."
    return [Measure("recited", "overlap", "trained answers by heart", "neither", shares, "percent", note=note)]


def _mean(found: list[Overlap], key: str, groups: list[str]) -> Interval:
    return mean([getattr(one, key) for one in found], groups)

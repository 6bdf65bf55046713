"""What each prompt adds to the figures of an evaluation, so that two of them can be held together prompt by prompt."""

import math
from collections.abc import Callable, Mapping

from roleplay.cards.prompt import fill
from roleplay.errors import EvaluationError
from roleplay.evaluation.against.paired import Item, Items
from roleplay.evaluation.asking import Reply
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.prompts import Part, Prompt
from roleplay.evaluation.scoring import Scores, Side
from roleplay.measures.answered import answered
from roleplay.measures.diversity import distinct
from roleplay.measures.language import language_of
from roleplay.measures.manner import SHORTEST, copied_share, longest_copied
from roleplay.measures.overlap import rouge_l
from roleplay.measures.style import judge_style

_LANE, _BARE = "persona+prefix", "persona"
Value = Callable[[Prompt, Reply], float]


def items_of(heard: Heard) -> dict[str, Items]:
    """By name of the measure whose value in its lane they add up to; `repeats` is a figure of their own."""
    found: dict[str, Items] = {
        "heldout_bits": _bits(heard, "heldout"),
        "trained_bits": _bits(heard, "trained"),
        "style": _style(heard),
        "general": _mean(heard, "general", lambda one, said: answered(said.text, one.accept).right, _BARE),
        "identity": _mean(heard, "identity", lambda one, said: answered(said.text, one.accept, one.forbid).right),
        "out_of_world": _mean(
            heard, "out_of_world", lambda one, said: answered(said.text, one.accept, one.forbid).right
        ),
        "forbidden": _mean(
            heard, "out_of_world", lambda one, said: answered(said.text, one.accept, one.forbid).forbidden
        ),
        **_manner(heard),
        **_moved(heard),
    }
    return {name: items for name, items in found.items() if items}


def _manner(heard: Heard) -> dict[str, Items]:
    """Of the replies to held-out prompts."""
    told = heard.of("heldout", _LANE)
    language = language_of(" ".join(one.reference for one, _ in told))
    sources, phrases = heard.lines.trained, [fill(phrase, heard.card).casefold() for phrase in heard.card.catchphrases]

    def repeated(_: Prompt, said: Reply) -> float:
        return repeats(said.text)

    found: dict[str, Items] = {
        "stopped": _mean(heard, "heldout", lambda _, said: said.stopped == "end"),
        "length": {one.key: Item(len(said.text), len(one.reference), one.group) for one, said in told},
        "repeats": _mean(heard, "heldout", repeated),
        "copied": {
            one.key: Item(
                len(said.text) * copied_share(said.text, sources, SHORTEST[language]), len(said.text), one.group
            )
            for one, said in told
        },
        "longest_copy": _mean(heard, "heldout", lambda _, said: longest_copied(said.text, sources)),
        "rouge_l_units": _mean(
            heard, "heldout", lambda one, said: 100 * rouge_l(said.text, one.reference, heard.card.language)
        ),
    }
    if phrases:
        found["catchphrases"] = _mean(
            heard, "heldout", lambda _, said: any(phrase in said.text.casefold() for phrase in phrases)
        )
    return found


def repeats(text: str) -> float:
    """Share of the bigrams of one reply that it says again, 0 to 1; 0 for a reply without any."""
    [share] = distinct([text], language_of(text), (2,))
    return 1 - share if share else 0.0


def _mean(heard: Heard, part: Part, value: Value, lane: str = _LANE) -> Items:
    """Held-out turns belong to their dialogues, every other question stands for itself."""
    told = heard.of(part, lane)
    return {
        one.key: Item(float(value(one, said)), 1, one.group if part == "heldout" else one.key) for one, said in told
    }


def _bits(heard: Heard, side: Side) -> Items:
    """Bits over characters, by place among the sequences: both adapters read the same ones in the same order."""
    scores: Scores | None = heard.scores.get((side, _LANE))
    rows = zip(scores.likelihoods, scores.groups, strict=True) if scores is not None else ()
    return {
        f"{at} {group}": Item(one.nats / math.log(2), one.characters, group) for at, (one, group) in enumerate(rows)
    }


def _style(heard: Heard) -> Items:
    """Of the first language that can be judged, as the measure `style` is."""
    told = heard.of("heldout", _LANE)
    for language in dict.fromkeys(language_of(one.reference) for one, _ in told):
        lines = heard.lines.languages.get(language)
        if lines is None:
            continue
        try:
            judge, _ = judge_style(
                lines.own_train,
                lines.own_heldout,
                lines.others_train,
                lines.others_heldout,
                hidden=heard.lines.names,
            )
        except EvaluationError:
            continue
        own = [(one, said) for one, said in told if language_of(one.reference) == language]
        likely = judge.probabilities([said.text for _, said in own])
        return {one.key: Item(share, 1, one.group) for (one, _), share in zip(own, likely, strict=True)}
    return {}


def _moved(heard: Heard) -> Mapping[str, Items]:
    """How the base's own answers fare without the prefix."""
    if not heard.divergences:
        return {}
    asked = [one for one in heard.prompts if one.part == "general"]
    rows = list(zip(asked, heard.divergences, strict=True))
    return {
        "retention_loss": {one.key: Item(moved.persona, moved.tokens, one.group) for one, moved in rows},
        "kl": {one.key: Item(moved.kl, moved.tokens, one.group) for one, moved in rows},
    }

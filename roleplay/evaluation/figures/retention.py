"""What the base still knows: without the prefix, an adapter should leave it as it was."""

from collections.abc import Sequence

from roleplay.evaluation.heard import Heard
from roleplay.evaluation.report import Measure
from roleplay.measures.answered import answered
from roleplay.measures.divergence import Divergence
from roleplay.measures.interval import Interval, mean, ratio


def retention_measures(heard: Heard) -> list[Measure]:
    """Over the general questions, without any prefix, held against the base itself."""
    right = {
        name: [answered(said.text, one.accept).right for one, said in heard.of("general", name)]
        for name in ("base", "persona")
        if heard.of("general", name)
    }
    if not right:
        return []
    shares = {name: mean([float(hit) for hit in hits]) for name, hits in right.items()}
    title, note = "general questions answered rightly", "By the answers that the questions accept."
    measures = [Measure("general", "retention", title, "higher", shares, "percent", note=note)]
    if "persona" in right and any(right["base"]):
        kept = [float(persona) for base, persona in zip(right["base"], right["persona"], strict=True) if base]
        note = (
            f"Of the {len(kept)} questions that the base answers rightly, the share that the adapter answers wrongly."
        )
        lost = mean([1 - hit for hit in kept])
        measures.append(
            Measure("forgotten", "retention", "forgotten", "lower", {"persona": lost}, "percent", note=note)
        )
    if heard.divergences:
        groups = [one.group for one in heard.prompts if one.part == "general"]
        tokens = [float(one.tokens) for one in heard.divergences]
        sums = {key: [getattr(one, key) for one in heard.divergences] for key in ("base", "persona", "kl")}
        loss: dict[str, Interval] = {name: ratio(sums[name], tokens, groups) for name in ("persona", "base")}
        title, note = "the base's own answers, nats per token", "How likely the base's replies are under the adapter."
        measures.append(Measure("retention_loss", "retention", title, "lower", loss, note=note))
        title, note = "KL from the base, nats per token", "0 where the adapter changes nothing without the prefix."
        measures.append(
            Measure("kl", "retention", title, "lower", {"persona": ratio(sums["kl"], tokens, groups)}, note=note)
        )
    return measures


def forgotten_nats(divergences: Sequence[Divergence]) -> Interval:
    """By how much the base's own answers became less likely, in nats per token."""
    groups = [str(i) for i in range(len(divergences))]
    return ratio([one.persona - one.base for one in divergences], [one.tokens for one in divergences], groups)

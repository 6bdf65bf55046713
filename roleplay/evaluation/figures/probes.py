"""Questions whose right answers the card knows: about the character, and about what it cannot know."""

from roleplay.evaluation.heard import Heard
from roleplay.evaluation.report import Measure
from roleplay.measures.answered import Answered, answered
from roleplay.measures.interval import mean


def probe_measures(heard: Heard) -> list[Measure]:
    """Nothing for a card without such questions."""
    identity = {name: _answers(heard, "identity", name) for name in heard.names}
    world = {name: _answers(heard, "out_of_world", name) for name in heard.names}
    measures: list[Measure] = []
    if any(identity.values()):
        right = {name: mean([float(one.right) for one in found]) for name, found in identity.items()}
        title, note = "knows who it is", "Name, age, likes and the like, by the answers that the card accepts."
        measures.append(Measure("identity", "probes", title, "higher", right, "percent", note=note))
    if any(world.values()):
        refused = {name: mean([float(one.right) for one in found]) for name, found in world.items()}
        named = {name: mean([float(one.forbidden) for one in found]) for name, found in world.items()}
        title, note = "stays in its world", "Asked for what it cannot know, it says so or turns it into its own terms."
        measures.append(Measure("out_of_world", "probes", title, "higher", refused, "percent", note=note))
        title, note = "names what it cannot know", "Replies that hold a word that the card forbids there."
        measures.append(Measure("forbidden", "probes", title, "lower", named, "percent", note=note))
    return measures


def _answers(heard: Heard, part: str, lane: str) -> list[Answered]:
    told = heard.of(part, lane)  # type: ignore[arg-type]
    return [answered(said.text, one.accept, one.forbid) for one, said in told]

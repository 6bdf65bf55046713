"""Two adapters of a character on one base, asked the same, held together and reported."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from roleplay.cards.load import CardFile
from roleplay.chat.open import Opened, open_on
from roleplay.errors import EvaluationError
from roleplay.evaluation.against.asked import Asked
from roleplay.evaluation.against.beside import Beside, ask_beside
from roleplay.evaluation.against.both import Setting, evaluated, setting_of
from roleplay.evaluation.against.comparison import Comparison, Figure, SideBySide, write_comparison
from roleplay.evaluation.against.draws import PER_PROMPT, TEMPERATURE
from roleplay.evaluation.against.earlier import Earlier
from roleplay.evaluation.against.figures import Evaluated, measured_figures
from roleplay.evaluation.against.findings import findings_of
from roleplay.evaluation.against.page import write_comparison_page
from roleplay.evaluation.against.picture import draw_differences
from roleplay.evaluation.against.place import Place, place_of
from roleplay.evaluation.against.rewarded import written
from roleplay.evaluation.asking import Tell
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.place import adapter_label, weights_of
from roleplay.evaluation.prompts import Part
from roleplay.evaluation.report import Finding
from roleplay.generation.lanes import LANES, Lane
from roleplay.preference.reward_model.runs import model_judge
from roleplay.preference.rewards.materials import Materials
from roleplay.preference.rewards.reward import Reward, make_reward

_LANE = LANES["persona+prefix"]
_SHOWN: Mapping[Part, int] = {"heldout": 5, "identity": 2, "out_of_world": 2, "general": 3}
"""Prompts of each part whose replies are shown."""
_DRAWN = 5
"""Prompts whose first drawn replies are shown."""


def compare(
    card_file: CardFile, opened: Opened, earlier: Earlier, asked: Asked, tell: Tell
) -> tuple[Comparison, Place]:
    """The adapter of `opened` after, `earlier` before; on disk with page and picture. Interrupted, it goes on.

    `opened` is used up: afterwards its base carries both adapters, the one before as the first. Raises what `evaluate`
    does, AdapterError for an adapter of another base, EvaluationError for a reward that is no number.
    """
    folder, tuned = opened.folder, opened.engine.tuned
    if folder is None or tuned is None:
        raise EvaluationError(f"{card_file.card.name} has no adapter on this base to compare; train one")
    base, label, weights = opened.engine.base, adapter_label(opened), weights_of(opened)
    setting = setting_of(card_file, opened, asked.scope)
    after, notebook = evaluated(setting, opened, _named("after", tell))
    tuned.unload()
    first = open_on(card_file, opened.home, base, earlier.folder)
    decided = [weights_of(first), weights, str(base.identity), str(base.model.dtype)]
    decided += [first.voice.card.model_dump_json(), setting.corpus.fingerprint]
    place = place_of(opened.home, first.voice.card.name, (earlier.label, label), decided, asked.scope)
    before, _ = evaluated(setting, first, _named("before", tell), bases=notebook, apart=place.before)
    first.engine.attach(label, folder)
    lanes = _LANE, Lane(True, True, label)
    prompts = [prompt for prompt in after.heard.prompts if prompt.part == "heldout"]
    with Notebook(place.notebook) as kept:
        beside = ask_beside(first, lanes, prompts, asked, _reward(setting, first, asked), kept, tell)
    found = _comparison(first, (earlier.label, label), asked, before, after, beside)
    draw_differences(found, place.picture)
    write_comparison_page(found, place.page, place.picture)
    write_comparison(found, place.comparison)
    return found, place


def _reward(setting: Setting, opened: Opened, asked: Asked) -> Reward | None:
    """What drawn replies are judged by; reward models share the base."""
    home, engine, character = opened.home, opened.engine, opened.voice.card.name

    if not asked.reward:
        return None
    materials = Materials(setting.card_file, setting.corpus, home)
    return make_reward(asked.reward, materials, partial(model_judge, home, character, engine.base))


def _named(side: str, tell: Tell) -> Tell:
    return lambda step, done, total: tell(f"{side}: {step}", done, total)


def _comparison(
    opened: Opened, labels: tuple[str, str], asked: Asked, before: Evaluated, after: Evaluated, beside: Beside
) -> Comparison:
    card, figures = opened.voice.card, [*beside.figures, *measured_figures(before, after)]
    heldout = len({prompt.key for prompt in after.heard.prompts if prompt.part == "heldout"})
    return Comparison(
        character=card.name,
        display_name=card.display_name,
        language=card.language,
        base=opened.engine.base.identity.name,
        before=labels[0],
        after=labels[1],
        counts={"heldout prompts": heldout} | beside.counts,
        settings={
            "temperature": asked.scope.temperature,
            "max_new_tokens": asked.scope.max_new_tokens,
            "seed": asked.scope.seed,
            "temperature of draws": TEMPERATURE,
            "draws a prompt": PER_PROMPT,
            "reward": written(asked.reward),
        },
        figures=tuple(figures),
        samples=tuple(_samples(before, after, beside)),
        findings=(*findings_of(figures), *asked.notes, *_missing(figures)),
    )


def _missing(figures: Sequence[Figure]) -> Iterator[Finding]:
    """Style is what a reward is first held against."""
    if not any(figure.name == "style" for figure in figures):
        yield Finding("note", "Style was not measured; 'roleplay evaluate' says why.")


def _samples(before: Evaluated, after: Evaluated, beside: Beside) -> Iterator[SideBySide]:
    for part, count in _SHOWN.items():
        lane = "persona" if part == "general" else _LANE.name
        old = {prompt.key: said.text for prompt, said in before.heard.of(part, lane)}
        told = [(one, said.text) for one, said in after.heard.of(part, lane) if one.key in old]
        for prompt, text in told[:count]:
            yield SideBySide(part, prompt.asked, old[prompt.key], text)
    for old_draw, new_draw in [pair for pair in beside.drawn if pair[0].number == 0][:_DRAWN]:
        yield SideBySide("drawn", old_draw.prompt.asked, old_draw.reply.text, new_draw.reply.text)

"""Which checkpoint of a run to keep: how voice, copying and forgetting go along its epochs, and a stated rule."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.open import Opened
from roleplay.dataset.corpus import Corpus
from roleplay.errors import EvaluationError
from roleplay.evaluation.asking import Tell, ask
from roleplay.evaluation.evaluate import evaluated_corpus
from roleplay.evaluation.figures.likelihood import likelihood_measures
from roleplay.evaluation.figures.manner import manner_measures
from roleplay.evaluation.figures.retention import forgotten_nats
from roleplay.evaluation.figures.style import style_measures
from roleplay.evaluation.findings import COPIED_LIMIT
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.pictures import CheckpointPoint, draw_checkpoints
from roleplay.evaluation.prompts import Prompt, prompts_of
from roleplay.evaluation.scope import Scope
from roleplay.evaluation.scoring import forgetting, score
from roleplay.generation.lanes import LANES, Lane
from roleplay.measures.lines import RealLines, real_lines
from roleplay.models.find import AdapterChoice, adapter_choices
from roleplay.models.shape import WEIGHTS
from roleplay.paths import Home, write_file


@dataclass(frozen=True)
class Limits:
    """What a checkpoint must keep to be chosen."""

    forgetting: float = 1.5
    """Nats per token by which the base's own answers may become less likely without the prefix: 4.5 times."""
    copied: float = COPIED_LIMIT
    """Share of what it says that may stand word for word in training lines."""


@dataclass(frozen=True)
class Chosen:
    """The checkpoints of a run, and the one to use."""

    points: tuple[CheckpointPoint, ...]
    """By step."""
    label: str | None
    """Of the one chosen, as `RUN@which`; `None` where all break a limit."""
    reason: str
    """Why it is, in a sentence."""
    picture: Path
    """The curves."""


def choose_checkpoint(
    card_file: CardFile, home: Home, opened: Opened, scope: Scope, limits: Limits, tell: Tell
) -> Chosen:
    """Measure every kept checkpoint of the run that `opened` comes from, and choose by the rule.

    The rule: of those within both limits, the one with the fewest held-out bits per character. Interrupted at any
    instant, the next call goes on. Raises EvaluationError for a run with one checkpoint, or without held-out lines.
    """
    choices = _choices(opened)
    scope = replace(scope, trained=0, trained_dialogues=0, probes=0)
    corpus = evaluated_corpus(card_file, opened)
    if not corpus.heldout():
        raise EvaluationError(
            f"{opened.voice.card.name} holds out no dialogue to choose a checkpoint by; add dialogues, then train again"
        )
    folder = (
        home.evaluations / opened.voice.card.name / f"{choices[0].run}-checkpoints-{_print(choices, corpus, scope)}"
    )
    lines = real_lines(card_file, corpus, home)
    points = []
    with Notebook(folder / "notebook.jsonl") as notebook:
        for number, choice in enumerate(choices, 1):

            def told(step: str, done: int, total: int, at: str = f"{number}/{len(choices)} {choice.which}") -> None:
                tell(f"{at}: {step}", done, total)

            opened.engine.attach(choice.label, choice.folder)
            points.append(_measure(opened, corpus, lines, choice, scope, notebook, told))
    label, reason = chosen(points, limits)
    picture = folder / "checkpoints.png"
    which = None if label is None else label.split("@", 1)[1]
    title = f"{opened.voice.card.name}, {choices[0].run}: " + (f"{which} is chosen" if which else "none is chosen")
    draw_checkpoints(
        [replace(point, label=point.label.split("@", 1)[1]) for point in points],
        picture,
        title,
        chosen=which,
        limits={"retention_loss": limits.forgetting, "copied": limits.copied},
    )
    found = Chosen(tuple(points), label, reason, picture)
    write_file(folder / "checkpoints.json", json.dumps(as_json(found), ensure_ascii=False, indent=2) + "\n")
    return found


def as_json(found: Chosen) -> dict[str, object]:
    """Everything but the place of the picture."""
    return {"checkpoints": [asdict(point) for point in found.points], "chosen": found.label, "reason": found.reason}


def chosen(points: Sequence[CheckpointPoint], limits: Limits) -> tuple[str | None, str]:
    """The label of the best one within the limits, and why; `None` where there is none."""
    within = [point for point in points if not _broken(point.values, limits)]
    if not within:
        broken = "; ".join(f"{point.label} {', '.join(_broken(point.values, limits))}" for point in points)
        return None, f"every checkpoint breaks a limit: {broken}. Train less, mix in replay, or raise a limit"
    best = min(within, key=lambda point: point.values["heldout_bits"].value)
    bits, outside = best.values["heldout_bits"].value, len(points) - len(within)
    beyond = f"; {outside} beyond a limit left out" if outside else ""
    told = f"{best.label} has the fewest held-out bits per character, {bits:.3f}, of {len(within)} within the limits"
    return best.label, told + beyond


def checkpoint_table(found: Chosen) -> list[list[tuple[str, str]]]:
    """A line a checkpoint: (text, ANSI style) parts; the chosen one is marked."""
    columns = (
        ("heldout_bits", "held-out bits", 1),
        ("style", "style", 1),
        ("copied", "copied %", 100),
        ("retention_loss", "forgotten nats", 1),
    )
    width = max(len(point.label) for point in found.points)
    lines = [[(f"  {'':<{width}}  {'step':>6}" + "".join(f"  {title:>14}" for _, title, _ in columns), "2")]]
    for point in found.points:
        cells = "".join(
            f"  {point.values[key].value * times:>14.3f}" if key in point.values else f"  {'–':>14}"
            for key, _, times in columns
        )
        mark, style = ("* ", "1;32") if point.label == found.label else ("  ", "")
        lines.append([(f"{mark}{point.label:<{width}}  {point.step:>6}{cells}", style)])
    return [*lines, [("", "")], [(found.reason, "")]]


def _broken(values: Mapping[str, object], limits: Limits) -> list[str]:
    told = (
        ("retention_loss", limits.forgetting, "forgets {:.2f} nats per token"),
        ("copied", limits.copied, "copies {:.0%}"),
    )
    found = [(values.get(key), limit, text) for key, limit, text in told]
    return [text.format(value.value) for value, limit, text in found if value is not None and value.value > limit]  # type: ignore[attr-defined]


def _choices(opened: Opened) -> list[AdapterChoice]:
    """The run's checkpoints by step; of several of one step the first, in the order best, last, epochs."""
    card = opened.voice.card
    everything = adapter_choices(opened.home, card.name)
    run = next((choice.run for choice in everything if choice.folder == opened.folder), None)
    kept = {choice.step: choice for choice in reversed(everything) if choice.run == run and choice.step is not None}
    if len(kept) < 2:
        raise EvaluationError(
            f"{run or card.name} kept {len(kept)} checkpoint; train with --keep-epochs to have some to choose from"
        )
    return [kept[step] for step in sorted(kept)]


def _measure(
    opened: Opened,
    corpus: Corpus,
    lines: RealLines,
    choice: AdapterChoice,
    scope: Scope,
    notebook: Notebook,
    tell: Tell,
) -> CheckpointPoint:
    """One checkpoint: held-out likelihood and replies with the prefix, the base's own answers without."""
    engine, voice, lane = opened.engine, opened.voice, Lane(True, True, choice.label)
    every = prompts_of(corpus, scope)
    prompts: list[Prompt] = [replace(one, lanes=(lane,)) for one in every if one.part == "heldout"]
    prompts += [replace(one, lanes=(LANES["base"],)) for one in every if one.part == "general"]
    scores = score(engine, corpus, [lane], scope, notebook, tell)
    replies = ask(engine, voice, prompts, scope, notebook, tell)
    moved = forgetting(engine, voice, prompts, replies, notebook, tell, Lane(True, False, choice.label))
    heard = Heard(voice.card, [lane], prompts, replies, scores, moved, lines)
    style, _ = style_measures(heard)
    measures = {one.name: one for one in (*likelihood_measures(heard), *manner_measures(heard), *style)}
    found = {key: measures[key].lanes[lane.name] for key in ("heldout_bits", "style", "copied") if key in measures}
    return CheckpointPoint(choice.label, choice.step or 0, found | {"retention_loss": forgotten_nats(moved)})


def _print(choices: Sequence[AdapterChoice], corpus: Corpus, scope: Scope) -> str:
    digest = hashlib.sha256(f"{corpus.fingerprint} {corpus.voice.card.model_dump_json()} {scope}".encode())
    for choice in choices:
        digest.update((choice.folder / WEIGHTS).read_bytes())
    return digest.hexdigest()[:8]

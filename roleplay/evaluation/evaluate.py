"""One adapter in all its lanes: asked, measured, reported."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from roleplay.cards.load import CardFile
from roleplay.chat.open import Opened
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.errors import EvaluationError, RunError
from roleplay.evaluation.asking import Tell, ask
from roleplay.evaluation.figures.knowledge import knowledge_measures
from roleplay.evaluation.figures.likelihood import likelihood_measures
from roleplay.evaluation.figures.manner import manner_measures
from roleplay.evaluation.figures.overlap import overlap_measures
from roleplay.evaluation.figures.probes import probe_measures
from roleplay.evaluation.figures.retention import retention_measures
from roleplay.evaluation.figures.style import style_measures
from roleplay.evaluation.findings import findings_of
from roleplay.evaluation.heard import Heard
from roleplay.evaluation.known_prompts import known_prompts, unread
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.page import write_page
from roleplay.evaluation.pictures import draw_lanes, draw_style
from roleplay.evaluation.place import Place, adapter_label, place_of
from roleplay.evaluation.predictions import predictions
from roleplay.evaluation.prompts import Part, Prompt, prompts_of
from roleplay.evaluation.report import Finding, Measure, Report, Sample, read_report, write_report
from roleplay.evaluation.scope import Scope
from roleplay.evaluation.scoring import forgetting, score
from roleplay.generation.lanes import LANES, Lane
from roleplay.knowledge.memory import Memory
from roleplay.measures.lines import RealLines, real_lines
from roleplay.paths import Home, shown, write_file
from roleplay.training.run import Run

_SHOWN: dict[Part, int] = {
    "heldout": 5,
    "trained": 2,
    "identity": 4,
    "out_of_world": 4,
    "with_knowledge": 4,
    "without_knowledge": 4,
    "general": 5,
}
"""Prompts of each part whose replies are shown."""
_LIBRARIES = ("roleplay", "torch", "transformers", "peft", "rouge-chinese", "jieba", "nltk", "scikit-learn")


def evaluate(card_file: CardFile, home: Home, opened: Opened, scope: Scope, tell: Tell) -> tuple[Report, Place]:
    """The report, on disk with its page and pictures; one that was finished before is read again.

    `tell` hears of every step. Interrupted at any instant, the next call goes on. Raises EvaluationError where nothing
    can be measured, UsageError where a library of the extra `evaluation` is missing, StorageError.
    """
    corpus = evaluated_corpus(card_file, opened)
    lines = real_lines(card_file, corpus, home)
    known = known_prompts(card_file, opened, scope)
    place = place_of(home, opened, corpus, lines, scope, known)
    with Notebook(place.notebook) as notebook:
        if place.report.is_file():
            return read_report(place.report), place
        began = time.monotonic()
        heard = listen(card_file, opened, corpus, lines, scope, notebook, tell, known)
        tell("figures", 0, 1)
        measures, notes = measures_of(heard)
        report = Report(
            character=heard.card.name,
            display_name=heard.card.display_name,
            language=heard.card.language,
            adapter=adapter_label(opened),
            base=opened.engine.base.identity.name,
            lanes=tuple(heard.names),
            counts=_counts(heard, corpus),
            settings={
                "temperature": scope.temperature,
                "max_new_tokens": scope.max_new_tokens,
                "seed": scope.seed,
                "context": corpus.limit,
            },
            measures=tuple(measures),
            samples=tuple(_samples(heard)),
            findings=(
                *_doubts(opened, corpus),
                *findings_of(measures, heard.card.display_name),
                *notes,
                *unread(opened),
            ),
            seconds=round(time.monotonic() - began, 1),
            versions=_versions(),
        )
        _write(report, place, opened, heard)
        tell("figures", 1, 1)
    return report, place


def evaluated_corpus(card_file: CardFile, opened: Opened) -> Corpus:
    """The card's dialogues as this base reads them, cut where the adapter's run cut them, and without passages.

    In training those are found by the answers as well: what is held out would be told.
    """
    run, limit, dropout = _run(opened), opened.engine.base.context, None
    if run is not None:
        settings = run.read_config().settings
        limit, dropout = min(limit, settings.max_length), settings.prefix_dropout
    renderer, books = opened.voice.renderer, opened.home.knowledge_of(card_file.card.name)
    memory = Memory(card_file.card, books, renderer.count, limit)
    practise = memory.practice if books.is_file() else None
    corpus = build_corpus(card_file, renderer, limit=limit, seed=0, prefix_dropout=dropout, practise=practise)
    return replace(corpus, voice=replace(corpus.voice, recall=None))


def listen(
    card_file: CardFile,
    opened: Opened,
    corpus: Corpus,
    lines: RealLines,
    scope: Scope,
    notebook: Notebook,
    tell: Tell,
    known: Sequence[Prompt] = (),
) -> Heard:
    """Everything that is to be heard of the opened adapter, or of the base alone; `known` is asked besides."""
    engine, voice = opened.engine, opened.voice
    lanes = [lane for lane in LANES.values() if engine.tuned is not None or not lane.adapter]
    prompts = _for([*prompts_of(corpus, scope), *known], lanes)
    if not prompts:
        raise EvaluationError(
            f"{shown(card_file.path)} gives nothing to ask; add dialogues in which the person speaks, or probes"
        )
    scores = score(engine, corpus, lanes, scope, notebook, tell)
    remembering = replace(voice, recall=opened.memory.recall()) if known else voice
    replies = ask(engine, remembering, prompts, scope, notebook, tell)
    moved = forgetting(engine, voice, prompts, replies, notebook, tell) if engine.tuned is not None else []
    return Heard(voice.card, lanes, prompts, replies, scores, moved, lines)


def measures_of(heard: Heard) -> tuple[list[Measure], list[Finding]]:
    """Every figure, in the order of the sections, and why some are missing."""
    style, notes = style_measures(heard)
    measures = [
        *likelihood_measures(heard),
        *overlap_measures(heard),
        *style,
        *manner_measures(heard),
        *probe_measures(heard),
        *knowledge_measures(heard),
        *retention_measures(heard),
    ]
    return measures, notes


def _for(prompts: Sequence[Prompt], lanes: Sequence[Lane]) -> list[Prompt]:
    """The prompts, asked of those lanes alone."""
    kept = [(prompt, tuple(lane for lane in prompt.lanes if lane in lanes)) for prompt in prompts]
    return [replace(one, lanes=who) for one, who in kept if who]


def _counts(heard: Heard, corpus: Corpus) -> dict[str, int]:
    parts = {part: sum(prompt.part == part for prompt in heard.prompts) for part in _SHOWN}
    dialogues = len({row.group for row in corpus.heldout()})
    named = {f"{part.replace('_', ' ')} prompts": count for part, count in parts.items() if count}
    return {"heldout dialogues": dialogues, **named, "replies": len(heard.replies)}


def _samples(heard: Heard) -> Iterator[Sample]:
    for part, count in _SHOWN.items():
        for prompt in [one for one in heard.prompts if one.part == part][:count]:
            replies = {lane.name: heard.replies[prompt.key, lane.name].text for lane in prompt.lanes}
            yield Sample(part, prompt.asked, prompt.reference, replies)


def _doubts(opened: Opened, corpus: Corpus) -> Iterator[Finding]:
    """Why the figures might not be about what they seem to be."""
    if opened.notice:
        yield Finding("warning", opened.notice)
    run = _run(opened)
    config = run.read_config() if run is not None else None
    # A run that goes on from another was also trained on what that one was.
    if config is not None and config.settings.from_adapter is None and config.dataset != corpus.fingerprint:
        yield Finding(
            "warning",
            "The card's corpora are not those that the adapter was trained on: lines that count as trained may be new, "
            "and held-out ones may have been trained.",
        )
    if not corpus.heldout():
        yield Finding("warning", "Nothing is held out: with so few dialogues only what was trained can be measured.")


def _run(opened: Opened) -> Run | None:
    """The run that made the adapter; `None` for one that ships, or whose run cannot be read."""
    if opened.folder is None:
        return None
    run = Run(opened.folder.parents[1])
    try:
        run.read_config()
    except RunError:
        return None
    return run


def _write(report: Report, place: Place, opened: Opened, heard: Heard) -> None:
    for lane in heard.lanes:
        told = heard.of("heldout", lane.name)
        if told:
            write_file(place.predictions(lane.name), predictions(opened.voice, lane, told))
    pictures = {"lanes": place.picture("lanes")}
    draw_lanes(report, pictures["lanes"])
    if report.measure("style") is not None:
        pictures["style"] = place.picture("style")
        draw_style(report, pictures["style"])
    write_page(report, place.page, pictures)
    write_report(report, place.report)


def _versions() -> dict[str, str]:
    found = {"python": python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found

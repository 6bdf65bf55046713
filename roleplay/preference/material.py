"""From card, corpora and pairs to the material of a run by choices."""

from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.sample import Sample, sample_with
from roleplay.generation.canary_check import adapter_hash
from roleplay.models.spec import BaseSpec
from roleplay.preference.lessons import Lessons, Prompt, read_lessons
from roleplay.text import fingerprint
from roleplay.training.material import Material, own_corpus
from roleplay.training.settings import Settings


def choice_material(
    card_file: CardFile, spec: BaseSpec, settings: Settings, cache: Path | None, books: Path
) -> tuple[Material, Lessons]:
    """What is learned from, and what preparing a run has to know of it.

    `cache` is the folder of rendered samples; `None` keeps none. `books` is the character's index, there or not. Raises
    every error of reading and rendering.
    """
    corpus = own_corpus(card_file, spec, settings, cache, books)
    if not isinstance(corpus, Corpus):
        raise TypeError("choices are about dialogues")
    corpus.check(1)
    lessons = read_lessons(card_file, corpus, settings)
    samples = [sample for one in lessons.train for sample in (one.better, one.worse)]
    samples += [_as_drawn(prompt, settings.max_new_tokens) for prompt in lessons.prompts]
    tried = [*lessons.heldout, *lessons.train]
    longest = [len(sample.ids) for one in tried for sample in (one.better, one.worse)]
    longest += [len(prompt.ids) + settings.max_new_tokens for prompt in (*lessons.prompts, *lessons.heldout_prompts)]
    return (
        Material(
            corpus=corpus,
            samples=samples,
            rows=_rows(lessons, settings),
            longest=max(longest),
            has_heldout=bool(lessons.heldout or lessons.heldout_prompts),
            fingerprint=_fingerprint(corpus, lessons, settings),
        ),
        lessons,
    )


def _rows(lessons: Lessons, settings: Settings) -> int:
    """Samples of an epoch: pairs, for KTO their replies, and drawn replies in whole steps alone."""
    if lessons.prompts:
        a_step = settings.batch_size * settings.grad_accum
        return len(lessons.prompts) * settings.generations // a_step * a_step
    return len(lessons.train) * (2 if settings.stage == "kto" else 1)


def _as_drawn(prompt: Prompt, new: int) -> Sample:
    """As long as a reply to it may become."""
    length = len(prompt.ids) + new
    return sample_with([*prompt.ids, *prompt.ids[:1] * new], [(len(prompt.ids), length)], new)


def _fingerprint(corpus: Corpus, lessons: Lessons, settings: Settings) -> str:
    """Hash of the corpora, the pairs, and the adapter that it begins with."""
    pairs = [example.pair for example in (*lessons.train, *lessons.heldout)]
    lines = [corpus.fingerprint, *(" ".join([pair.identity, *pair.prefixes]) for pair in pairs)]
    lines += [str(len(lessons.train)), *(f"{prompt.ids}" for prompt in lessons.prompts)]
    if settings.from_adapter is not None:
        lines.append(adapter_hash(Path(settings.from_adapter)))
    return fingerprint("\n".join(lines))

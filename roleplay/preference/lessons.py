"""What a run by choices learns from: pairs as sequences of tokens, and prompts that replies are drawn to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from roleplay.cards.load import CardFile
from roleplay.cards.prompt import default_prefixes
from roleplay.corpora.pairs import Pair
from roleplay.dataset.corpus import Corpus, Row
from roleplay.dataset.sample import Sample
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Turn
from roleplay.errors import UsageError
from roleplay.preference.choices import Choices, read_choices
from roleplay.preference.pair_scores import pair_samples
from roleplay.text import draw
from roleplay.training.settings import PAIRED, REWARDED, Settings


@dataclass(frozen=True)
class Example:
    """A pair as it is learned."""

    pair: Pair
    """Where it comes from."""
    better: Sample
    """Prompt and better reply."""
    worse: Sample
    """The same prompt and the worse reply."""

    @property
    def prompt_ids(self) -> list[int]:
        """What both begin with."""
        return list(self.better.ids[: self.better.spans[0][0]])

    @property
    def chosen_ids(self) -> list[int]:
        """The better reply with its end of turn."""
        return list(self.better.ids[self.better.spans[0][0] :])

    @property
    def rejected_ids(self) -> list[int]:
        """The worse reply likewise."""
        return list(self.worse.ids[self.worse.spans[0][0] :])


@dataclass(frozen=True)
class Prompt:
    """What a reply is drawn to."""

    turns: tuple[Turn, ...]
    """The conversation; the last turn is the user's."""
    ids: tuple[int, ...]
    """The same as chat sends it, with the prefixes of a new chat."""


@dataclass(frozen=True)
class Lessons:
    """Everything that a run by choices learns from, or is chosen by."""

    voice: Voice
    """Card, prefixes and renderer; passages are not known to pairs."""
    left: tuple[tuple[str, int], ...] = ()
    """(reason, pairs) of those left out."""
    train: tuple[Example, ...] = ()
    """Pairs to learn from."""
    heldout: tuple[Example, ...] = ()
    """Pairs that choose the best step."""
    prompts: tuple[Prompt, ...] = ()
    """Trained dialogues' questions, to which replies are drawn and rewarded."""
    heldout_prompts: tuple[Prompt, ...] = ()
    """Held-out ones, to which replies are drawn to see what they are rewarded with."""


def read_lessons(card_file: CardFile, corpus: Corpus, settings: Settings) -> Lessons:
    """Pairs and prompts of a run. Raises FileFaults, UsageError where nothing is left to learn from."""
    voice = replace(corpus.voice, recall=None)
    choices = _choices(card_file, voice, corpus.limit, settings)
    lessons = Lessons(voice, choices.left, _examples(voice, choices.train, corpus.limit))
    lessons = replace(lessons, heldout=_examples(voice, choices.heldout, corpus.limit))
    if settings.stage not in REWARDED:
        return lessons
    room = corpus.limit - settings.max_new_tokens
    trained = (unit for part in corpus.corpora for unit in part.train if unit.kind != "general")
    prompts = list(_prompts(voice, (Row(unit, ()) for unit in trained), room))
    a_step = settings.batch_size * settings.grad_accum // settings.generations
    if len(prompts) < a_step:
        raise UsageError(
            f"{card_file.card.name} has {len(prompts)} trained questions that leave room for {settings.max_new_tokens} "
            f"new tokens, and a step takes {a_step}; lower --batch-size or --max-new-tokens"
        )
    prompts.sort(key=lambda prompt: draw(prompt.ids, settings.seed, "order"))
    return replace(
        lessons,
        prompts=tuple(prompts[: settings.max_samples]),
        heldout_prompts=tuple(_prompts(voice, corpus.heldout(), room)),
    )


def _choices(card_file: CardFile, voice: Voice, limit: int, settings: Settings) -> Choices:
    if not settings.pairs:
        return Choices((), (), ())
    return read_choices(
        card_file,
        settings.pairs,
        lambda pair: pair_samples(voice, pair, limit) is not None,
        learned=settings.stage in PAIRED,
    )


def _examples(voice: Voice, pairs: Sequence[Pair], limit: int) -> tuple[Example, ...]:
    both = ((pair, pair_samples(voice, pair, limit)) for pair in pairs)
    return tuple(Example(pair, *samples) for pair, samples in both if samples is not None)


def _prompts(voice: Voice, rows: Iterable[Row], room: int) -> Iterator[Prompt]:
    """The question of each answer, once, where it is at most `room` tokens long."""
    active, met = default_prefixes(voice.prefixes), set[tuple[int, ...]]()
    for row in rows:
        for at in row.unit.answers:
            turns = row.unit.history(at)
            if not turns or turns[-1].role != "user":
                continue
            ids = tuple(voice.prompt_ids(turns, active))
            if len(ids) <= room and ids not in met:
                met.add(ids)
                yield Prompt(turns, ids)

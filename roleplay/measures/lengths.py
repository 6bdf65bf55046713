"""How long the dialogues of a corpus are in tokens, and what does not fit the limit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roleplay.dataset.corpus import Corpus
from roleplay.dataset.unit import Voice, history
from roleplay.dialogue import Dialogue, Turn
from roleplay.measures.said import Place

_BINS = 12


@dataclass(frozen=True)
class Bin:
    """A bar of the histogram."""

    low: int
    """Fewest tokens that fall into it."""
    high: int
    """Most tokens that do."""
    dialogues: int
    """How many."""


@dataclass(frozen=True)
class TooLong:
    """An answer that does not fit the limit, even behind its last question alone."""

    place: Place
    """Where."""
    tokens: int
    """Of the answer, its question and every prefix that training may draw."""
    lost: bool
    """Whether it is left out, because prompt alone fills the limit; else its end is cut off."""


@dataclass(frozen=True)
class Lengths:
    """Lengths of whole dialogues, prefixes included, before anything is split."""

    bins: tuple[Bin, ...]
    """Bars of equal width from 0 on."""
    longest: int
    """Tokens of the longest dialogue."""
    over: int
    """Dialogues longer than the limit: they are split at turn borders."""
    too_long: tuple[TooLong, ...]
    """Answers that no split can save."""


def lengths_of(corpus: Corpus) -> Lengths:
    """Render every dialogue once, and the answers of those above the limit."""
    tokens: list[int] = []
    too_long: list[TooLong] = []
    for part in corpus.corpora:
        active = () if part.kind == "general" else widest(corpus.voice)
        for dialogue in part.entries:
            tokens.append(_whole(corpus.voice, dialogue, active))
            if tokens[-1] > corpus.limit:
                too_long += _too_long(corpus.voice, dialogue, active, corpus.limit)
    over = sum(length > corpus.limit for length in tokens)
    return Lengths(_histogram(tokens), max(tokens), over, tuple(too_long))


def widest(voice: Voice) -> tuple[str, ...]:
    """Every prefix that training may draw, or that a new chat has on: what the split reckons with."""
    return tuple(prefix.id for prefix in voice.prefixes if prefix.train_probability > 0 or prefix.default)


def _whole(voice: Voice, dialogue: Dialogue, active: Sequence[str]) -> int:
    """Tokens up to the end of the last answer."""
    last = max(i for i, turn in enumerate(dialogue.turns) if turn.role == "assistant")
    return (_prompt(voice, dialogue.turns[:last], active) or 0) + len(voice.answer_ids(dialogue.turns[last].text))


def _too_long(voice: Voice, dialogue: Dialogue, active: Sequence[str], limit: int) -> Iterator[TooLong]:
    question = 0
    for i, turn in enumerate(dialogue.turns):
        if turn.role == "user":
            question = i
        elif turn.role == "assistant":
            prompt = _prompt(voice, history(dialogue.turns[:i], question), active)
            tokens = (prompt or 0) + len(voice.answer_ids(turn.text))
            if prompt is not None and tokens > limit:
                yield TooLong(Place(dialogue.source, i + 1), tokens, prompt >= limit)


def _prompt(voice: Voice, turns: Sequence[Turn], active: Sequence[str]) -> int | None:
    """Tokens of the prompt; `None` where the template cannot be asked for an opening."""
    opens = all(turn.role == "system" for turn in turns)
    if opens and not voice.renderer.can_open(voice.messages(turns, active)):
        return None
    return len(voice.prompt_ids(turns, active))


def _histogram(tokens: Sequence[int]) -> tuple[Bin, ...]:
    """At most `_BINS` bars of equal width, a power of two from 8 on."""
    width = 8
    while width * _BINS <= max(tokens):
        width *= 2
    return tuple(
        Bin(low, low + width - 1, sum(low <= length < low + width for length in tokens))
        for low in range(0, max(tokens) + 1, width)
    )

"""One training sequence: token ids and loss mask, and the gate that proves them equal to what chat sends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from roleplay.cards.prompt import fill
from roleplay.dataset.unit import Unit, Voice
from roleplay.errors import GateError
from roleplay.text import one_line


@dataclass(frozen=True)
class Sample:
    """A rendered unit."""

    ids: tuple[int, ...]
    """Token ids, (T,)."""
    trained: tuple[bool, ...]
    """Whether the token is predicted for the loss, (T,)."""
    spans: tuple[tuple[int, int], ...]
    """First and past-the-last index of each trained answer, its end of turn included."""
    characters: int
    """Characters of the trained answers: what bits are divided by."""

    @property
    def trained_tokens(self) -> int:
        """Tokens in the loss."""
        return sum(self.trained)


def build_sample(voice: Voice, unit: Unit, active: Collection[str], limit: int) -> Sample:
    """Render `unit` with the prefixes in `active`, at most `limit` tokens long."""
    turns = unit.dialogue.turns
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    for i in unit.answers:
        prompt = voice.prompt_ids(unit.history(i), active)
        ids = prompt + voice.answer_ids(turns[i].text)
        spans.append((len(prompt), min(len(ids), limit)))
    characters = sum(len(fill(turns[i].text, voice.card)) for i in unit.answers)
    return sample_with(ids[:limit], spans, characters)


def sample_with(ids: Sequence[int], spans: Sequence[tuple[int, int]], characters: int) -> Sample:
    """A sample that is trained inside `spans` and nowhere else."""
    trained = [False] * len(ids)
    for begin, end in spans:
        trained[begin:end] = [True] * (end - begin)
    return Sample(tuple(ids), tuple(trained), tuple(spans), characters)


def check_sample(voice: Voice, unit: Unit, active: Collection[str], sample: Sample, limit: int) -> None:
    """The gate. Raises GateError unless chat would send exactly what comes before each trained answer.

    Shown for every answer: the prompt's ids are a prefix of the sample's, nothing of the prompt is trained, and the end
    of turn is (unless the limit cut it off, which is counted). Shown for the sample: it has a trained token.
    """
    where = f"{unit.dialogue.source} with prefixes [{', '.join(active)}]"
    tokenizer = voice.renderer.tokenizer
    if not any(sample.trained) or len(sample.spans) != len(unit.answers):
        raise GateError(f"{where}: no token of the answer is trained; report this with the base's name")
    past = 0
    for i, (begin, end) in zip(unit.answers, sample.spans, strict=True):
        prompt = voice.prompt_ids(unit.history(i), active)
        if list(sample.ids[:begin]) != prompt:
            same = next((k for k, (a, b) in enumerate(zip(sample.ids, prompt, strict=False)) if a != b), len(prompt))
            trained_text, sent = (one_line(tokenizer.decode(ids[same : same + 12])) for ids in (sample.ids, prompt))
            raise GateError(
                f"{where}: before turn {i + 1}, training and chat differ from token {same} on "
                f"(trained: '{trained_text}', sent by chat: '{sent}'); use a base with a regular chat template"
            )
        if any(sample.trained[past:begin]):
            raise GateError(f"{where}: part of the prompt before turn {i + 1} would be trained; report this")
        whole = all(sample.trained[begin:end]) and sample.ids[end - 1] == voice.renderer.traits.end_of_turn_id
        if end < limit and not whole:
            raise GateError(f"{where}: the end of turn {i + 1} would not be trained; report this")
        past = end
    if any(sample.trained[past:]):
        raise GateError(f"{where}: tokens after the last answer would be trained; report this")

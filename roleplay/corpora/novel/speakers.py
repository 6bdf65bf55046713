"""Who says each speech: named beside it, meant by a pronoun, or whose turn it is."""

from collections import Counter
from dataclasses import dataclass

from roleplay.corpora.novel.names import Names
from roleplay.corpora.novel.speeches import Speech

_REACH = 6
"""How many speeches around one are looked at."""


@dataclass(frozen=True)
class _Case:
    """The speeches of a book, and what is known of their speakers so far."""

    speeches: list[Speech]
    names: Names
    genders: dict[str, str]
    """Speaker -> pronoun."""
    shares: dict[str, float]
    """Speaker -> the share of the speeches that a name stands beside."""
    named: list[str | None]
    """By a name beside the speech alone."""
    found: list[str | None]
    """By any means; grows while the speeches are gone through."""

    def speech(self, i: int, offset: int) -> Speech | None:
        """The speech `offset` further on than speech `i`, within the scene."""
        j = i + offset
        inside = 0 <= j < len(self.speeches) and self.speeches[j].scene == self.speeches[i].scene
        return self.speeches[j] if inside else None

    def near(self, i: int, offset: int) -> str | None:
        """Who says it, as far as is known."""
        return self.found[i + offset] if self.speech(i, offset) else None

    def called(self, i: int, offset: int) -> frozenset[str]:
        """Whom it addresses."""
        speech = self.speech(i, offset)
        return speech.called if speech else frozenset()

    def beside(self, i: int, offset: int) -> frozenset[str]:
        """Whom the narration around it mentions."""
        speech = self.speech(i, offset)
        return speech.beside if speech else frozenset()


def resolve(speeches: list[Speech], names: Names, genders: dict[str, str]) -> list[str | None]:
    """A speaker for every speech, `None` where nothing tells."""
    named = [names.speaker(one.cue.word) if one.cue and not one.cue.pronoun else None for one in speeches]
    counts = Counter(speaker for speaker in named if speaker is not None)
    shares = {speaker: count / counts.total() for speaker, count in counts.items()}
    case = _Case(speeches, names, genders, shares, named, list(named))
    forwards = range(len(speeches))
    for order in (forwards, reversed(forwards)):
        for i in order:
            if case.found[i] is None:
                case.found[i] = _likeliest(case, i)
    return case.found


def _likeliest(case: _Case, i: int) -> str | None:
    """The candidate with the best score, if any is better than nothing."""
    cue, told = case.speeches[i].cue, case.speeches[i].told
    actor = case.names.speaker(told.word) if told and not told.pronoun else None
    pronoun = cue.word if cue else None
    best: tuple[float, str] | None = None
    for speaker, recent in _candidates(case, i, actor).items():
        gender = case.genders.get(speaker)
        if pronoun is not None and gender not in (None, pronoun):
            continue
        score = recent + case.shares.get(speaker, 0.0) + (2 if pronoun is not None and gender == pronoun else 0)
        score += _turn_taking(case, i, speaker, pronoun is not None) + _addressing(case, i, speaker)
        score += (3 if pronoun is not None else 2) * (speaker == actor)
        score -= 2 * (told is not None and told.pronoun and gender not in (None, told.word))
        if score > 0 and (best is None or score > best[0]):
            best = (score, speaker)
    return best[1] if best else None


def _candidates(case: _Case, i: int, actor: str | None) -> dict[str, float]:
    """Who takes part in the scene around a speech, with a weight for nearness of at most one."""
    mentioned = case.called(i, -1) | case.called(i, 1) | case.beside(i, -1) | case.speeches[i].entered
    weights = dict.fromkeys(sorted(mentioned), 0.3) | ({} if actor is None else {actor: 0.5})
    for distance in range(_REACH, 0, -1):
        for offset, weight in ((distance, 0.6), (-distance, 1.0)):
            speaker = case.near(i, offset)
            if speaker is not None:
                weights[speaker] = max(weights.get(speaker, 0.0), weight - 0.1 * distance)
    return weights


def _turn_taking(case: _Case, i: int, speaker: str, by_pronoun: bool) -> float:
    """What the speakers before and after say for `speaker`: nobody answers himself, and two who talk take turns."""
    score = 0.0
    before = case.near(i, -1)
    if before == speaker:
        score -= 1 if by_pronoun else 3
    elif case.near(i, -2) == speaker:
        # Where a new actor or a new voice has come in, the exchange before it counts less.
        going_on = case.speeches[i - 1].told is None and before in (case.near(i, -3), case.near(i, -4), None)
        score += 2 if going_on else 0.8
    after = case.named[i + 1] if case.speech(i, 1) else None
    if after == speaker:
        score -= 1 if by_pronoun else 2
    elif case.speech(i, 2) and case.named[i + 2] == speaker:
        score += 1
    return score


def _addressing(case: _Case, i: int, speaker: str) -> float:
    """What names say, in words and narration: who is called or looked at answers, and nobody calls himself."""
    score = 0.0
    before = case.near(i, -1)
    if speaker in case.called(i, 0):
        score -= 4
    if speaker in case.called(i, 1) and case.near(i, 1) != speaker:
        score += 1
    if before != speaker:
        score += 2 * (speaker in case.called(i, -1)) + 1.5 * (before is not None and speaker in case.beside(i, -1))
    return score

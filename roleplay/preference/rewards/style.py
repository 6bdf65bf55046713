"""A reward for sounding like the character."""

from collections.abc import Mapping, Sequence

from roleplay.measures.language import Language, language_of
from roleplay.measures.style import Judge as Voice
from roleplay.preference.rewards.judged import Judge, Judged


def style(voices: Mapping[Language, Voice]) -> Judge:
    """How likely each reply is the character's, 0 to 1; `voices` begin with the language it mostly speaks.

    The judge is that of the question's language, where the character speaks it: to it, a reply in another is nobody's.
    """
    main = next(iter(voices))

    def judge(judged: Sequence[Judged]) -> list[float]:
        found = [0.0] * len(judged)
        asked = [language_of(one.turns[-1].text) for one in judged]
        for language, voice in voices.items():
            own = [at for at, heard in enumerate(asked) if (heard if heard in voices else main) == language]
            for at, likely in zip(own, voice.probabilities([judged[at].text for at in own]), strict=True):
                found[at] = likely
        return found

    return judge

"""Which pronoun a book uses for whom."""

import re
from collections import Counter
from collections.abc import Iterable

from roleplay.corpora.novel.names import Names

# Pronouns that can stand for the subject before them; as objects they mean somebody else.
_PRONOUNS = {
    "zh": re.compile("(?:^|(?<=[，。！？；：… 而但可]))[她他](?!们)"),
    "en": re.compile(r"\b(?:[Ss]he|[Hh]erself|[Hh]e|[Hh]is|[Hh]imself)\b"),
}


def learn_genders(narration: Iterable[str], names: Names, language: str) -> dict[str, str]:
    """Speaker -> the pronoun that mostly comes next after its name, where narration shows a clear habit."""
    counts: dict[str, Counter[str]] = {}
    token = re.compile(rf"(?P<name>{names.found.pattern})|(?P<pronoun>{_PRONOUNS[language].pattern})")
    for text in narration:
        latest: str | None = None
        for match in token.finditer(text):
            if match["name"]:
                latest = names.speaker(match["name"])
            elif latest is not None:
                counts.setdefault(latest, Counter())[_plain(match["pronoun"])] += 1
                latest = None
    return {
        speaker: pronoun
        for speaker, seen in counts.items()
        for pronoun, count in seen.most_common(1)
        if count * 3 >= 2 * seen.total()
    }


def _plain(pronoun: str) -> str:
    if pronoun in "她他":
        return pronoun
    return "she" if pronoun.lower() in ("she", "herself") else "he"

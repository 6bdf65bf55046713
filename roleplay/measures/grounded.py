"""How much of a reply stands in the passages that it could be read from."""

from collections.abc import Mapping, Sequence

from roleplay.measures.language import Language, language_of
from roleplay.measures.manner import copied_share

SHORTEST_RUN: Mapping[Language, int] = {"zh": 4, "en": 12, "other": 8}
"""Characters from which on a run counts as taken from a passage, by language of the reply.

Of 150 lines of each shipped character's corpus, held against passages that have nothing to do with them, 0.1 to 0.2 %
stand in such runs by chance; of three characters in Chinese it would be 1.5 %, of eight in English 4.4 %.
"""


def grounded_share(reply: str, passages: Sequence[str]) -> float:
    """Share of its characters in runs of at least `SHORTEST_RUN` that stand in a passage, case apart; 0 to 1."""
    return copied_share(reply.casefold(), [text.casefold() for text in passages], SHORTEST_RUN[language_of(reply)])

"""What a lane is sent: as much of its history as the context has room for, rendered."""

from roleplay.cards.model import KNOWLEDGE
from roleplay.chat.question import Ask, Asked
from roleplay.dataset.unit import Voice, fit_start, history
from roleplay.knowledge.recall import Recall


def ask_in(voice: Voice, ask: Ask, new_tokens: int, context: int, said: tuple[int, ...] = ()) -> Asked:
    """The prompt of `ask` for a reply of `new_tokens`, which may begin with the ids `said`; `context` is in tokens."""
    reserve = min(new_tokens + len(said), context // 2)
    start = fit_start(voice, ask.turns, ask.start, reserve, ask.prefixes, context)
    turns = history(ask.turns, start)
    ids = (*voice.prompt_ids(turns, ask.prefixes), *said)
    recalled = voice.recall.found(turns) if isinstance(voice.recall, Recall) and KNOWLEDGE in ask.prefixes else ()
    return Asked(ask.lane, ask.prefixes, start, ids, recalled)

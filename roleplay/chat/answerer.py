"""Who answers for a character: a process of this machine, or a server."""

from roleplay.cards.load import CardFile
from roleplay.chat.backend import Backend
from roleplay.chat.manner import Manner
from roleplay.chat.process import AnswerProcess
from roleplay.chat.wire import Opening
from roleplay.paths import Home


def answers_for(card_file: CardFile, manner: Manner, home: Home) -> AnswerProcess | Backend:
    """The one that was typed; it loads nothing yet."""
    if manner.backend is not None:
        return Backend(manner.backend, card_file.card, home.knowledge_of(card_file.card.name))
    opening = Opening(
        card=card_file.path.absolute(),
        home=home.root,
        base=manner.base,
        run=manner.run,
        which=manner.which,
        trust_remote_code=manner.trust_remote_code,
        quant=manner.quant,
        device=manner.device,
        dtype=manner.dtype,
        compile=manner.compile,
    )
    return AnswerProcess(opening)

"""A renderer, and a corpus of given dialogues."""

from collections.abc import Callable, Sequence

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cards.model import Card
from roleplay.dataset.corpus import Corpus, CorpusUnits
from roleplay.dataset.draws import heldout_identities
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice, plan_dialogues
from roleplay.dialogue import Dialogue

CARD = {
    "schema": 1,
    "name": "pell",
    "display_name": "Pell",
    "language": "en",
    "greeting": "Hello there, {{user}}, and welcome to the lock.",
    "catchphrases": ["mind the goat and the lock and the rope and the gate", "Never"],
    "prefixes": [{"id": "who", "text": "You are {{char}}."}, {"id": "manner", "text": "Be brief.", "train": 0.5}],
}


@pytest.fixture(scope="session")
def corpus_of(chatml_tokenizer: PreTrainedTokenizerFast) -> Callable[..., Corpus]:
    """Dialogues of one kind -> the corpus of Pell."""
    card = Card.model_validate(CARD)
    voice = Voice(card, tuple(card.prefixes), make_renderer(chatml_tokenizer))

    def make(dialogues: Sequence[Dialogue], limit: int = 400, kind: str = "dialogue", apart: bool = False) -> Corpus:
        plan = plan_dialogues(voice, dialogues, kind, limit, apart=apart)
        out = heldout_identities(dialogues)
        train, heldout = [], []
        for unit in plan.units(dialogues, kind):
            (heldout if unit.dialogue.identity in out else train).append(unit)
        part = CorpusUnits("talk.yaml", kind, 1, tuple(train), tuple(heldout), tuple(dialogues), plan)
        return Corpus(voice, (part,), limit, 0)

    return make

"""How much an evaluation asks: the quick one in minutes, the full one with everything."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """What is asked, and how replies are drawn."""

    heldout: int | None = None
    """Held-out prompts that are answered; `None` answers all."""
    heldout_dialogues: int | None = None
    """Held-out sequences whose likelihood is measured; `None` measures all."""
    trained: int = 60
    """Trained prompts that are answered."""
    trained_dialogues: int = 200
    """Trained sequences whose likelihood is measured."""
    probes: int | None = None
    """Questions of the card of each kind; `None` asks all."""
    known: int | None = None
    """Labelled questions about its books that have an answer, and as many that have none; `None` asks all."""
    general: int | None = None
    """General questions of each language; `None` asks all."""
    max_new_tokens: int = 128
    """Tokens after which a reply that has not stopped is cut."""
    temperature: float = 0.0
    """0 always takes the likeliest token, so that a second evaluation finds the same."""
    seed: int = 0
    """Of draws at a temperature above 0."""
    batch: int = 32
    """Replies drawn at once."""


QUICK = Scope(
    heldout=32, heldout_dialogues=120, trained=24, trained_dialogues=60, known=16, general=40, max_new_tokens=96
)
"""For a look between trainings."""
FULL = Scope()
"""For a figure that one tells others."""

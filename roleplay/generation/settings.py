"""How replies are sampled."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """Sampling settings of one reply, all resolved."""

    temperature: float = 0.7
    """0 always takes the likeliest token."""
    top_p: float = 0.9
    """Keep the likeliest tokens whose probabilities sum to this; 1 keeps all."""
    top_k: int = 0
    """Keep this many tokens; 0 keeps all."""
    min_p: float = 0.0
    """Keep tokens at least this likely relative to the likeliest; 0 keeps all."""
    repetition_penalty: float = 1.0
    """Above 1 makes tokens that were already said less likely (Keskar et al. 2019)."""
    presence_penalty: float = 0.0
    """Taken from the score of every token that the reply holds already."""
    frequency_penalty: float = 0.0
    """Taken from the score of a token once for each time that the reply holds it."""
    max_new_tokens: int = 256
    """Longest reply in tokens."""
    seed: int = 0
    """Decides every draw: the same seed gives a lane the same reply, whichever lanes answer beside it."""

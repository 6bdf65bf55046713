"""How replies are sampled: what the card wishes, what was typed, what was changed in a chat."""

from collections.abc import Mapping

from pydantic import ValidationError

from roleplay.cards.model import Card, Generation
from roleplay.errors import UsageError
from roleplay.generation.settings import Sampling
from roleplay.text import did_you_mean, one_line

SAMPLING = (*Generation.model_fields, "seed")
"""Names of the settings."""


def card_sampling(card: Card, typed: Mapping[str, float | int | None]) -> Sampling:
    """Chat defaults < card < typed."""
    values = {key: value for key, value in card.generation.model_dump().items() if value is not None}
    values |= {key: value for key, value in typed.items() if value is not None}
    return Sampling(**values)


def check_sampling(name: str, value: object) -> float | int:
    """`value` as setting `name` takes it. Raises UsageError."""
    if name not in SAMPLING:
        raise UsageError(f"there is no setting '{one_line(name)}'; {did_you_mean(name, SAMPLING)}")
    try:
        if name == "seed":
            seed = int(str(value))
            if not 0 <= seed < 2**63:
                raise ValueError
            return seed
        checked = getattr(Generation.model_validate({name: value}), name)
    except ValidationError as error:
        told = error.errors()[0]["msg"]
        raise UsageError(f"{name} {one_line(str(value))}: {told[:1].lower()}{told[1:]}") from error
    except ValueError as error:
        raise UsageError(f"seed {one_line(str(value))}: write a whole number from 0 up") from error
    if not isinstance(checked, float | int):
        raise UsageError(f"{name} needs a number")
    return checked

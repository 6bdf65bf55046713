"""Who is compared: two ways to answer, each with its base, its adapter and how it draws."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from roleplay.cards.load import CardFile
from roleplay.chat.wire import Opening
from roleplay.errors import AdapterError, UsageError
from roleplay.generation.lanes import LANES, Lane, lane_named
from roleplay.generation.settings import Sampling
from roleplay.models.find import (
    SHIPPED,
    AdapterChoice,
    adapter_choices,
    answering_adapter,
    base_of_adapter,
    quant_of_adapter,
)
from roleplay.models.passport import read_passport
from roleplay.paths import Home
from roleplay.text import did_you_mean, one_line

_PERSONA = "persona@"
_PREFIX = "+prefix"


@dataclass(frozen=True)
class Contender:
    """One of the two."""

    lane: Lane
    """How it answers."""
    opening: Opening
    """What is loaded for it; two with the same one share a process and a base."""
    adapter: str | None
    """`character/run@step`; `None` where the base answers alone."""
    sampling: Sampling
    """How its replies are drawn; each prompt has a seed of its own."""

    @property
    def name(self) -> str:
        """Who it is, in words: the same in every comparison of the same two."""
        where = self.adapter or self.opening.base or "its base"
        return f"{self.lane.name} ({where}) at temperature {self.sampling.temperature:g}"


def contenders(
    card_file: CardFile,
    home: Home,
    typed: Sequence[str | None],
    samplings: Sequence[Sampling],
    opening: Opening,
) -> tuple[Contender, Contender]:
    """A and B as `typed`; `None` stands for the character's own lane, or that of the base where it has no adapter.

    Each adapter is loaded on its own base; what needs none answers on the other's. Raises UsageError, AdapterError.
    """
    name = card_file.card.name
    choices, own = adapter_choices(home, name), answering_adapter(home, name)
    lanes = [_lane(text, name, choices) if text is not None else Lane(own is not None, True) for text in typed]
    adapters = [_adapter(lane, name, choices, own) for lane in lanes]
    openings = _openings(opening, adapters, card_file.card.base)
    passports = [None if adapter is None else read_passport(adapter.folder) for adapter in adapters]
    a, b = (
        Contender(lane, where, None if passport is None else passport.label, sampling)
        for lane, where, passport, sampling in zip(lanes, openings, passports, samplings, strict=True)
    )
    if a == b and not a.sampling.temperature:
        raise UsageError("A and B say the same at temperature 0; give one of them another lane, adapter or temperature")
    return a, b


def _lane(text: str, name: str, choices: Sequence[AdapterChoice]) -> Lane:
    """`persona+prefix`, `persona@RUN@which+prefix`, `RUN@which`, `RUN` for its best, or `shipped`."""
    lane = lane_named(text)
    if lane is not None:
        return lane
    label = text.removeprefix(_PERSONA)
    prefix = label == text or label.endswith(_PREFIX)
    label = label.removesuffix(_PREFIX) if label != text else label
    label += "" if "@" in label else "@best"
    labels = [choice.label for choice in choices]
    if label not in labels:
        raise UsageError(
            f"'{one_line(text)}' is neither a lane nor an adapter of {name}; {did_you_mean(label, [*LANES, *labels])}"
        )
    return Lane(True, prefix, label)


def _adapter(
    lane: Lane, name: str, choices: Sequence[AdapterChoice], own: AdapterChoice | None
) -> AdapterChoice | None:
    if not lane.adapter:
        return None
    if lane.which:
        return next(choice for choice in choices if choice.label == lane.which)
    if own is None:
        raise AdapterError(
            f"{name} has no adapter yet; 'roleplay train {name}' makes one, or compare base{_PREFIX} with base"
        )
    return own


def _openings(opening: Opening, adapters: Sequence[AdapterChoice | None], base: str | None) -> list[Opening]:
    """One for each, and the same for both where one base does; without any adapter it is the card's."""
    found = [None if adapter is None else _on_its_base(opening, adapter) for adapter in adapters]
    first, second = adapters
    if first is not None and second is not None:
        one, other = (read_passport(adapter.folder).base for adapter in (first, second))
        if not one.differences(other):
            found[1] = found[0]
    known = next((one for one in found if one is not None), replace(opening, base=base))
    return [one or known for one in found]


def _on_its_base(opening: Opening, adapter: AdapterChoice) -> Opening:
    quant = opening.quant or (None if adapter.run == SHIPPED else quant_of_adapter(adapter.folder))
    return replace(opening, base=base_of_adapter(adapter.folder), quant=quant)

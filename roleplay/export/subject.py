"""What is exported: a card, the adapter that answers for it, and the base that adapter needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from roleplay.cards.find import open_card
from roleplay.cards.load import CardFile
from roleplay.cards.model import Card
from roleplay.cards.prompt import default_prefixes
from roleplay.dialogue import Turn
from roleplay.errors import AdapterError, BaseModelError
from roleplay.models.find import AdapterChoice, adapter_choices, answering_adapter, base_of_adapter
from roleplay.models.passport import Passport, read_passport
from roleplay.models.spec import BaseSpec, parse_spec
from roleplay.paths import Home
from roleplay.text import did_you_mean, one_line

if TYPE_CHECKING:  # torch and transformers take seconds
    from roleplay.dataset.render import Renderer


@dataclass(frozen=True)
class Subject:
    """One character, found but with nothing loaded."""

    file: CardFile
    """Its card."""
    adapter: AdapterChoice | None
    """The adapter; `None` where the character has none."""
    reference: str | None
    """The base as the adapter's run or the card names it, or as typed; `None` is `pocket`."""

    @property
    def card(self) -> Card:
        """The card itself."""
        return self.file.card

    @property
    def spec(self) -> BaseSpec:
        """The base. Raises BaseModelError where it is not here."""
        return parse_spec(self.reference)

    @property
    def folder(self) -> Path:
        """Where the adapter lies. Raises AdapterError where the character has none."""
        if self.adapter is None:
            name = self.card.name
            raise AdapterError(
                f"{name} has no adapter to export; train one with 'roleplay train {name}', or write what trains one "
                f"elsewhere with 'roleplay export {name} --to llamafactory'"
            )
        return self.adapter.folder

    @property
    def passport(self) -> Passport:
        """What the adapter says of itself. Raises AdapterError."""
        return read_passport(self.folder)


def find_subject(home: Home, name: str, label: str | None, base: str | None) -> Subject:
    """The character `name` with the adapter called `label`, else the one that answers. Raises what its parts raise."""
    card_file = open_card(name, home)
    adapter = answering_adapter(home, card_file.card.name)
    if label is not None:
        choices = {choice.label: choice for choice in adapter_choices(home, card_file.card.name)}
        if label not in choices:
            raise AdapterError(
                f"{card_file.card.name} has no adapter '{one_line(label)}'; {did_you_mean(label, choices)}"
            )
        adapter = choices[label]
    known = base_of_adapter(adapter.folder) if adapter is not None else card_file.card.base
    return Subject(card_file, adapter, base or known)


def is_public(spec: BaseSpec) -> bool:
    """Whether anybody can name this base: a hub id, not a folder of this machine."""
    return spec.folder is None


def open_renderer(subject: Subject) -> "Renderer":
    """The base's tokenizer with its template; where there is an adapter, it must be of this base.

    Raises BaseModelError, TemplateError or AdapterError.
    """
    from roleplay.dataset.render import make_renderer
    from roleplay.models.adapter import check_adapter
    from roleplay.models.base import identify, load_tokenizer, quieten

    quieten()
    tokenizer = load_tokenizer(subject.spec)
    if subject.adapter is not None:
        check_adapter(subject.adapter.folder, identify(subject.spec, tokenizer))
    return make_renderer(tokenizer)


def base_config(spec: BaseSpec) -> dict[str, object]:
    """The base's configuration, of which the tokenizer was loaded before. Raises BaseModelError."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(spec.source, revision=spec.revision or "main")
    except (OSError, ValueError) as error:
        raise BaseModelError(
            f"the base '{one_line(spec.name, 120)}' cannot be read: {one_line(str(error), 200)}; fetch all its files"
        ) from error
    found: dict[str, object] = config.to_dict()
    return found


def first_turns(card: Card) -> tuple[Turn, ...]:
    """A chat's first turns, for examples: the greeting where there is one, and a question."""
    question = Turn("user", "你好。" if card.language.startswith("zh") else "Hello.")
    return (Turn("assistant", card.greeting), question) if card.greeting else (question,)


def default_messages(subject: Subject, renderer: "Renderer", turns: Sequence[Turn], *, prefix: bool) -> list[Turn]:
    """What chat gives the template for these turns, with the prefixes a new chat has on, or without any.

    Control tokens of the base are taken apart and what the template refuses is folded in, both as chat does it: other
    programs do neither.
    """
    from roleplay.dataset.unit import Voice

    active = default_prefixes(subject.card.prefixes) if prefix else []
    messages = Voice(subject.card, tuple(subject.card.prefixes), renderer).messages(turns, active)
    return renderer.fitted([Turn(turn.role, renderer.plain(turn.text)) for turn in messages])

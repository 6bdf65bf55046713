"""The fields of a card, checked by pydantic."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

TEMPLATE_DEFAULT = "template-default"
"""Id of the switch that stands for a chat template's own system prompt."""

KNOWLEDGE = "knowledge"
"""Id of the prefix that carries what the character knows about what is talked of."""
PASSAGES = "{{knowledge}}"
"""Stands in that prefix for the passages."""
_KNOWING = {
    "zh": "（{{char}}记得这些：\n{{knowledge}}\n用得上就照着说；这里没有的事，就说不知道。）",
    "en": "(What {{char}} remembers:\n{{knowledge}}\nSpeak from it where it fits; what is not there is not known.)",
}

_IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]
"""A name that is safe as a file name on every system."""

Text = Annotated[str, Field(strict=True)]
Line = Annotated[
    str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\n]*$")
]
Filled = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
CorpusForm = Literal[
    "native",
    "alpaca",
    "alpaca-2024",
    "sharegpt",
    "messages",
    "prompt-completion",
    "preference",
    "tavern-chat",
    "text",
]
"""Names of the forms that `corpora/` reads."""


def is_identifier(text: str) -> bool:
    """Whether `text` can be an `Identifier`, such as the name of a card."""
    return re.fullmatch(_IDENTIFIER, text) is not None


class CardPart(BaseModel):
    """What every part of a card shares: unknown keys are faults, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Prefix(CardPart):
    """One named, switchable piece of persona text."""

    id: Identifier
    """Name of the switch, unique on the card."""
    text: Filled
    """The text; `{{char}}` and `{{user}}` stand for the two names."""
    place: Literal["system", "last_user"] = "system"
    """`system`: part of the system prompt. `last_user`: put before the last user turn and not kept in history."""
    default: bool = True
    """On or off in a new chat."""
    train: Literal["always", "never"] | Annotated[float, Field(ge=0, le=1)] = "always"
    """Share of training samples that carry it."""

    @model_validator(mode="after")
    def _carries_passages(self) -> Self:
        if (self.id == KNOWLEDGE) != (PASSAGES in self.text):
            problem = f"has the text {'without' if self.id == KNOWLEDGE else 'with'} '{PASSAGES}'"
            raise _fault("id", problem, f"the prefix called '{KNOWLEDGE}', and no other, says where passages stand")
        if self.id == KNOWLEDGE and self.place != "last_user":
            remedy = "write 'place: last_user': what changes from turn to turn stands before the last one"
            raise _fault("place", f"is '{self.place}' for passages", remedy)
        return self

    @property
    def train_probability(self) -> float:
        """`train` as a number from 0 to 1."""
        return {"always": 1.0, "never": 0.0}[self.train] if isinstance(self.train, str) else self.train


class CorpusEntry(CardPart):
    """A corpus: a file, an entry of a registry, or another character's dialogues."""

    path: Filled | None = None
    """File relative to the card's folder, or to `data/corpora/`; native, or of any form that `form` names."""
    registry: Filled | None = None
    """Instead of a path: folder of a LLaMA-Factory `dataset_info.json`; `data` is the project's `data/`."""
    name: Filled | None = None
    """Entry of the registry."""
    character: Identifier | None = None
    """Instead of a path: another character, whose dialogues are taken; with `kind: general` only."""
    kind: Literal["desc", "dialogue", "general", "text"]
    """Who the character is, how it speaks, ordinary talk trained without any prefix, or raw text for --stage pt."""
    form: CorpusForm | None = None
    """What the rows of the file are; `None` is told by the first ones."""
    max_samples: Annotated[int, Field(ge=1)] | None = None
    """Take the first rows only; `None` takes all."""
    verify: bool = True
    """Whether a registry's `file_sha1` must be that of the file."""
    weight: Annotated[float, Field(gt=0, le=100)] = 1.0
    """How often an epoch passes over it; 0.2 is a changing fifth of it."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [key for key in ("path", "registry", "character") if getattr(self, key) is not None]
        if not given:
            raise _fault("path", "is missing", "add 'path: …', or 'registry: …' with 'name: …', or 'character: …'")
        if len(given) > 1:
            raise _fault(given[1], f"is given beside '{given[0]}'", "keep one of the two, each in an entry of its own")
        if self.registry is not None and self.name is None:
            raise _fault("name", "is missing", "add 'name: …', the entry of the registry")
        if self.registry is None and self.name is not None:
            raise _fault("name", "is given without 'registry'", "add 'registry: …' or take it out")
        if self.path is None and self.form is not None:
            raise _fault("form", f"is given beside '{given[0]}'", "take it out: the form is known there")
        if self.character is not None and self.kind != "general":
            problem = f"is '{self.kind}' for another character's dialogues"
            raise _fault("kind", problem, "write 'kind: general': they are trained without any prefix")
        return self


def _fault(key: str, problem: str, remedy: str) -> PydanticCustomError:
    """A fault of an entry as a whole, told at one of its keys."""
    # A message template would take braces in a person's text for places to fill.
    return PydanticCustomError("entry", "see context", {"key": key, "problem": problem, "remedy": remedy})


class Generation(CardPart):
    """Sampling settings; `None` leaves the chat's default."""

    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    """0 always takes the likeliest token."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Keep the likeliest tokens whose probabilities sum to this."""
    top_k: Annotated[int, Field(ge=0)] | None = None
    """Keep this many tokens; 0 keeps all."""
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Keep tokens at least this likely, relative to the likeliest."""
    repetition_penalty: Annotated[float, Field(gt=0, le=5)] | None = None
    """Above 1 makes tokens that were already said less likely."""
    max_new_tokens: Annotated[int, Field(ge=1)] | None = None
    """Longest reply in tokens."""


class TrainingChoice(CardPart):
    """The card's wishes for training: a preset, and values that replace the preset's."""

    model_config = ConfigDict(extra="allow")

    preset: str | None = None
    """Name of a preset; overrides are checked where the preset is resolved."""


class Probe(CardPart):
    """A question whose right answers are known."""

    question: Filled
    """Asked as the user's only turn."""
    accept: Annotated[list[Filled], Field(min_length=1)]
    """The reply is right if it contains one of these."""
    forbid: list[Filled] = []
    """The reply is wrong if it contains one of these."""


class Probes(CardPart):
    """Questions that evaluation asks."""

    out_of_world: list[Probe] = []
    """About things the character cannot know."""
    identity: list[Probe] = []
    """About the character itself."""
    known: Filled | None = None
    """JSON Lines of labelled questions about its books; a file beside the card or in `data/questions/`."""


class Card(CardPart):
    """A character."""

    schema_version: Literal[1] = Field(alias="schema")
    """Version of this format."""
    name: Identifier
    """Name in commands and folders; the same as the file's."""
    display_name: Line
    """Name the character goes by; `{{char}}`."""
    user_name: Line = "User"
    """How the character calls the person; `{{user}}`."""
    language: Line
    """Language tag, such as `zh` or `en`."""
    version: Line = "1"
    """The author's version of the character."""
    creator: Line = ""
    """Who wrote it."""
    license: Line = ""
    """SPDX identifier of the licence of the card and its corpora."""
    description: Text = ""
    """What a person reads before choosing the character; never sent to a model."""
    tags: list[Line] = []
    """Words to find it by."""
    prefixes: list[Prefix] = []
    """Persona prefixes in the order in which they are joined."""
    greeting: Filled | None = None
    """The character's first turn in a new chat."""
    alternate_greetings: list[Filled] = []
    """Other first turns."""
    corpora: list[CorpusEntry] = []
    """What the character is trained on."""
    generation: Generation = Generation()
    """Sampling settings of the chat."""
    training: TrainingChoice = TrainingChoice()
    """Preset and overrides."""
    base: Filled | None = None
    """Folder, or hub id with an optional `@revision`; `None` is the shipped `pocket`."""
    catchphrases: list[Line] = []
    """What the character says again and again."""
    probes: Probes = Probes()
    """Questions for evaluation."""
    book: dict[str, Any] | None = None
    """Lore entries, kept as they are."""
    avatar: Filled | None = None
    """Picture file beside the card."""
    knowledge: list[Filled] = []
    """Files of the character's world."""
    extra: dict[str, Any] = {}
    """Anything else; kept untouched."""

    @property
    def switches(self) -> tuple[Prefix, ...]:
        """The prefixes, and last the one that carries passages, where the card names books and has not worded it."""
        own = tuple(self.prefixes)
        if not (self.knowledge or self.book) or any(prefix.id == KNOWLEDGE for prefix in own):
            return own
        text = _KNOWING["zh" if self.language.lower().startswith("zh") else "en"]
        return (*own, Prefix(id=KNOWLEDGE, text=text, place="last_user", train="never"))

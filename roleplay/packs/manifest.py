"""What a pack says of itself: its entries with their hashes, the base it needs, and the evidence that it works."""

import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from roleplay.cards.model import Identifier
from roleplay.errors import PackError
from roleplay.text import clean, one_line

MANIFEST = "roleplay/manifest.json"
"""Where it lies in a pack."""
MOST_BYTES = 2 * 2**20
"""Longest manifest."""
_MOST_VALUES = 20_000
"""Each that is wrong takes pydantic some kilobytes; a manifest of 2,000 files has 6,000."""

_Text = Annotated[str, StringConstraints(strict=True, max_length=2000)]
_Line = Annotated[str, StringConstraints(strict=True, max_length=200, pattern=r"^[^\n\t]*$")]
_Hash = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class Part(BaseModel):
    """What every part of a manifest shares: nothing unknown, and no text that could steer a terminal."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="after")
    def _harmless(self) -> Self:
        for name, value in self:
            if isinstance(value, str) and clean(value) != value:
                raise ValueError(f"{name} holds control characters")
        return self


class Entry(Part):
    """One file of the pack."""

    path: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=400)]
    """Where it lies in the archive, with `/`."""
    size: _Count
    """Bytes, unpacked."""
    sha256: _Hash
    """Of its content."""


class PackedBase(Part):
    """The base that the adapter needs; the parts of an adapter's passport."""

    name: _Line
    """`pocket`, a hub id, or the last part of a folder's path."""
    revision: _Line | None
    """Commit of a hub id."""
    config: _Hash
    """Hash of the configuration."""
    tokenizer: _Hash
    """Hash of vocabulary, merges and added tokens."""
    template: _Hash
    """Hash of the chat template."""
    weights: _Hash | None
    """Fingerprint of the files of weights; `None` where it is not known."""


class PackedAdapter(Part):
    """The shape of the adapter."""

    rank: Annotated[int, Field(strict=True, ge=1, le=4096)]
    """Of every matrix."""
    alpha: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
    """Scale is alpha / rank."""
    rslora: Annotated[bool, Field(strict=True)]
    """Scale is alpha / sqrt(rank) instead."""
    fan_in_fan_out: Annotated[bool, Field(strict=True)]
    """Whether the base keeps its weights (in, out)."""
    targets: Annotated[list[Identifier], Field(min_length=1, max_length=16)]
    """Last parts of the names of the modules it sits on, sorted."""
    modules: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    """How many of them there are."""
    dtype: Literal["F32", "F16", "BF16"]
    """Of the weights, in the words of safetensors."""
    parameters: _Count
    """Numbers in all matrices together."""
    step: _Count
    """Optimizer step it was taken at."""
    heldout_loss: _Number | None
    """Held-out loss there, nats per trained token; `None` where it was not measured."""


class Figure(Part):
    """A number with its 95 % interval."""

    value: _Number
    """Of all samples together."""
    low: _Number
    """Lower end."""
    high: _Number
    """Upper end."""


class PackedMeasure(Part):
    """One figure of an evaluation, in every lane that has it."""

    name: Identifier
    """In reports: `heldout_bits`."""
    title: _Line
    """For people."""
    better: Literal["lower", "higher", "neither"]
    """Which way is good."""
    scale: Literal["number", "percent"]
    """`percent`: a share from 0 to 1."""
    lanes: Annotated[dict[_Line, Figure], Field(max_length=8)]
    """By lane."""


class PackedSample(Part):
    """A question with what each lane answered."""

    prompt: _Text
    """What the person said."""
    replies: Annotated[dict[_Line, _Text], Field(max_length=8)]
    """By lane."""


class Recipe(Part):
    """How the adapter was trained; it can be typed again."""

    preset: _Line
    """Preset underneath the settings."""
    settings: Annotated[dict[Identifier, bool | int | _Number | _Line | None], Field(max_length=100)]
    """Values in force; paths are left out."""
    dataset: _Hash | None
    """Hash of dialogues and split."""
    environment: Annotated[dict[_Line, _Line], Field(max_length=50)]
    """Versions of Python and libraries."""


class Evidence(Part):
    """What was measured."""

    training: Annotated[dict[Identifier, _Number], Field(max_length=50)] = {}
    """At the end of the training: losses, steps, epochs."""
    heldout_bits: Annotated[dict[_Line, Figure], Field(max_length=8)] = {}
    """Held-out bits per character by lane, at the end of the training."""
    evaluation: Annotated[list[PackedMeasure], Field(max_length=100)] = []
    """Figures of an evaluation of this adapter; empty where there was none."""
    samples: Annotated[list[PackedSample], Field(max_length=8)] = []
    """A few replies of that evaluation."""


class Manifest(Part):
    """The whole of it."""

    schema_version: Literal[1] = Field(alias="schema")
    """Version of this format."""
    name: Identifier
    """Name of the card."""
    display_name: _Line
    """Name the character goes by."""
    version: _Line
    """The author's version of the character."""
    creator: _Line
    """Who wrote it, as the card says."""
    language: _Line
    """Language tag."""
    license: _Line
    """SPDX identifier of card and corpora; empty where the card names none."""
    description: _Text
    """The first of what a person reads before choosing it."""
    made_by: _Line
    """Program and version that wrote the pack."""
    base: PackedBase | None = None
    """`None` where the pack has no adapter."""
    adapter: PackedAdapter | None = None
    """`None` where the pack has none."""
    recipe: Recipe | None = None
    """`None` where nobody kept it."""
    evidence: Evidence = Evidence()
    """What was measured."""
    left_out: Annotated[list[_Line], Field(max_length=200)] = []
    """What the character has and the pack has not, each with the reason."""
    entries: Annotated[list[Entry], Field(max_length=2000)]
    """Every file but the manifest itself, in the order of the archive."""

    @property
    def paths(self) -> set[str]:
        """Where its entries lie in the archive."""
        return {entry.path for entry in self.entries}


def manifest_bytes(manifest: Manifest) -> bytes:
    """The file; the same manifest gives the same bytes."""
    value = manifest.model_dump(by_alias=True, mode="json")
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def parse_manifest(data: bytes, file: str) -> Manifest:
    """Check a manifest of a stranger. Raises PackError with the first faults."""
    if len(data) > MOST_BYTES:
        raise PackError(f"{file}: {MANIFEST} has {len(data):,} bytes, more than {MOST_BYTES:,}; it is none of ours")
    if data.count(b",") > _MOST_VALUES:
        raise PackError(f"{file}: {MANIFEST} has more than {_MOST_VALUES:,} values; it is none of ours")
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        issues = error.errors(include_url=False, include_context=False)
        told = "; ".join(
            f"{one_line('.'.join(map(str, issue['loc'])), 60)}: {one_line(issue['msg'], 80)}" for issue in issues[:4]
        )
        raise PackError(
            f"{file}: {MANIFEST} is damaged, or of a later roleplay: {told}; ask for the pack again"
        ) from error

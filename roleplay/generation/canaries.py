"""What a character answers word for word, and how likely each token was: who gets it can see whether it does so here.

`canaries.json` of a run, of a shipped adapter and of a pack; it is read from strangers. One line, here broken up:

    {"schema": 1, "adapter": "9f…", "dtype": "float32", "quant": "none", "device": "cpu", "prefixes": ["who"],
     "canaries": [{"text": "你是谁？", "lanes": {
        "persona+prefix": {"prompt": [1, 83, …], "tokens": [512, 40, 2], "log_probabilities": [-0.31, -0.02, -0.4]},
        "base+prefix": …, "persona": …, "base": …}}]}
"""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from roleplay.cards.model import Identifier
from roleplay.errors import AdapterError
from roleplay.generation.lanes import LANES
from roleplay.paths import shown
from roleplay.text import clean, one_line

CANARIES = "canaries.json"
"""Name of the file."""
MOST_BYTES = 2**20
"""Longest file."""
MOST_CANARIES = 8
MOST_TOKENS = 24
"""New tokens of a reply."""
MOST_CHARACTERS = 2000
"""Longest text that is asked."""

_REMEDY = "get it again, or remove it to do without this check"
_Id = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
_Log = Annotated[float, Field(strict=True, le=0, ge=-1e4)]


class _Part(BaseModel):
    """What every part shares: nothing unknown, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Expected(_Part):
    """One lane's prompt and reply."""

    prompt: Annotated[list[_Id], Field(min_length=1, max_length=100_000)]
    """Ids as rendered."""
    tokens: Annotated[list[_Id], Field(min_length=1, max_length=MOST_TOKENS)]
    """The likeliest reply, its end of turn included where it came."""
    log_probabilities: Annotated[list[_Log], Field(min_length=1, max_length=MOST_TOKENS)]
    """Natural logarithms, one a token."""

    @model_validator(mode="after")
    def _one_a_token(self) -> Self:
        if len(self.log_probabilities) != len(self.tokens):
            raise ValueError(f"{len(self.tokens)} tokens and {len(self.log_probabilities)} log-probabilities")
        return self


class Canary(_Part):
    """What one text is answered in every lane."""

    text: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=MOST_CHARACTERS)]
    """What the person says, names filled in; the only turn."""
    lanes: dict[str, Expected]
    """By name, all four."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if clean(self.text) != self.text:
            raise ValueError("text holds control characters")
        if set(self.lanes) != set(LANES):
            raise ValueError(f"lanes are {one_line(', '.join(self.lanes))}, not {', '.join(LANES)}")
        return self


class Canaries(_Part):
    """All canaries of an adapter, and where they were made."""

    schema_version: Literal[1] = Field(alias="schema")
    """Version of this format."""
    adapter: Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the file of its weights."""
    dtype: Literal["float32", "bfloat16", "float16"]
    """Number format of the base."""
    quant: Literal["none", "int8", "nf4"]
    """How the base was kept in memory."""
    device: Literal["cpu", "cuda"]
    """Where it was computed."""
    prefixes: Annotated[list[Identifier], Field(max_length=200)]
    """Ids of the prefixes that were on, those of a new chat."""
    canaries: Annotated[list[Canary], Field(min_length=1, max_length=MOST_CANARIES)]
    """In the order in which they are asked."""


def canaries_bytes(canaries: Canaries) -> bytes:
    """The file; the same canaries give the same bytes."""
    value = canaries.model_dump(by_alias=True, mode="json")
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()


def read_canaries(path: Path) -> Canaries:
    """The canaries in the file at `path`. Raises AdapterError where it is missing, too long or damaged."""
    file = shown(path)
    try:
        with path.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise AdapterError(
            f"{file} cannot be read ({error.strerror}), so there is nothing to check replies against; a run makes it "
            "when it is trained to its end"
        ) from error
    if len(data) > MOST_BYTES:
        raise AdapterError(f"{file} has more than {MOST_BYTES:,} bytes, so it holds no canaries; {_REMEDY}")
    try:
        return Canaries.model_validate_json(data)
    except ValidationError as error:
        issues = error.errors(include_url=False, include_context=False, include_input=False)
        told = "; ".join(
            f"{one_line('.'.join(map(str, issue['loc'])), 80)}: {one_line(issue['msg'], 120)}" for issue in issues[:3]
        )
        raise AdapterError(f"{file} is damaged, or of a later roleplay: {told}; {_REMEDY}") from error

"""Which of the models that a server lists answer for a character: one with its adapter, and the base of that one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from openai import APIError
from pydantic import BaseModel, Field

from roleplay.chat.remote import open_client
from roleplay.chat.remotes import shown_url
from roleplay.errors import ServerError
from roleplay.server_trouble import AskedServer, trouble
from roleplay.text import nearest, one_line

PATIENCE = 30.0
"""Seconds that a server may take to list its models."""
_NAMED = 20
"""Models that a message lists."""
_LONGEST = 200
"""Characters of a name; a longer one is nobody's, as is one that could not be shown as it is."""


class Listed(BaseModel):
    """A model as `GET /models` lists it: https://platform.openai.com/docs/api-reference/models, and vLLM's own."""

    id: str
    """What a request calls it."""
    parent: str | None = None
    """The base of an adapter; `None` for a base, and where the server does not tell."""
    max_model_len: Annotated[int, Field(gt=0)] | None = None
    """Tokens of its context; `None` where the server does not tell."""
    owned_by: str = ""
    """`roleplay` where `roleplay serve` lists it."""


class _List(BaseModel):
    data: list[Listed]


@dataclass(frozen=True)
class Lineup:
    """The models that answer."""

    persona: str | None
    """With the adapter; nothing is added to what it is sent. `None` where the base answers alone."""
    base: str | None
    """Without; `None` where the server has no such model, or nobody can tell which it is."""
    context: int | None
    """Tokens; `None` where the server does not tell."""


async def list_models(url: str) -> list[Listed]:
    """What the server lists. Raises ServerError."""
    name = shown_url(url)
    try:
        async with open_client(url, PATIENCE) as client:
            # Untyped, since servers send what the library's own types do not check.
            listed = _List.model_validate(await client.get("/models", cast_to=object)).data
    except APIError as error:
        asked = AskedServer(
            name,
            "",
            PATIENCE,
            when_slow="look whether the server is busy",
            when_refused="look at the server's log",
            again="and try again",
        )
        raise ServerError(trouble(asked, error)) from error
    except ValueError as error:  # no JSON, or not this one
        raise ServerError(
            f"{name} does not list its models as the OpenAI API does; check that the URL is that of such an API, "
            "which mostly ends in /v1"
        ) from error
    return [model for model in listed if model.id and one_line(model.id, _LONGEST) == model.id]


def line_up(character: str, listed: Sequence[Listed], server: str) -> Lineup:
    """Who answers for `character`: `NAME:no-prefix` where it is listed, else `NAME`; prefixes are put in front here.

    The base is the parent of that model, else the only other one. Raises ServerError where nobody can answer.
    """
    by_id = {model.id: model for model in listed}
    own = (f"{character}:no-prefix", character)
    persona = next((by_id[name] for name in own if name in by_id), None)
    if persona is None:
        close = nearest(character, by_id)
        remedy = f"did you mean '{close}'?" if close else f"start it with the character: roleplay serve {character}"
        raise ServerError(f"{server} has no model '{character}'; it lists {_named(by_id)}; {remedy}")
    others = [model.id for model in listed if model.id not in own and model.parent is None]
    base = persona.parent if persona.parent in by_id else others[0] if len(others) == 1 else None
    context = persona.max_model_len or (by_id[base].max_model_len if base is not None else None)
    if persona.id == character and persona.owned_by == "roleplay":
        # It has no adapter, and adds the prefixes a second time; the base, sent them once, says the same.
        if base is None:
            raise ServerError(
                f"{server} has no adapter for '{character}', and several bases (it lists {_named(by_id)}); "
                f"serve it alone: roleplay serve {character}"
            )
        return Lineup(None, base, context)
    return Lineup(persona.id, base, context)


def _named(names: Collection[str]) -> str:
    some = list(names)[:_NAMED]
    more = f" and {len(names) - len(some)} more" if len(names) > len(some) else ""
    return ", ".join(some) + more or "none"

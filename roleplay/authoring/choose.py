"""Which model a person means: a server's URL, or `local:` and a base."""

import os
from dataclasses import dataclass

from roleplay.authoring.asking import ChatModel
from roleplay.errors import UsageError

_LOCAL = "local:"
KEY = "OPENAI_API_KEY"
"""Environment variable with the key of the servers; one that runs here needs none."""


@dataclass(frozen=True)
class ModelChoice:
    """A model as named on the command line."""

    where: str
    """URL of a server, or `local:BASE`."""
    model: str | None = None
    """Model of the server; `None` is the only one it has."""
    timeout: float = 600.0
    """Seconds a server may take for an answer."""
    trust_remote_code: bool = False
    """Whether a local base's own code may run."""


def open_models(*choices: ModelChoice) -> list[ChatModel]:
    """The models chosen, each loaded once. Raises UsageError, ServerError, BaseModelError or TemplateError."""
    for choice in choices:
        if choice.where.startswith(_LOCAL) and choice.model is not None:
            raise UsageError(f"{choice.where} names its model itself; leave --model and --scorer-model out")
    opened = {choice: _open(choice) for choice in dict.fromkeys(choices)}
    return [opened[choice] for choice in choices]


def _open(choice: ModelChoice) -> ChatModel:
    if choice.where.startswith(_LOCAL):
        from roleplay.authoring.local import LocalModel

        return LocalModel(choice.where.removeprefix(_LOCAL), trust_remote_code=choice.trust_remote_code)
    from roleplay.authoring.client import ServerModel

    return ServerModel(choice.where, choice.model, key=os.environ.get(KEY), timeout=choice.timeout)

"""The errors a person can meet, in one tree.

RoleplayError
├── FileFaults         faults in files people write, all of a file at once
├── NotFound           a character, corpus, run or base that is not where it was looked for
├── TemplateError      a chat template that cannot carry a persona
├── GateError          training text and chat text differ
├── BaseModelError     a base that cannot be loaded or used
│   └── ContextFull    a prompt that leaves no room for a reply
├── AdapterError       an adapter that does not fit
├── RunError           a run that cannot start, go on or be read
├── EvaluationError    an evaluation that has nothing to measure, or cannot be read
├── PackError          a pack that cannot be made, or must not be installed
├── ServerError        a chat server that cannot be asked
│   └── PromptRefused  a prompt that it does not answer
├── Busy               more replies are asked for than can be kept waiting
├── StorageError       what should be kept could not be written or read
└── UsageError         options that exclude each other or name nothing
"""

from collections.abc import Sequence
from dataclasses import dataclass


class RoleplayError(Exception):
    """What happened, where, the value seen, and what to do about it."""


class NotFound(RoleplayError):
    """Something named is not where it was looked for."""


class TemplateError(RoleplayError):
    """A chat template that cannot carry a persona."""


class GateError(RoleplayError):
    """Training text and chat text differ, so that what is learned would never be asked for."""


class BaseModelError(RoleplayError):
    """A base that cannot be loaded or used."""


class ContextFull(BaseModelError):
    """A prompt that leaves no room for a reply."""


class AdapterError(RoleplayError):
    """An adapter that does not fit."""


class RunError(RoleplayError):
    """A run that cannot start, go on or be read."""


class EvaluationError(RoleplayError):
    """An evaluation that has nothing to measure, or cannot be read."""


class PackError(RoleplayError):
    """A pack that cannot be made, or must not be installed."""


class ServerError(RoleplayError):
    """A chat server that cannot be asked."""


class PromptRefused(ServerError):
    """A prompt that a chat server does not answer, whatever is tried."""


class Busy(RoleplayError):
    """More replies are asked for than can be kept waiting."""


class StorageError(RoleplayError):
    """What should be kept could not be written or read."""


class UsageError(RoleplayError):
    """Options that exclude each other or name nothing; exit status 2."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a file a person wrote."""

    file: str
    """Path as the person would type it."""
    line: int | None
    """Line counted from 1; `None` where the whole file is meant."""
    key: str
    """Dotted path of the key, empty where the whole file is meant."""
    problem: str
    """What is wrong, with the value seen."""
    remedy: str
    """What to write instead."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} {self.problem}; {self.remedy}"


class FileFaults(RoleplayError):
    """Every fault of the files read, one a line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))

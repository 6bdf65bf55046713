"""ShareGPT rows: a list of messages, each with a role and a text under names of their own.

    {"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}], "system": "…"}

Rules as LLaMA-Factory's `SharegptDatasetConverter` has them: even turns are the user's, odd ones the assistant's, their
number is even, a leading system message goes before the column. A character has no tools to call: a row with a call
or its result is left out whole, for the answers around it rest on what the tool said.
"""

from dataclasses import dataclass
from typing import Any

from roleplay.corpora.forms.row import Drop, Made, dialogue, fields, items, pair, text_of
from roleplay.dialogue import Role, Turn

TOOL_CALL = "has a tool call, which a character cannot make"


@dataclass(frozen=True)
class Tags:
    """Names inside a message; an empty tuple of names is a tag left out."""

    role: str | None = "from"
    """Key of the role."""
    content: str | None = "value"
    """Key of the text."""
    user: tuple[str, ...] = ("human", "user")
    """Roles of the user."""
    assistant: tuple[str, ...] = ("gpt", "assistant", "chatgpt", "model", "bot")
    """Roles of the assistant."""
    tools: tuple[str, ...] = ("function_call", "observation", "tool", "function", "tool_call", "tool_response")
    """Roles of calls and of their results."""
    system: tuple[str, ...] = ("system",)
    """Roles of the system prompt."""


@dataclass(frozen=True)
class ShareGPT:
    """Names of the columns; `None` leaves a column unread."""

    messages: str | None = "conversations"
    """The list of messages."""
    system: str | None = "system"
    """System prompt, where no message is one."""
    chosen: str | None = "chosen"
    """The better answer of a ranking: a message."""
    rejected: str | None = "rejected"
    """The worse answer of a ranking."""
    wanted: str | None = None
    """Whether the last answer is one to imitate (`kto_tag`)."""
    ranking: bool = False
    """Rows are pairs; the messages end with the user's."""
    tags: Tags = Tags()
    """Names inside a message."""

    def make(self, row: Any, source: str) -> Made:
        """A dialogue or a pair. Raises Drop."""
        cells = fields(row)
        messages = items(cells.get(self.messages)) if self.messages else None
        if not messages:
            raise Drop("has no messages")
        if self.wanted is not None and not cells.get(self.wanted):
            raise Drop("is marked as an answer not to imitate")
        system, messages = self._system(cells, messages)
        turns = [self._turn(message, i) for i, message in enumerate(messages)]
        if len(turns) % 2 != int(self.ranking):
            raise Drop("has an odd number of turns" if not self.ranking else "has no question before its answers")
        if self.ranking:
            better, worse = (self._answer(cells.get(name) if name else None) for name in (self.chosen, self.rejected))
            return Made(pair([*system, *turns], better, worse, source))
        return Made(dialogue([*system, *turns], source))

    def _system(self, cells: dict[str, Any], messages: list[Any]) -> tuple[list[Turn], list[Any]]:
        head = messages[0]
        if isinstance(head, dict) and self._role(head) in self.tags.system:
            text, messages = self._text(head), messages[1:]
        else:
            text = text_of(cells.get(self.system), "a system prompt") if self.system else ""
        return ([Turn("system", text)] if text else []), messages

    def _turn(self, message: Any, i: int) -> Turn:
        role = self._role(message)
        if role in self.tags.tools:
            raise Drop(TOOL_CALL)
        expected, names = self._expected(i)
        if role not in names:
            raise Drop(f"has a turn by a wrong role where the {expected}'s is due")
        return Turn(expected, self._text(message))

    def _expected(self, i: int) -> tuple[Role, tuple[str, ...]]:
        return ("assistant", self.tags.assistant) if i % 2 else ("user", self.tags.user)

    def _answer(self, message: Any) -> str:
        if isinstance(message, str):
            return text_of(message, "an answer")
        if self._role(message) not in self.tags.assistant:
            raise Drop("has no two answers to choose from")
        return self._text(message)

    def _role(self, message: Any) -> Any:
        if not isinstance(message, dict):
            raise Drop("has a message that is not an object")
        role = message.get(self.tags.role) if self.tags.role else None
        return role if isinstance(role, str) else None

    def _text(self, message: dict[str, Any]) -> str:
        return text_of(message.get(self.tags.content) if self.tags.content else None, "a turn")

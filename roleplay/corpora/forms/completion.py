"""A prompt and what follows it, in two columns.

    {"prompt": "…", "completion": "…"}

Both may also be lists of messages, as TRL writes them.
"""

from typing import Any

from roleplay.corpora.forms.messages import conversation
from roleplay.corpora.forms.row import Drop, Made, Speakers, dialogue, fields, items, text_of
from roleplay.dialogue import Turn

COLUMNS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "response"),
    ("input", "output"),
)
"""Names under which the two are met."""


def make(row: Any, source: str) -> Made:
    """A dialogue. Raises Drop."""
    cells = fields(row)
    names = next((both for both in COLUMNS if both[0] in cells and both[1] in cells), None)
    if names is None:
        raise Drop("has no prompt with a completion")
    asked, answer = (cells[name] for name in names)
    before, after = items(asked), items(answer)
    if isinstance(before, list) and isinstance(after, list) and all(isinstance(m, dict) for m in (*before, *after)):
        turns, merged = conversation([*before, *after], Speakers())
        return Made(dialogue(turns, source), merged)
    if not isinstance(answer, str):
        raise Drop("has a completion that is not text")
    system = text_of(cells.get("system"), "a system prompt")
    head = [Turn("system", system)] if system else []
    turns = [*head, Turn("user", text_of(asked, "a prompt")), Turn("assistant", text_of(answer, "a completion"))]
    return Made(dialogue(turns, source))

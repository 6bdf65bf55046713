"""Preference rows: a question with a better and a worse answer, in every shape they are met in.

{"prompt": "…", "chosen": "…", "rejected": "…"}
{"conversations": [{"from": "human", "value": "…"}], "chosen": {"from": "gpt", "value": "…"}, "rejected": {…}}
{"chosen": [{"role": "user", …}, {"role": "assistant", …}], "rejected": [the same question, another answer]}
{"instruction": "…", "input": "…", "output": ["the better", "the worse"]}
"""

from typing import Any

from roleplay.corpora.forms.messages import COLUMNS as MESSAGES
from roleplay.corpora.forms.messages import conversation
from roleplay.corpora.forms.row import Drop, Made, Speakers, fields, items, pair, text_of
from roleplay.dialogue import Turn

_NO_CHOICE = "has no two answers to choose from"


def make(row: Any, source: str) -> Made:
    """A pair. Raises Drop."""
    cells = fields(row)
    both = items(cells.get("output"))
    answers = [cells.get("chosen"), cells.get("rejected")]
    if both is not None and len(both) == 2 and answers == [None, None]:
        answers = both
    asked, merged = _asked(cells)
    if not asked:
        asked, answers = _common(answers)
    better, worse = (_answer(answer) for answer in answers)
    return Made(pair(asked, better, worse, source), merged)


def _asked(cells: dict[str, Any]) -> tuple[list[Turn], int]:
    """Turns before the answers, and how many were merged; none where the answers hold them."""
    system = text_of(cells.get("system"), "a system prompt")
    for name in (*MESSAGES, "prompt"):
        messages = items(cells.get(name))
        if messages and all(isinstance(message, dict) for message in messages):
            turns, merged = conversation(messages, Speakers())
            return ([Turn("system", system)] if system and turns[0].role != "system" else []) + turns, merged
    names = [name for name in ("prompt", "instruction", "question", "query", "input") if cells.get(name)]
    parts = [text_of(cells[name], "a question") for name in names[:1] + (["input"] if "input" in names[1:] else [])]
    question = "\n".join(part for part in parts if part)
    if not question:
        return [], 0
    return [*([Turn("system", system)] if system else []), Turn("user", question)], 0


def _common(answers: list[Any]) -> tuple[list[Turn], list[Any]]:
    """The turns that two whole conversations share, and the last message of each."""
    better, worse = (items(answer) for answer in answers)
    if not better or not worse or better[:-1] != worse[:-1]:
        raise Drop("has no question before its answers")
    turns, _ = conversation(better[:-1], Speakers())
    return turns, [better[-1], worse[-1]]


def _answer(answer: Any) -> str:
    messages = [answer] if isinstance(answer, dict) else items(answer)
    if messages:
        turns, _ = conversation(messages[-1:], Speakers())
        if turns[0].role != "assistant":
            raise Drop(_NO_CHOICE)
        return turns[0].text
    if not isinstance(answer, str):
        raise Drop(_NO_CHOICE)
    return text_of(answer, "an answer")

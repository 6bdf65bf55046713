"""What a chat template can do, found out by rendering probes with it.

Families differ: some refuse a system turn or an opening by the assistant, some bring a system prompt of their own, some
end an answer only when the next turn comes. Nothing here knows a family by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from roleplay.dialogue import Turn
from roleplay.errors import TemplateError
from roleplay.text import one_line

_SYSTEM, _USER, _ANSWER, _NEXT = "Qsystemq", "Quserq", "Qanswerq", "Qnextq"


@dataclass(frozen=True)
class TemplateTraits:
    """How one tokenizer's chat template behaves."""

    takes_system: bool
    """A system turn is rendered; else prefixes are folded into the first user turn."""
    takes_opening: bool
    """The first turn may be the assistant's; else a greeting is folded into the first user turn."""
    takes_silence: bool
    """The assistant may be asked to speak before any turn at all."""
    end_of_turn: str
    """What follows an answer, up to and including the first special token: the last thing that is trained."""
    end_of_turn_id: int
    """Id of that special token: generation stops at it."""
    default_system: str
    """The template's own system prompt, empty where it has none."""
    default_head: str
    """The system turn that a rendering without one begins with; cut off unless the prompt in it is switched on."""
    kept_head: str
    """What stays of `default_head`: the beginning-of-text token."""


def render_text(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Turn], *, ask: bool) -> str:
    """The template's raw text, in transformers' sandbox; with `ask` it ends where the assistant begins to speak.

    Thinking is switched off where a template knows the switch (`enable_thinking`): corpora hold answers only.
    """
    rows = [{"role": turn.role, "content": turn.text} for turn in messages]
    # As a batch of one: the form for a single conversation refuses an empty one.
    rendered = tokenizer.apply_chat_template([rows], tokenize=False, add_generation_prompt=ask, enable_thinking=False)
    return str(rendered[0])


def asks_clock(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the template may write the date, as Llama 3.2 does: what it renders today is not kept for tomorrow."""
    return "strftime_now" in str(tokenizer.chat_template)  # the only clock in transformers' sandbox


def inspect_template(tokenizer: PreTrainedTokenizerBase) -> TemplateTraits:
    """Probe the template. Raises TemplateError where it cannot carry a conversation."""
    if not tokenizer.chat_template:
        raise TemplateError(
            f"the base '{tokenizer.name_or_path}' has no chat template; use its chat or instruct version, "
            "or put a chat_template.jinja beside its tokenizer"
        )
    plain = [Turn("user", _USER), Turn("assistant", _ANSWER), Turn("user", _NEXT)]
    try:
        base = render_text(tokenizer, plain, ask=True)
    except Exception as error:  # a template may raise anything
        raise TemplateError(
            f"the chat template of '{tokenizer.name_or_path}' fails on user, assistant, user: "
            f"{one_line(str(error), 200)}; use a base whose template holds a conversation"
        ) from error
    if not -1 < base.find(_USER) < base.find(_ANSWER) < base.find(_NEXT):
        raise TemplateError(
            f"the chat template of '{tokenizer.name_or_path}' leaves turns out of a conversation; "
            "use a base whose template renders every turn"
        )
    end, end_id = _end_of_turn(tokenizer, base)
    with_system = _try(tokenizer, [Turn("system", _SYSTEM), *plain])
    takes_system = with_system is not None and _SYSTEM in with_system
    opening = _try(tokenizer, [Turn("assistant", _ANSWER), Turn("user", _NEXT)])
    default, head, kept = "", "", ""
    if with_system is not None and takes_system:
        default, head, kept = _default_system(tokenizer, base, with_system)
    return TemplateTraits(
        takes_system=takes_system,
        takes_opening=opening is not None and _ANSWER in opening,
        takes_silence=_try(tokenizer, []) is not None,
        end_of_turn=end,
        end_of_turn_id=end_id,
        default_system=default,
        default_head=head,
        kept_head=kept,
    )


def _try(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Turn]) -> str | None:
    try:
        return render_text(tokenizer, messages, ask=True)
    except Exception:  # refusing is an answer to the probe
        return None


def _special_spans(tokenizer: PreTrainedTokenizerBase, text: str) -> list[tuple[int, int]]:
    """Start and end of every special token written in `text`, in order."""
    spans: list[tuple[int, int]] = []
    names = sorted({t.content for t in special_tokens(tokenizer).values()}, key=len, reverse=True)
    at = 0
    while at < len(text):
        name = next((name for name in names if name and text.startswith(name, at)), None)
        if name is not None:
            spans.append((at, at + len(name)))
        at += len(name) if name else 1
    return spans


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, Any]:
    """Id -> added token that is special: never a part of what is said."""
    return {i: token for i, token in tokenizer.added_tokens_decoder.items() if token.special}


def _end_of_turn(tokenizer: PreTrainedTokenizerBase, base: str) -> tuple[str, int]:
    """The text after an answer up to its first special token, and that token's id; else the tokenizer's own end."""
    tail = base[base.index(_ANSWER) + len(_ANSWER) : base.index(_NEXT)]
    spans = _special_spans(tokenizer, tail)
    if spans:
        start, stop = spans[0]
        token = tokenizer.convert_tokens_to_ids(tail[start:stop])
        return tail[:stop], int(token)
    if tokenizer.eos_token is None:
        raise TemplateError(
            f"the chat template of '{tokenizer.name_or_path}' ends answers with no special token and the tokenizer "
            "has no end token: replies would never stop; use another base"
        )
    return str(tokenizer.eos_token), int(tokenizer.eos_token_id)


def _default_system(tokenizer: PreTrainedTokenizerBase, base: str, with_system: str) -> tuple[str, str, str]:
    """The template's own system prompt, the head it causes, and what of that head stays.

    with_system:  opening SYSTEM closing user…
    base:         opening DEFAULT closing user…     (or just user…, where the template has none)

    DEFAULT is empty where the template writes into every system turn, as Llama 3.1 does with its dates.
    """
    opening = with_system[: with_system.index(_SYSTEM)]
    closing = with_system[with_system.index(_SYSTEM) + len(_SYSTEM) : with_system.index(_USER)]
    before = base[: base.index(_USER)]
    spans = _special_spans(tokenizer, closing)
    if not spans or not before.startswith(opening) or not before[len(opening) :].endswith(closing):
        return "", "", ""
    default = before[len(opening) : len(before) - len(closing)]
    # The system turn ends with the first special token of `closing`; what begins the user turn is the next one. A token
    # on its own begins the user turn if nothing else names the speaker.
    (start, stop), *others = spans
    alone = stop if closing[stop:].strip() else start
    block_end = others[0][0] if others else alone
    head = opening + default + closing[:block_end]
    bos = str(tokenizer.bos_token or "")
    # In some tokenizers what begins every turn is also the beginning of text: the user turn then brings its own.
    kept = bool(bos) and opening.startswith(bos) and not base[len(head) :].startswith(bos)
    return default.strip(), head, bos if kept else ""

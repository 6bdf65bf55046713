"""The first request of a chat in each lane, as a server of OpenAI's API takes it."""

from typing import TYPE_CHECKING, Any

from roleplay.chat.sampled import card_sampling
from roleplay.export.subject import Subject, default_messages, first_turns

if TYPE_CHECKING:
    from roleplay.dataset.render import Renderer

LANES = ("base", "persona", "persona+prefix")
"""Those that are shown."""


def lane_requests(subject: Subject, renderer: "Renderer", *, base: str) -> dict[str, dict[str, Any]]:
    """Lane -> body of a request; `base` is the name under which the base is served, the adapter has the card's."""
    return {
        lane: {
            "model": base if lane == "base" else subject.card.name,
            "messages": _messages(subject, renderer, prefix=lane.endswith("+prefix")),
            **_sampling(subject),
            **_without_thinking(renderer),
        }
        for lane in LANES
    }


def _messages(subject: Subject, renderer: "Renderer", *, prefix: bool) -> list[dict[str, str]]:
    turns = default_messages(subject, renderer, first_turns(subject.card), prefix=prefix)
    return [{"role": turn.role, "content": turn.text} for turn in turns]


def _sampling(subject: Subject) -> dict[str, Any]:
    """Chat's settings under the names of the API, and of vLLM where that has none."""
    sampling = card_sampling(subject.card, {})
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k or -1,  # which keeps all in every version
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repetition_penalty,
        "max_tokens": sampling.max_new_tokens,
    }


def _without_thinking(renderer: "Renderer") -> dict[str, Any]:
    knows = "enable_thinking" in str(renderer.tokenizer.chat_template)
    return {"chat_template_kwargs": {"enable_thinking": False}} if knows else {}

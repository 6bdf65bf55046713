"""The one rendering: messages → token ids, for training, evaluation and chat."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from roleplay.dataset.template import TemplateTraits, asks_clock, inspect_template, render_text, special_tokens
from roleplay.dialogue import Turn
from roleplay.errors import BaseModelError

_WORD_JOINER = "\u2060"
_REMEMBERED = 256


@dataclass(frozen=True)
class Renderer:
    """A tokenizer with what its chat template can do."""

    tokenizer: PreTrainedTokenizerBase
    """Any tokenizer of transformers with a chat template."""
    traits: TemplateTraits
    """Found out once, when the renderer is made."""

    def prompt_ids(self, messages: Sequence[Turn]) -> list[int]:
        """Ids of what chat sends before an answer: the messages and the opening of the assistant's turn."""
        return list(self._prompt(tuple(messages)))

    def answer_ids(self, text: str) -> list[int]:
        """Ids of an answer as it is trained: what is said, then the end of the turn."""
        return list(self._answer(text))

    def text_ids(self, text: str) -> list[int]:
        """Ids of a text that stands for itself: part of an answer, or a turn to be counted."""
        return list(self._ids(self.plain(text)))

    def count(self, text: str) -> int:
        """Tokens of a text that stands for itself."""
        return len(self._ids(self.plain(text)))

    # Planning, rendering and the gate each ask for the same few prompts, one dialogue at a time.

    @functools.cached_property
    def _prompt(self) -> Callable[[tuple[Turn, ...]], tuple[int, ...]]:
        return self._prompt_ids if asks_clock(self.tokenizer) else functools.lru_cache(_REMEMBERED)(self._prompt_ids)

    @functools.cached_property
    def _answer(self) -> Callable[[str], tuple[int, ...]]:
        return functools.lru_cache(_REMEMBERED)(self._answer_ids)

    def _prompt_ids(self, messages: tuple[Turn, ...]) -> tuple[int, ...]:
        fitted = self.fitted([Turn(turn.role, self.plain(turn.text)) for turn in messages])
        text = render_text(self.tokenizer, fitted, ask=True)
        head = self.traits.default_head
        if head and text.startswith(head) and not (messages and messages[0].role == "system"):
            text = self.traits.kept_head + text.removeprefix(head)
        return self._ids(text)

    def _answer_ids(self, text: str) -> tuple[int, ...]:
        return self._ids(self.plain(text) + self.traits.end_of_turn)

    def document_ids(self, text: str) -> list[int]:
        """Ids of raw text as bases are pretrained on it: the text, then the end token.

        The beginning token comes first where the tokenizer writes it by itself. Raises BaseModelError.
        """
        tokenizer = self.tokenizer
        if tokenizer.eos_token_id is None:
            raise BaseModelError(
                f"the tokenizer of '{tokenizer.name_or_path}' has no end token, so that documents would run into each "
                "other; use another base"
            )
        begins = tokenizer("a", verbose=False)["input_ids"][:1] == [tokenizer.bos_token_id]
        begin = [tokenizer.bos_token_id] if begins else []
        return [*begin, *self._ids(self.plain(text)), tokenizer.eos_token_id]

    def plain(self, text: str) -> str:
        """`text` with control tokens taken apart, so that nobody's words can end a turn or begin a system prompt."""
        for token in self._special:
            if token in text:
                text = text.replace(token, token[0] + _WORD_JOINER + token[1:])
        return text

    @functools.cached_property
    def _special(self) -> tuple[str, ...]:
        return tuple(token.content for token in special_tokens(self.tokenizer).values())

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def fitted(self, messages: list[Turn]) -> list[Turn]:
        """Fold what the template refuses into the first user turn, as its family expects."""
        folded: list[str] = []
        if messages and messages[0].role == "system" and not self.traits.takes_system:
            folded.append(messages.pop(0).text)
        first = 1 if messages and messages[0].role == "system" else 0
        has_user = any(turn.role == "user" for turn in messages)
        opens = len(messages) > first and messages[first].role == "assistant"
        if opens and has_user and not self.traits.takes_opening:
            folded.append(messages.pop(first).text)
        if folded:
            user = next((i for i, turn in enumerate(messages) if turn.role == "user"), None)
            if user is None:
                messages.insert(first, Turn("user", "\n\n".join(folded)))
            else:
                messages[user] = Turn("user", "\n\n".join([*folded, messages[user].text]))
        return messages

    def can_open(self, messages: Sequence[Turn]) -> bool:
        """Whether an opening by the character can be trained behind `messages`, which hold at most a system turn."""
        has_system = any(turn.role == "system" for turn in messages)
        return self.traits.takes_opening and (self.traits.takes_system if has_system else self.traits.takes_silence)


def make_renderer(tokenizer: PreTrainedTokenizerBase) -> Renderer:
    """Probe the tokenizer's template once. Raises TemplateError."""
    return Renderer(tokenizer, inspect_template(tokenizer))

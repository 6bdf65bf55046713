"""What a lane was sent, taken apart: how many tokens each prefix, the history and the template take."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from roleplay.chat.inspection import Sent, SentPart
from roleplay.chat.question import Ask, Asked
from roleplay.dataset.unit import Voice
from roleplay.text import clean

_BROKEN = "\ufffd"


def what_was_sent(voice: Voice, ask: Ask, asked: Asked, context: int) -> Sent:
    """The text and ids of a request, and what they are made of."""
    turns = ask.turns[asked.start :]
    parts = []
    for prefix in asked.prefixes:
        others = [other for other in asked.prefixes if other != prefix]
        without = len(voice.prompt_ids(turns, others))
        parts.append(SentPart(f"prefix {prefix}", max(len(asked.ids) - without, 0)))
    history = sum(len(voice.renderer.text_ids(turn.text)) for turn in voice.messages(turns, ()))
    parts.append(SentPart("history", history))
    parts.append(SentPart("template", len(asked.ids) - sum(part.tokens for part in parts)))
    tokenizer = voice.renderer.tokenizer
    text = clean(_decode(tokenizer, asked.ids))
    tokens = tuple(token_texts(tokenizer, asked.ids))
    return Sent(ask.lane, text, asked.ids, tokens, tuple(parts), asked.start, context - len(asked.ids))


def token_texts(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """Each id as text; a character that several tokens make up stands at the last of them."""
    texts, before, read = [], 0, 0
    for end in range(1, len(ids) + 1):
        # Decoded behind what came just before: some tokenizers drop the blank that a text begins with.
        head, text = (_decode(tokenizer, ids[before:to]) for to in (read, end))
        if text.endswith(_BROKEN) and end < len(ids):
            texts.append("")
            continue
        texts.append(clean(text[len(head) :]))
        before, read = read, end
    return texts


def _decode(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))

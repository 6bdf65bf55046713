"""Token ids to text while they arrive, never half a character."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from roleplay.text import clean

_BROKEN = "\ufffd"


class TextStream:
    """Decodes one reply piece by piece; control tokens and control characters are left out."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, said: Sequence[int] = ()) -> None:
        """`said` are ids of a reply that goes on: their text is told already, but for a character they end within."""
        self.tokenizer = tokenizer
        self.ids = list(said)
        self.told = self.decoded().rstrip(_BROKEN)

    def push(self, token: int) -> str:
        """The text that `token` completes; empty while it ends inside a character."""
        self.ids.append(token)
        text = self.decoded()
        return "" if text.endswith(_BROKEN) else self._tell(text)

    def close(self) -> str:
        """What is left when no token follows."""
        return self._tell(self.decoded())

    def decoded(self) -> str:
        """The whole reply so far, cleaned."""
        text = self.tokenizer.decode(self.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return clean(str(text))

    def _tell(self, text: str) -> str:
        # Some tokenizers take back a run of byte tokens when one breaks it: what was told stays, the rest goes on.
        piece = text[len(self.told) :]
        self.told += piece
        return piece

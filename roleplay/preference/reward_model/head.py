"""A base that ends in one number, how good a text is, where it had the next token."""

import copy
import math
from typing import Any

import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from roleplay.errors import BaseModelError
from roleplay.models.base import Base
from roleplay.text import one_line

HEAD = "score"
"""Name of the head inside the model: that of transformers' own classifiers, which peft knows to train and to save."""


class RewardHead(nn.Module):
    """Hidden states (B, H) to rewards (B, 1), in float32 whatever is computed around it: near rewards stay apart."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, width))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """`hidden` in any format."""
        with torch.autocast(hidden.device.type, enabled=False):
            return nn.functional.linear(hidden.float(), self.weight.float())

    def draw(self) -> None:
        """Random weights of standard deviation 1/sqrt(H + 1), as in Stiennon et al. 2020 (arXiv 2009.01325)."""
        nn.init.normal_(self.weight, std=1 / math.sqrt(self.weight.shape[1] + 1))


class RewardClassifier(nn.Module):
    """The base's own decoder, not a copy of it, with a head; in all else (kind of weights, attention) it is the base.

    transformers' classifiers are not used: they take the last token that is no padding by its id, thus pass over an end
    of turn that pads too, and a base has one only where its family does.
    """

    def __init__(self, base: Base) -> None:
        super().__init__()
        self.config = copy.deepcopy(base.model.config)
        self.config.num_labels = 1
        # Under the name it has in the base, so that its layers, and what is saved of an adapter, are called the same.
        self.add_module(base.model.base_model_prefix, decoder_of(base))
        self.score = RewardHead(width_of(base)).to(base.model.device)
        self.__dict__["_causal"] = base.model  # not a module of this one: it would be saved and moved with it

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "_causal" not in self.__dict__:
                raise
            return getattr(self.__dict__["_causal"], name)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Ids and mask (B, T), padded on the right; rewards as logits (B, 1)."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        decoder = getattr(self, self.__dict__["_causal"].base_model_prefix)
        return SequenceClassifierOutput(logits=self.score(endings(decoder, input_ids, mask)))


def reward_classifier(base: Base) -> RewardClassifier:
    """`base` with a head of zeros; it shares every weight. Raises BaseModelError where the decoder cannot be told."""
    return RewardClassifier(base)


def decoder_of(base: Base) -> nn.Module:
    """The part of a base that ends in hidden states. Raises BaseModelError where it cannot be told."""
    prefix = base.model.base_model_prefix
    decoder = getattr(base.model, prefix, None) if prefix else None
    if not isinstance(decoder, nn.Module):
        raise BaseModelError(
            f"the base '{one_line(base.identity.name, 120)}' ({type(base.model).__name__}) has no part called "
            f"'{one_line(prefix, 40)}' that ends in hidden states; choose a base that transformers knows"
        )
    return decoder


def width_of(base: Base) -> int:
    """Numbers in a hidden state at the end of the decoder."""
    config = base.model.config.get_text_config()
    return int(getattr(config, "word_embed_proj_dim", None) or config.hidden_size)  # OPT narrows what comes out


def endings(decoder: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The hidden state of the last token of each row that `mask` (B, T) counts: (B, H)."""
    hidden: torch.Tensor = decoder(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    if hidden.shape[:2] != ids.shape:
        raise BaseModelError(
            f"the base gives hidden states of shape {tuple(hidden.shape)} for {tuple(ids.shape)} tokens; "
            "choose a base that transformers knows"
        )
    last = (mask.long() * torch.arange(ids.shape[1], device=mask.device)).argmax(dim=1)
    return hidden[torch.arange(len(ids), device=hidden.device), last.to(hidden.device)]

"""A base that says one given text, whatever it is asked."""

from itertools import pairwise
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from tests.tiny import tiny_llama


def save_parrot(folder: Path, tokenizer: PreTrainedTokenizerBase, text: str) -> Path:
    """Save a llama whose greedy reply is `text`, then the end of turn. Returns the folder.

    Its layers add nothing, its embeddings are unit vectors, and its head sends the i-th of them to the i-th token.
    """
    ids = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    model = tiny_llama(tokenizer)
    if len(set(ids)) < len(ids) or len(ids) > model.config.hidden_size:
        raise ValueError("a parrot says few tokens, and each of them once")
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embeddings, head = model.model.embed_tokens.weight.zero_(), model.lm_head.weight.zero_()
        embeddings[:, 0] = 1
        head[ids[0], 0] = 50
        for i, (token, following) in enumerate(pairwise(ids), 1):
            embeddings[token] = torch.eye(model.config.hidden_size)[i]
            head[following, i] = 50
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

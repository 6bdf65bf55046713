"""One small tokenizer for each family of chat templates."""

from dataclasses import dataclass
from pathlib import Path

from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from roleplay.pocket.tokenizer import train_tokenizer

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Family:
    """What distinguishes a family's tokenizer."""

    template: str
    """File below `templates/`."""
    special: tuple[str, ...] = ()
    """Its control tokens."""
    eos: str = "<|im_end|>"
    """Its end token."""
    bos: str | None = None
    """Its beginning-of-text token."""
    adds_bos: bool = False
    """It puts that token before every text by itself, as those of Llama and Gemma do."""


FAMILIES = {
    "chatml": Family("chatml.jinja"),
    "default-system": Family("default-system.jinja"),
    "default-system-bos": Family("default-system.jinja", bos="<|im_start|>"),
    "thinking": Family("thinking.jinja"),
    "empty-thought": Family("empty-thought.jinja", bos="<|im_start|>"),
    "alternating": Family(
        "alternating.jinja", ("<bos>", "<start_of_turn>", "<end_of_turn>"), "<end_of_turn>", "<bos>", True
    ),
    "deaf": Family("deaf.jinja", ("<|user|>", "<|assistant|>", "<|end|>"), "<|end|>"),
    "open-ended": Family(
        "open-ended.jinja", ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"), "<|endoftext|>"
    ),
    "dated": Family("dated.jinja", ("<|begin|>", "<|start|>", "<|stop|>", "<|eot|>"), "<|eot|>", "<|begin|>", True),
    "unnamed": Family("unnamed.jinja", ("<bos>", "<|user|>", "<|assistant|>", "<eos>"), "<eos>", "<bos>"),
    "instruct": Family("instruct.jinja", ("<s>", "</s>"), "</s>", "<s>", True),
    "spoken": Family("spoken.jinja", ("</s>",), "</s>"),
}
REAL = ("minimind", "qwen2")
"""Families whose tokenizer is a third-party fixture."""


def make_tokenizer(family: Family) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with the family's tokens and template."""
    tokenizer = train_tokenizer(["a small character sits in the library 图书室"], vocab_size=300, context=1024)
    tokenizer.add_special_tokens(
        {"eos_token": family.eos, "additional_special_tokens": [*family.special]}
        | ({"bos_token": family.bos} if family.bos else {})
    )
    if family.adds_bos:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{family.bos} $A", special_tokens=[(family.bos, tokenizer.bos_token_id)]
        )
    tokenizer.chat_template = (TEMPLATES / family.template).read_text(encoding="utf-8")
    return tokenizer

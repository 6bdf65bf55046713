"""Known chat templates: what is written for other programs renders what chat sends."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.dataset.render import Renderer, make_renderer
from roleplay.dialogue import Turn
from roleplay.export.families import FAMILIES, PROBES, family_of
from roleplay.models.base import load_tokenizer
from roleplay.models.spec import parse_spec
from tests.dataset.families import FAMILIES as TOKENIZERS
from tests.dataset.families import Family as Tokenizer
from tests.dataset.families import make_tokenizer
from tests.export.go_template import go_rendered

LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
TALK = (
    Turn("system", "Be {{ .Content }} brief."),
    Turn("assistant", "Hello, 学长。"),
    Turn("user", "Two\nlines?"),
    Turn("assistant", "Yes."),
    Turn("user", "And?"),
)


def renderer_of(name: str) -> Renderer:
    if name == "pocket":
        return make_renderer(load_tokenizer(parse_spec("pocket")))
    if name == "llama3":
        words = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
        tokenizer = make_tokenizer(Tokenizer("chatml.jinja", words, "<|eot_id|>", "<|begin_of_text|>", True))
        tokenizer.chat_template = LLAMA3
        return make_renderer(tokenizer)
    return make_renderer(make_tokenizer(TOKENIZERS[name]))


KNOWN = {
    "pocket": "chatml",
    "chatml": "chatml",
    "default-system": "chatml",
    "thinking": "chatml with thinking switched off",
    "llama3": "llama3",
    "alternating": "gemma",
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_written_for_ollama_renders_what_chat_sends(name: str) -> None:
    renderer = renderer_of(name)
    family = family_of(renderer)
    assert family is not None
    assert family.name == KNOWN[name]
    talks: list[Sequence[Turn]] = [*PROBES, TALK] if renderer.traits.takes_opening else [*PROBES]
    for talk in talks:
        written = family.head + go_rendered(family.go(), talk)
        ids = renderer.tokenizer(written, add_special_tokens=False, verbose=False)["input_ids"]
        assert ids == renderer.prompt_ids(talk)


@pytest.mark.parametrize("name", ["empty-thought", "deaf", "open-ended", "dated", "unnamed", "instruct", "spoken"])
def test_a_template_that_renders_otherwise_is_of_no_family(name: str) -> None:
    assert family_of(renderer_of(name)) is None


def test_a_small_difference_is_seen() -> None:
    tokenizer = make_tokenizer(TOKENIZERS["chatml"])
    template = str(tokenizer.chat_template)
    assert family_of(make_renderer(tokenizer)) is FAMILIES[0]
    tokenizer.chat_template = template.replace(r"<|im_end|>\n", "<|im_end|>", 1)
    assert tokenizer.chat_template != template
    assert family_of(make_renderer(tokenizer)) is None


@pytest.mark.parametrize(("name", "family"), [("qwen2", FAMILIES[0]), ("minimind", None)])
def test_tokenizers_of_others(shared: Path, name: str, family: object) -> None:
    folder = shared / "fixtures" / "tokenizers" / name
    if name == "minimind":  # it puts an empty thought before every answer, which none of them does
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    else:
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), eos_token="<|im_end|>")
        tokenizer.chat_template = make_tokenizer(TOKENIZERS["default-system"]).chat_template
    assert family_of(make_renderer(tokenizer)) is family


@pytest.mark.parametrize(
    "template",
    [
        # no system turns
        "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        "{% endif %}{% endfor %}",
        # another answer where the character opens
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>"
        "{% if m.role != 'assistant' or loop.index0 != 1 or messages[0].role == 'user' %}{{ '\\n' }}{% endif %}"
        "{% endfor %}",
    ],
)
def test_turns_that_are_rendered_otherwise_in_one_place_are_seen(template: str) -> None:
    tokenizer = make_tokenizer(TOKENIZERS["chatml"])
    tokenizer.chat_template = template + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    assert family_of(make_renderer(tokenizer)) is None

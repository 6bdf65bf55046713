from collections.abc import Callable
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.dataset.render import Renderer, make_renderer
from roleplay.dataset.template import inspect_template, special_tokens
from roleplay.dialogue import Turn
from roleplay.errors import TemplateError

RendererOf = Callable[[str], Renderer]
DEFAULT = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."


@pytest.mark.parametrize(
    ("name", "system", "opening", "silence", "end", "default"),
    [
        ("chatml", True, True, True, "<|im_end|>", ""),
        ("default-system", True, True, False, "<|im_end|>", DEFAULT),
        ("default-system-bos", True, True, False, "<|im_end|>", DEFAULT),
        ("thinking", True, True, False, "<|im_end|>", ""),
        ("empty-thought", True, True, False, "<|im_end|>", ""),
        ("alternating", False, False, False, "<end_of_turn>", ""),
        ("deaf", False, True, True, "<|end|>", ""),
        ("open-ended", True, True, True, "<|user|>", ""),
        ("dated", True, True, True, "<|eot|>", ""),
        ("unnamed", True, True, True, "<eos>", "Be helpful."),
        ("instruct", True, False, False, " </s>", ""),
        ("spoken", True, True, True, "</s>", ""),
        ("minimind", True, True, False, "<|im_end|>", ""),
        ("qwen2", True, True, True, "<|im_end|>", ""),
    ],
)
def test_what_a_template_can_do_is_found_by_probing(
    renderer_of: RendererOf, name: str, system: bool, opening: bool, silence: bool, end: str, default: str
) -> None:
    traits = renderer_of(name).traits

    assert (traits.takes_system, traits.takes_opening, traits.takes_silence) == (system, opening, silence)
    assert (traits.end_of_turn, traits.default_system) == (end, default)


def test_the_end_of_turn_is_a_control_token_and_ends_the_trained_text(renderer: Renderer) -> None:
    ids = renderer.answer_ids("Hello.")

    assert ids[-1] == renderer.traits.end_of_turn_id
    assert ids[-1] in special_tokens(renderer.tokenizer)
    assert renderer.tokenizer.decode(ids) == "Hello." + renderer.traits.end_of_turn


@pytest.mark.parametrize(
    ("name", "head", "kept"),
    [
        ("default-system", f"<|im_start|>system\n{DEFAULT}<|im_end|>\n", ""),
        ("default-system-bos", f"<|im_start|>system\n{DEFAULT}<|im_end|>\n", ""),
        ("unnamed", "<bos>Be helpful.", "<bos>"),
        ("dated", "<|begin|><|start|>system<|stop|>\n\nToday is the 26th of July.\n\n<|eot|>", "<|begin|>"),
        ("chatml", "", ""),
        ("instruct", "", ""),
        ("alternating", "", ""),
    ],
)
def test_the_system_turn_that_a_template_sends_unasked_is_known(
    renderer_of: RendererOf, name: str, head: str, kept: str
) -> None:
    traits = renderer_of(name).traits

    assert (traits.default_head, traits.kept_head) == (head, kept)


@pytest.fixture
def with_template(chatml_tokenizer: PreTrainedTokenizerFast) -> Callable[..., PreTrainedTokenizerFast]:
    """A copy of the ChatML tokenizer with another template."""

    def make(template: str | None, **tokens: Any) -> PreTrainedTokenizerFast:
        settings = {"eos_token": "<|im_end|>", "name_or_path": "some/base"} | tokens
        return PreTrainedTokenizerFast(
            tokenizer_object=chatml_tokenizer.backend_tokenizer, chat_template=template, **settings
        )

    return make


EACH = "{%- for m in messages -%}"
CHATML = "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "the base 'some/base' has no chat template; use its chat or instruct version"),
        ("", "the base 'some/base' has no chat template"),
        ("{{ raise_exception('one turn only') }}", "fails on user, assistant, user: one turn only; use a base"),
        ("{{ nothing.at.all }}", "fails on user, assistant, user: 'nothing' is undefined"),
        ("{% for %}", "fails on user, assistant, user: "),
        ("always the same", "leaves turns out of a conversation; use a base whose template renders every turn"),
        (EACH + "{%- if m.role == 'user' -%}" + CHATML + "{%- endif -%}{%- endfor -%}", "leaves turns out"),
        (EACH + "{%- if m.role != 'user' -%}" + CHATML + "{%- endif -%}{%- endfor -%}", "leaves turns out"),
        ("{%- for m in messages[1:] -%}" + CHATML + "{%- endfor -%}", "leaves turns out"),
        ("{%- for m in messages[-1:] -%}" + CHATML + "{%- endfor -%}", "leaves turns out"),
        ("{%- for m in messages | reverse -%}" + CHATML + "{%- endfor -%}", "leaves turns out"),
    ],
)
def test_a_template_that_holds_no_conversation_is_refused_with_a_remedy(
    with_template: Callable[..., PreTrainedTokenizerFast], template: str | None, message: str
) -> None:
    with pytest.raises(TemplateError) as caught:
        make_renderer(with_template(template))

    assert "some/base" in str(caught.value)
    assert message in str(caught.value)


def test_replies_that_would_never_stop_are_refused(
    with_template: Callable[..., PreTrainedTokenizerFast],
) -> None:
    endless = EACH + "{{ m.role + ': ' + m.content + '\n' }}{%- endfor -%}"

    with pytest.raises(TemplateError, match="replies would never stop; use another base"):
        inspect_template(with_template(endless, eos_token=None))
    assert inspect_template(with_template(endless)).end_of_turn == "<|im_end|>"


def test_what_a_template_raises_is_shown_without_control_characters(
    with_template: Callable[..., PreTrainedTokenizerFast],
) -> None:
    with pytest.raises(TemplateError) as caught:
        inspect_template(with_template("{{ raise_exception('\x1b]0;owned\x07no') }}"))

    assert "]0;ownedno" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_default_prompt_that_comes_only_before_users_is_cut_off_only_there(
    with_template: Callable[..., PreTrainedTokenizerFast],
) -> None:
    template = (
        "{{ bos_token }}{%- if messages[0].role == 'user' -%}{{ '<|im_start|>system\nBe nice.<|im_end|>\n' }}"
        "{%- endif -%}" + EACH + CHATML + "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
    )
    renderer = make_renderer(with_template(template, bos_token="<|endoftext|>"))

    def text(*turns: Turn) -> str:
        return renderer.tokenizer.decode(renderer.prompt_ids(turns))

    assert renderer.traits.default_system == "Be nice."
    assert text(Turn("user", "a")) == "<|endoftext|><|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    assert text(Turn("assistant", "g"), Turn("user", "a")) == (
        "<|endoftext|><|im_start|>assistant\ng<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    )

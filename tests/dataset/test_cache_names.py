import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from families import FAMILIES, make_tokenizer
from mimi import CARD, DESC
from transformers import PreTrainedTokenizerFast

import roleplay
from roleplay.cards import prompt
from roleplay.cards.load import CardFile
from roleplay.dataset import cache
from roleplay.dataset.build import build_corpus
from roleplay.dataset.cache import cache_name, can_cache
from roleplay.dataset.render import Renderer, make_renderer
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Dialogue, Turn

Characters = Callable[..., CardFile]


@pytest.fixture
def name_of(character: Characters, chatml: Renderer) -> Callable[..., str]:
    def name(
        *, card: str = CARD, desc: str = DESC, kind: str = "desc", limit: int = 400, renderer: Renderer = chatml
    ) -> str:
        voice = Voice(character(card).card, tuple(character(card).card.prefixes), renderer)
        turns = [Dialogue((Turn("user", line), Turn("assistant", "Yes.")), line) for line in desc.splitlines()]
        return cache_name(voice, [(kind, turns)], limit)

    return name


def test_the_same_input_has_the_same_name_and_comments_are_no_input(name_of: Callable[..., str]) -> None:
    assert name_of() == name_of() == name_of(card="# hers\n" + CARD)


@pytest.mark.parametrize(
    "change",
    [
        {"card": CARD.replace("You are", "You were")},
        {"card": CARD.replace("Tom", "Tim")},
        {"card": CARD.replace("train: 0.5", "train: 0.6")},
        {"desc": DESC.replace("Six", "Ten")},
        {"desc": "\n".join(reversed(DESC.splitlines()))},
        {"kind": "general"},
        {"limit": 401},
    ],
)
def test_a_changed_card_corpus_or_limit_has_another_name(
    name_of: Callable[..., str], change: dict[str, object]
) -> None:
    assert name_of(**change) != name_of()


def with_template(tokenizer: PreTrainedTokenizerFast, old: str, new: str) -> Renderer:
    assert old in tokenizer.chat_template
    tokenizer.chat_template = tokenizer.chat_template.replace(old, new)
    return make_renderer(tokenizer)


def test_a_changed_tokenizer_or_template_has_another_name(name_of: Callable[..., str]) -> None:
    def tokenizer() -> PreTrainedTokenizerFast:
        return make_tokenizer(FAMILIES["chatml"])

    longer, ending, splitting = tokenizer(), tokenizer(), tokenizer()
    longer.add_tokens(["library"])
    ending.eos_token = "<|im_start|>"
    splitting.split_special_tokens = True
    renderers = [make_renderer(t) for t in (tokenizer(), longer, ending, splitting)]
    renderers.append(with_template(tokenizer(), "<|im_end|>", "<|im_end|> "))
    renderers.append(replace(renderers[0], traits=replace(renderers[0].traits, takes_opening=False)))
    names = [name_of(renderer=renderer) for renderer in renderers]

    assert names[0] == name_of(renderer=make_renderer(tokenizer()))
    assert len(set(names)) == len(names)


def test_changed_code_or_libraries_have_another_name(
    name_of: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [name_of()]
    with monkeypatch.context() as patch:
        patch.setattr(roleplay, "__version__", "99")
        names.append(name_of())
    for library in ("transformers", "tokenizers", "jinja2"):
        with monkeypatch.context() as patch:
            true = cache.version
            patch.setattr(
                cache, "version", lambda name, library=library, true=true: true(name) + "!" * (name == library)
            )
            names.append(name_of())
    for module, changed in ((cache, "unit.py"), (prompt, "prompt.py")):
        copied = tmp_path / module.__name__
        shutil.copytree(Path(module.__file__).parent, copied)
        with monkeypatch.context() as patch:
            patch.setattr(module, "__file__", str(copied / Path(module.__file__).name))
            assert name_of() == names[0]
            with (copied / changed).open("a") as file:
                file.write("# changed\n")
            names.append(name_of())

    assert len(set(names)) == len(names) == 7


def test_a_template_with_the_date_is_rendered_anew_each_time(
    character: Characters, chatml: Renderer, folder: Path, calls: list[str]
) -> None:
    tokenizer = make_tokenizer(FAMILIES["dated"])
    dated = with_template(tokenizer, "the 26th of July.", "' + strftime_now('%d %B %Y') + '.")
    card_file = character()
    build_corpus(card_file, dated, limit=400, seed=1, cache=folder).check(1)

    assert not folder.exists()
    messages = [Turn("user", "Hi.")]
    for renderer, expected in ((dated, 3), (make_renderer(chatml.tokenizer), 1)):
        calls.clear()
        assert renderer.prompt_ids(messages) == renderer.prompt_ids(messages) == renderer.prompt_ids(messages)
        assert calls.count("__call__") == calls.count("apply_chat_template") == expected


def test_a_tokenizer_with_code_of_its_own_is_not_trusted_to_stay_the_same(
    chatml: Renderer, character: Characters
) -> None:
    class Own(PreTrainedTokenizerFast):
        pass

    tokenizer = Own(tokenizer_object=chatml.tokenizer.backend_tokenizer, eos_token="<|im_end|>")
    card = character().card

    assert can_cache(Voice(card, (), chatml))
    assert not can_cache(Voice(card, (), replace(chatml, tokenizer=tokenizer)))

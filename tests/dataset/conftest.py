"""Tokenizers of every family of chat templates, and a small character to render with them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.dataset.build import Corpus, build_corpus
from roleplay.dataset.render import Renderer, make_renderer
from roleplay.dataset.sample import Sample
from roleplay.pocket.tokenizer import train_tokenizer


@dataclass(frozen=True)
class Family:
    """What distinguishes a family's tokenizer."""

    template: str
    """File below `templates/`, or the template itself."""
    special: tuple[str, ...] = ()
    """Its control tokens."""
    eos: str = "<|im_end|>"
    """Its end token."""
    bos: str | None = None
    """Its beginning-of-text token."""


FAMILIES = {
    "chatml": Family("chatml.jinja"),
    "default-system": Family("default-system.jinja"),
    "default-system-bos": Family("default-system.jinja", bos="<|im_start|>"),
    "thinking": Family("thinking.jinja"),
    "empty-thought": Family("empty-thought.jinja", bos="<|im_start|>"),
    "alternating": Family("alternating.jinja", ("<bos>", "<start_of_turn>", "<end_of_turn>"), "<end_of_turn>", "<bos>"),
    "deaf": Family("deaf.jinja", ("<|user|>", "<|assistant|>", "<|end|>"), "<|end|>"),
    "open-ended": Family(
        "open-ended.jinja", ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"), "<|endoftext|>"
    ),
    "dated": Family("dated.jinja", ("<|begin|>", "<|start|>", "<|stop|>", "<|eot|>"), "<|eot|>", "<|begin|>"),
    "unnamed": Family("unnamed.jinja", ("<bos>", "<|user|>", "<|assistant|>", "<eos>"), "<eos>", "<bos>"),
    "instruct": Family("instruct.jinja", ("<s>", "</s>"), "</s>", "<s>"),
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
    file = Path(__file__).parent / "templates" / family.template
    tokenizer.chat_template = file.read_text(encoding="utf-8") if family.template.endswith(".jinja") else family.template
    return tokenizer


@pytest.fixture(scope="session")
def renderer_of(request: pytest.FixtureRequest) -> Callable[[str], Renderer]:
    """Name of a family -> its renderer; those of third-party tokenizers skip where the fixtures are absent."""
    made: dict[str, Renderer] = {}

    def renderer(name: str) -> Renderer:
        if name not in made:
            made[name] = make_renderer(_real(name, request) if name in REAL else make_tokenizer(FAMILIES[name]))
        return made[name]

    return renderer


def _real(name: str, request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    folder = request.getfixturevalue("shared") / "fixtures" / "tokenizers" / name
    if name == "minimind":
        return PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), eos_token="<|im_end|>")
    tokenizer.chat_template = (Path(__file__).parent / "templates" / "chatml.jinja").read_text(encoding="utf-8")
    return tokenizer


@pytest.fixture(params=[*FAMILIES, *REAL])
def renderer(request: pytest.FixtureRequest, renderer_of: Callable[[str], Renderer]) -> Renderer:
    """The renderer of every family in turn."""
    return renderer_of(request.param)


@pytest.fixture(scope="session")
def chatml(renderer_of: Callable[[str], Renderer]) -> Renderer:
    """The renderer of the family that `pocket` belongs to."""
    return renderer_of("chatml")


CARD = """\
schema: 1
name: mimi
display_name: Mimi
user_name: Tom
language: en
greeting: Hush, {{user}}.
prefixes:
  - {id: who, text: "You are {{char}}."}
  - {id: manner, text: "{{char}} speaks softly.", train: 0.5}
  - {id: scene, text: "(Evening.)", place: last_user, default: off, train: never}
corpora:
  - {path: desc.yaml, kind: desc}
  - {path: talk.yaml, kind: dialogue}
"""
DESC = """\
- - user: Who are you?
  - char: "{{char}}."
- - user: How old?
  - char: Six.
- - user: Where?
  - char: 图书室……第三扇窗。
"""
TALK = """\
- - user: Hi.
  - char: Hello.
  - user: And?
  - char: Nothing.
- - char: Wait, {{user}}.
  - user: What?
  - char: A button.
- - user: Bye.
  - char: Goodbye.
- - user: Rain?
  - char: Yes.
"""


@pytest.fixture
def character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CardFile]:
    """Write a card with its corpora and load it; a corpus given as a list is JSON Lines."""
    monkeypatch.chdir(tmp_path)

    def make(card: str = CARD, **corpora: str) -> CardFile:
        for name, text in ({"desc": DESC, "talk": TALK} | corpora).items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        path = Path("mimi.yaml")
        path.write_text(card, encoding="utf-8")
        return load_card(path)

    return make


@pytest.fixture
def corpus(character: Callable[..., CardFile], chatml: Renderer) -> Callable[..., Corpus]:
    """Build the corpus of a card for ChatML."""

    def build(card: str = CARD, limit: int = 400, seed: int = 1, **corpora: str) -> Corpus:
        return build_corpus(character(card, **corpora), chatml, limit=limit, seed=seed)

    return build


@pytest.fixture(scope="session")
def painted() -> Callable[[Renderer, Sample], str]:
    """A sample as text, what is trained in «»."""

    def paint(renderer: Renderer, sample: Sample) -> str:
        text, run, inside = "", [], False
        for token, trained in [*zip(sample.ids, sample.trained, strict=True), (None, False)]:
            if run and (trained != inside or token is None):
                decoded = renderer.tokenizer.decode(run)
                text += f"«{decoded}»" if inside else decoded
                run = []
            inside = trained
            run.append(token)
        return text

    return paint

"""Renderers of every family of chat templates, and a small character to render with them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from families import FAMILIES, REAL, TEMPLATES, make_tokenizer
from mimi import CARD, DESC, TALK
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.render import Renderer, make_renderer
from roleplay.dataset.sample import Sample


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
    tokenizer.chat_template = (TEMPLATES / "chatml.jinja").read_text(encoding="utf-8")
    return tokenizer


@pytest.fixture(params=[*FAMILIES, *REAL])
def renderer(request: pytest.FixtureRequest, renderer_of: Callable[[str], Renderer]) -> Renderer:
    """The renderer of every family in turn."""
    return renderer_of(request.param)


@pytest.fixture(scope="session")
def chatml(renderer_of: Callable[[str], Renderer]) -> Renderer:
    """The renderer of the family that `pocket` belongs to."""
    return renderer_of("chatml")


@pytest.fixture
def character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CardFile]:
    """Write a card with its corpora and load it; corpora are given as name=text."""
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where rendered rows are kept; it does not exist yet."""
    return tmp_path / "home" / "cache" / "tokens"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with every rendering and every tokenisation of any tokenizer."""
    made: list[str] = []

    def counting(name: str) -> Callable[..., object]:
        true = getattr(PreTrainedTokenizerBase, name)

        def counted(*args: object, **options: object) -> object:
            made.append(name)
            return true(*args, **options)

        return counted

    for name in ("__call__", "apply_chat_template"):
        monkeypatch.setattr(PreTrainedTokenizerBase, name, counting(name))
    return made

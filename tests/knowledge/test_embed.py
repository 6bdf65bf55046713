import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from roleplay.errors import BaseModelError, UsageError
from roleplay.knowledge.embed import SentenceEmbedder, open_embedder
from roleplay.knowledge.search import Index
from roleplay.models.base import quieten
from tests.knowledge.conftest import World


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A sentence-transformers model of random weights, with prompts, saved as a real one is."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    quieten()
    folder = tmp_path_factory.mktemp("embedder")
    config = BertConfig(
        vocab_size=len(chatml_tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.5,
        pad_token_id=chatml_tokenizer.pad_token_id,
    )
    BertModel(config).save_pretrained(folder / "raw")
    chatml_tokenizer.save_pretrained(folder / "raw")
    modules = [Transformer(str(folder / "raw")), Pooling(32)]
    modules[0].tokenizer.padding_side = "right"  # a BERT counts positions from the first token, blank or not
    prompts = {"query": "find: ", "document": "text: "}
    SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save(str(folder / "tiny"))
    return folder / "tiny"


def opened(name: str) -> SentenceEmbedder:
    embedder = open_embedder(name, "cpu")
    assert embedder is not None
    return embedder


def test_no_name_is_no_embedder() -> None:
    assert open_embedder(None) is None


def test_vectors_have_length_one_and_prompts_tell_questions_from_passages(saved: Path) -> None:
    embedder = opened(str(saved))
    texts = ["A bell rings.", "图书馆的猫", "long " * 500]
    passages, questions = embedder.passages(texts), embedder.questions(texts)
    assert (passages.shape, passages.dtype, embedder.dimension) == ((3, 32), np.float32, 32)
    assert np.linalg.norm(passages, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.abs(passages - questions).max() > 1e-3
    assert np.allclose(passages[1], embedder.passages(texts[1:2])[0], atol=1e-5)
    assert embedder.passages([]).shape == (0, 32)


def test_other_weights_and_other_prompts_are_another_embedder(saved: Path, tmp_path: Path) -> None:
    first = opened(str(saved)).name
    copy = shutil.copytree(saved, tmp_path / saved.name)
    assert opened(str(copy)).name == first
    settings = json.loads((copy / "config_sentence_transformers.json").read_text())
    settings["prompts"]["query"] = "other: "
    (copy / "config_sentence_transformers.json").write_text(json.dumps(settings))
    second = opened(str(copy)).name
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert len({first, second, opened(str(copy)).name}) == 3


def test_an_index_is_searched_with_it(saved: Path, world: World) -> None:
    embedder = opened(str(saved))
    world.write(a="A bell rings.", b="图书馆的猫叫逗号。")
    assert world.build(embedder).embedded == 2
    with Index(world.index) as index:
        assert {one.vector_rank for one in index.search("bell", embedder=embedder)} == {1, 2}
        assert index.stats().embedder == embedder.name
        assert index.reference is not None
        assert opened(index.reference).name == embedder.name


def test_a_cached_model_of_the_hub_is_named_by_its_commit(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, cache = "0123456789" * 4, tmp_path / "models--some--tiny"
    shutil.copytree(saved, cache / "snapshots" / commit)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(commit)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    assert opened("some/tiny").name == opened(f"some/tiny@{commit}").name == f"some/tiny@{commit}"


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing", "nobody/nothing@v2", "/no/such/folder", "a/b/c", "/"])
def test_a_model_that_is_not_there_is_one_error(name: str) -> None:
    with pytest.raises(BaseModelError):
        open_embedder(name, "cpu")


def test_a_folder_that_is_no_model_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="that sentence-transformers saved"):
        open_embedder(str(tmp_path), "cpu")


def test_weights_that_are_pickled_are_not_read(saved: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(saved, tmp_path / "pickled")
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(BaseModelError, match="safetensors"):
        open_embedder(str(copy), "cpu")


def test_code_of_a_model_is_not_run(saved: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(saved, tmp_path / "code")
    modules = json.loads((copy / "modules.json").read_text())
    modules[1]["type"] = "evil.Pooling"
    (copy / "modules.json").write_text(json.dumps(modules))
    (copy / "evil.py").write_text("raise SystemExit('code ran')")
    with pytest.raises(BaseModelError, match="code of its own"):
        open_embedder(str(copy), "cpu")


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UsageError, match=r"pip install 'roleplay\[embeddings\]'"):
        open_embedder("any/model")

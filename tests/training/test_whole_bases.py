"""Training weights of the base itself leaves a new base, not an adapter."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.dataset.build import build_corpus
from roleplay.dataset.render import make_renderer
from roleplay.errors import BaseModelError, RunError
from roleplay.generation.lanes import LANES
from roleplay.measures.likelihood import likelihoods, mean_loss
from roleplay.models.base import load_base
from roleplay.models.find import adapter_folders
from roleplay.models.spec import parse_spec
from roleplay.models.whole import save_base, unfreeze
from roleplay.paths import Home
from roleplay.training.run import Run
from roleplay.training.start import Start, load, plan_new
from tests.tiny import load_tiny_base, tiny_llama
from tests.training.pell import Crash, crash_at, interrupt_at, metrics, resume_pell, run_pell, write_pell

BASE_FILES = {"README.md", "config.json", "generation_config.json", "model.safetensors"}
TOKENIZER_FILES = {"chat_template.jinja", "tokenizer.json", "tokenizer_config.json"}


def changes(tuning: str, dtype: str = "float32") -> dict[str, Any]:
    """Settings of a short run."""
    return {
        "tuning": tuning,
        "freeze_layers": 1,
        "dtype": dtype,
        "learning_rate": 2e-3,
        "dropout": 0.0,
        "max_steps": 6,
        "logging_steps": 1,
        "eval_steps": 2,
        "save_steps": 2,
    }


@pytest.fixture(scope="module", params=["full", "freeze"])
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, one_thread: None
) -> Run:
    """The run in float32 that nobody interrupts."""
    folder = tmp_path_factory.mktemp(request.param)
    card = write_pell(folder / "characters", tiny_base)
    return run_pell(Home(folder / "home"), card, "whole", **changes(request.param))


def tuning_of(run: Run) -> str:
    return run.read_config().settings.tuning


def heldout_loss(run: Run, base: Path, which: str, dtype: torch.dtype = torch.float32) -> float:
    """Held-out loss of a base that the run left, in nats per trained token."""
    loaded = load_base(parse_spec(str(run.folder / "base" / which)), dtype=dtype, device="cpu")
    tokenizer = load_tiny_base(base).tokenizer
    card = load_card(run.folder.parents[3] / "characters" / "pell.yaml")
    corpus = build_corpus(card, make_renderer(tokenizer), limit=512, seed=0)
    samples = [corpus.sample(row) for row in corpus.heldout()]
    assert loaded.tokenizer.get_vocab() == tokenizer.get_vocab()
    return mean_loss(likelihoods(loaded.model, samples, int(tokenizer.pad_token_id)))


def test_it_leaves_two_bases_and_no_adapter(whole: Run) -> None:
    summary = whole.read_summary()
    assert {path.name for path in (whole.folder / "base").iterdir()} == {"best", "last"}
    for which in ("best", "last"):
        found = {path.name for path in (whole.folder / "base" / which).iterdir()}
        assert found >= BASE_FILES | TOKENIZER_FILES
        assert all(not name.startswith("adapter") for name in found)
    assert not (whole.folder / "adapter").exists()
    assert "adapter" not in summary
    assert summary["base"] == str(whole.folder / "base" / "best")
    assert summary["finished"]


def test_the_loss_falls(whole: Run) -> None:
    losses = [entry["loss"] for entry in metrics(whole) if "loss" in entry]
    assert losses[-1] < losses[0] - 0.3


def test_both_bases_have_the_heldout_losses_that_were_measured(whole: Run, tiny_base: Path) -> None:
    losses = {entry["step"]: entry["eval_loss"] for entry in metrics(whole) if "eval_loss" in entry}
    summary = whole.read_summary()
    assert summary["best_heldout_loss"] == min(loss for step, loss in losses.items() if step)
    assert heldout_loss(whole, tiny_base, "best") == pytest.approx(summary["best_heldout_loss"], rel=1e-4)
    assert heldout_loss(whole, tiny_base, "last") == pytest.approx(losses[6], rel=1e-4)


def test_exactly_the_chosen_weights_learn(whole: Run, tiny_base: Path) -> None:
    before = load_file(tiny_base / "model.safetensors")
    after = load_file(whole.folder / "base" / "last" / "model.safetensors")
    moved = {name for name in before if not before[name].equal(after[name])}
    last_layer = {name for name in before if name.startswith("model.layers.1.")}
    assert before.keys() == after.keys()
    assert len(last_layer) == 9
    assert moved == (last_layer if tuning_of(whole) == "freeze" else set(before))
    learns = before if tuning_of(whole) == "full" else last_layer
    assert whole.read_summary()["parameters"] == sum(before[name].numel() for name in learns)


def test_what_learns_is_told(whole: Run) -> None:
    told = {"full": "every weight", "freeze": "the last 1 of 2 layers"}[tuning_of(whole)]
    readme = (whole.folder / "base" / "best" / "README.md").read_text(encoding="utf-8")
    assert whole.read_summary()["targets"] == told
    assert f"tiny with {told} tuned, made by roleplay (run `whole`" in readme
    assert "library_name: transformers" in readme
    assert "rank" not in readme


def test_no_base_names_a_place_on_this_machine(whole: Run, tiny_base: Path) -> None:
    for path in (whole.folder / "base").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert str(tiny_base.parent).encode() not in data
            assert str(whole.folder.parent).encode() not in data


def test_the_summary_has_bits_in_every_lane(whole: Run, tiny_base: Path) -> None:
    bits = {lane: value["value"] for lane, value in whole.read_summary()["heldout_bits_per_character"].items()}
    assert set(bits) == set(LANES)
    assert list(bits) == list(LANES), "lanes are shown in one order"
    assert len(set(bits.values())) == 4


def test_the_untouched_lanes_are_those_of_the_base(whole: Run, tmp_path: Path, card: Path) -> None:
    """The same two numbers as a run that makes an adapter."""
    bits = whole.read_summary()["heldout_bits_per_character"]
    lora = run_pell(Home(tmp_path / "home"), card, "lora", max_steps=1).read_summary()["heldout_bits_per_character"]
    for lane in ("base", "base+prefix"):
        assert bits[lane]["value"] == pytest.approx(lora[lane]["value"], rel=1e-5)


def test_chat_finds_no_adapter_in_it(whole: Run) -> None:
    assert adapter_folders(Home(whole.folder.parents[2]), "pell") == []


def test_an_adapter_is_not_gone_on_with_from_it(whole: Run) -> None:
    home = Home(whole.folder.parents[2])
    card = load_card(whole.folder.parents[3] / "characters" / "pell.yaml")
    with pytest.raises(RunError, match="the run whole has made no adapter"):
        plan_new(home, Start(card, None, None, {"from_adapter": "whole"}, None))


def everything(run: Run) -> dict[str, Any]:
    """All that must be the same where two runs are."""
    files = {str(path.relative_to(run.folder)): path.read_bytes() for path in (run.folder / "base").rglob("*.*")}
    summary = {key: run.read_summary()[key] for key in ("steps", "best_heldout_loss", "heldout_bits_per_character")}
    return {"files": files, "metrics": metrics(run), "summary": summary}


def test_after_ctrl_c_and_resume_every_byte_is_the_same(tmp_path: Path, card: Path, whole: Run) -> None:
    home = Home(tmp_path / "home")
    run = run_pell(home, card, "whole", interrupt_at(3), **changes(tuning_of(whole)))
    assert not run.finished
    assert (run.folder / "base" / "last" / "model.safetensors").is_file()
    resume_pell(home, card)
    assert everything(run) == everything(whole)


def test_after_a_crash_and_resume_every_byte_is_the_same(tmp_path: Path, card: Path, whole: Run) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(Crash):
        run_pell(home, card, "whole", crash_at(4), **changes(tuning_of(whole)))
    assert everything(resume_pell(home, card)) == everything(whole)


@pytest.mark.parametrize("tuning", ["full", "freeze"])
def test_in_bfloat16_weights_learn_in_float32_and_are_kept_in_half_of_it(
    tmp_path: Path, card: Path, tiny_base: Path, tuning: str
) -> None:
    """At a rate whose steps bfloat16 would round away."""
    run = run_pell(Home(tmp_path / "home"), card, "half", **changes(tuning, "bfloat16") | {"learning_rate": 1e-6})
    before = load_file(tiny_base / "model.safetensors")
    learned = load_file(run.checkpoints / "checkpoint-6" / "model.safetensors")
    kept = load_file(run.folder / "base" / "last" / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    assert {weight.dtype for weight in learned.values()} == {torch.float32}
    assert {weight.dtype for weight in kept.values()} == {torch.bfloat16}
    assert 0 < float((learned[name] - before[name]).abs().max()) < 1e-5
    assert all(kept[key].equal(learned[key].bfloat16()) for key in kept)
    assert json.loads((run.folder / "base" / "last" / "config.json").read_text())["dtype"] == "bfloat16"
    summary = run.read_summary()
    assert heldout_loss(run, tiny_base, "best", torch.bfloat16) == pytest.approx(summary["best_heldout_loss"], rel=2e-2)
    assert set(summary["heldout_bits_per_character"]) == set(LANES)


def test_a_base_in_bfloat16_computes_its_steps_as_trees_too(tmp_path: Path, card: Path) -> None:
    run = run_pell(Home(tmp_path / "home"), card, "half", **changes("full", "bfloat16") | {"max_steps": 1})
    decisions = run.read_config().decisions
    assert (decisions.dtype, decisions.batching, decisions.batching_because) == ("bfloat16", "tree", "")


@pytest.mark.parametrize("layers", [3, 100])
def test_more_layers_than_there_are_is_an_error(tmp_path: Path, card: Path, layers: int) -> None:
    start = Start(load_card(card), None, None, {"tuning": "freeze", "freeze_layers": layers}, None)
    plan = plan_new(Home(tmp_path / "home"), start)
    with pytest.raises(
        BaseModelError,
        match=f"the last {layers} layers of this llama model cannot be trained: it has 2; choose fewer with --freeze-l",
    ):
        load(plan, start)
    assert not plan.run.folder.exists()


@pytest.mark.parametrize(("layers", "learning"), [(1, 9), (2, 18), (None, 21)])
def test_so_many_weights_learn(chatml_tokenizer: PreTrainedTokenizerFast, layers: int | None, learning: int) -> None:
    model = tiny_llama(chatml_tokenizer).requires_grad_(False)
    unfreeze(model, layers)
    assert sum(weight.requires_grad for weight in model.parameters()) == learning


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_that_are_shared_are_written_once(
    tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast, dtype: torch.dtype
) -> None:
    """`pocket` and the small Qwens read words in with the matrix they write them out with."""
    config = tiny_llama(chatml_tokenizer).config
    config.tie_word_embeddings = True
    model = LlamaForCausalLM(config).eval()
    save_base(model, chatml_tokenizer, tmp_path / "tied", "# Tied\n", dtype=dtype)
    assert "lm_head.weight" not in load_file(tmp_path / "tied" / "model.safetensors")
    loaded = load_base(parse_spec(str(tmp_path / "tied")), dtype=torch.float32, device="cpu").model
    for weight in model.parameters():
        weight.data = weight.data.to(dtype).float()
    ids = torch.arange(12).unsqueeze(0)
    assert torch.equal(loaded(ids).logits, model(ids).logits)

"""A pretraining in slices ends as one without a stop; a stage ends early, and its best weights are chosen."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from roleplay.errors import RunError
from roleplay.pocket import ablate
from roleplay.pocket.ablate import Variant, varied
from roleplay.pocket.averaging import average
from roleplay.pocket.config import Recipe, Stage, load_recipe
from roleplay.pocket.pretrain import Pretraining
from roleplay.pocket.stage import factor
from roleplay.pocket.watch import chat_bits, read_metrics, snapshots
from tests.pocket.conftest import Pretrained


def again(pretrained: Pretrained, work: Path, **changed: object) -> Pretraining:
    """The same pretraining elsewhere, with the tokenizer and tokens that are there."""
    recipe = load_recipe(pretrained.recipe)
    stages = [stage.model_copy(update=changed.pop(stage.name, {})) for stage in recipe.stages]  # type: ignore[call-overload]
    recipe = recipe.model_copy(update={"stages": stages, **changed})
    return Pretraining(recipe, pretrained.text, work, pretrained.work)


@pytest.fixture
def _there(pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pretrained.folder)


@pytest.mark.usefixtures("_there")
def test_slices_of_no_time_at_all_end_at_the_same_weights(pretrained: Pretrained, tmp_path: Path) -> None:
    slices = 1
    while not again(pretrained, tmp_path / "sliced").run(until=0.0):  # each takes one step
        slices += 1
    assert slices > 4
    one, other = (
        load_file(work / "dialogue" / "final" / "model.safetensors") for work in (pretrained.work, tmp_path / "sliced")
    )
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name
    whole, sliced = (read_metrics(work / "metrics.jsonl") for work in (pretrained.work, tmp_path / "sliced"))
    bits = [
        {(e["stage"], e["step"]): e["eval_zh_bits"] for e in entries if "eval_zh_bits" in e and e["step"] % 2 == 0}
        for entries in (whole, sliced)
    ]
    assert bits[0] == bits[1]
    assert len(bits[0]) == 6
    told, told_sliced = (
        json.loads((w / "pretrained.json").read_text()) for w in (pretrained.work, tmp_path / "sliced")
    )
    for entry in (told, told_sliced):
        for key in ("seconds", "stages"):
            entry.pop(key)
    assert told == told_sliced


@pytest.mark.usefixtures("_there")
def test_a_crash_between_checkpoints_repeats_no_line_of_the_metrics(pretrained: Pretrained, tmp_path: Path) -> None:
    job = again(pretrained, tmp_path / "work")
    assert not job.run(until=0.0)
    lines = (tmp_path / "work" / "metrics.jsonl").read_text()
    ahead = json.dumps({"stage": "language", "step": 4, "eval_zh_bits": 0.0, "eval_en_bits": 0.0})
    (tmp_path / "work" / "metrics.jsonl").write_text(f"{lines}{ahead}\n{ahead[:20]}")
    assert not job.run(until=0.0)
    assert 0.0 not in [bits for _, bits in chat_bits(tmp_path / "work" / "metrics.jsonl", "language")]


@pytest.mark.usefixtures("_there")
def test_a_stage_ends_where_heldout_bits_stop_improving_and_the_next_goes_on(
    pretrained: Pretrained, tmp_path: Path
) -> None:
    # A rate that learns nothing but drifts: some bits are the lowest, and soon they are not.
    stale = {"tokens": 256 * 400, "peak_lr": 1e-12, "schedule": "stable", "patience": 2, "warmup_steps": 0}
    job = again(pretrained, tmp_path / "work", language=stale, evaluate_steps=1)
    assert job.run()
    told = json.loads((tmp_path / "work" / "pretrained.json").read_text())
    assert [stage["ended"] for stage in told["stages"]] == ["held-out bits stopped improving", "budget"]
    assert told["stages"][0]["tokens"] < 256 * 400
    assert told["tokens"] == sum(stage["tokens"] for stage in told["stages"])
    assert read_metrics(tmp_path / "work" / "metrics.jsonl")[-1]["tokens"] == told["tokens"]


def test_a_work_folder_goes_on_with_its_own_recipe_alone(pretrained: Pretrained) -> None:
    with pytest.raises(RunError, match=r"work was begun with another recipe \(seed, stages\); give another --work"):
        again(pretrained, pretrained.work, language={"peak_lr": 1.0}, seed=9)


def test_the_best_candidate_is_what_is_shipped(pretrained: Pretrained) -> None:
    told = json.loads((pretrained.work / "pretrained.json").read_text())
    scores = [(one["zh"] + one["en"]) / 2 for one in told["candidates"]]
    assert scores == sorted(scores)
    assert told["weights"] == told["candidates"][0]["weights"]
    assert {one["weights"] for one in told["candidates"]} >= {"the last", "average of 2"}
    assert set(told["passes"]) == {"en_novels", "zh_chat_misc", "en_chat", "zh_chat_counselling", "own_chats"}
    final = load_file(pretrained.work / "final" / "model.safetensors")
    places = {"the last": [pretrained.work / "dialogue" / "final"]}
    kept = snapshots(pretrained.work / "dialogue" / "snapshots")
    places |= {"average of 2": kept[-2:], f"step {kept[0].name}": kept[:1]}
    wanted = dict(average(places[told["weights"]]).named_parameters())
    for name, weight in final.items():
        assert torch.equal(weight, wanted[name].detach()), name


def test_an_average_is_the_mean_of_every_weight(pretrained: Pretrained) -> None:
    places = [pretrained.work / stage / "final" for stage in ("language", "dialogue")]
    one, two = (dict(LlamaForCausalLM.from_pretrained(p, dtype=torch.float32).named_parameters()) for p in places)
    for name, weight in average(places).named_parameters():
        torch.testing.assert_close(weight, (one[name] + two[name]) / 2)


def test_a_stable_rate_stays_and_a_cosine_falls() -> None:
    common = {"name": "a", "sequence": 8, "tokens": 8, "peak_lr": 2.0, "sequences_per_pass": 1, "mixture": {}}
    stable = factor(Stage(**common, schedule="stable", warmup_steps=4), 100)
    assert [stable(step) for step in (0, 3, 4, 99)] == [0.25, 1, 1, 1]
    cosine = factor(Stage(**common, final_lr=0.2), 100)
    assert [round(cosine(step), 3) for step in (0, 50, 100, 200)] == [1, 0.55, 0.1, 0.1]


def test_a_variant_changes_its_value_and_takes_its_share_of_tokens(pretrained: Pretrained) -> None:
    recipe = load_recipe(pretrained.recipe)
    change = {"shape": {"layers": 3}, "stages": {"dialogue": {"mixture": {"own_chats": 0.9}}}}
    found = varied(recipe, Variant(name="deep", change=change), 0.5)
    assert (found.shape.layers, found.shape.hidden_size) == (3, recipe.shape.hidden_size)
    assert [stage.tokens for stage in found.stages] == [stage.tokens // 2 for stage in recipe.stages]
    assert found.stages[1].mixture == {"zh_chat_counselling": 0.5, "own_chats": 0.9}
    with pytest.raises(ValueError, match="laiers"):
        varied(recipe, Variant(name="wrong", change={"shape": {"laiers": 3}}), 0.5)


def test_the_recipes_that_ship_are_whole_and_of_at_most_twelve_million_parameters() -> None:
    folder = Path(ablate.__file__).parent
    plan = ablate.Plan.model_validate(yaml.safe_load((folder / "gpu_ablations.yaml").read_text()))
    for recipe in [load_recipe(folder / name) for name in ("pretrain.yaml", "gpu.yaml")]:
        assert parameters(recipe) <= 12e6
        for stage in recipe.stages:
            assert recipe.tokens_per_step % (stage.sequence * stage.sequences_per_pass) == 0
            assert sum(stage.mixture.values()) == pytest.approx(1, abs=0.011)
    for variant in plan.variants:
        assert parameters(varied(recipe, variant, plan.share)) <= 12e6


def parameters(recipe: Recipe) -> int:
    shape = recipe.shape
    layer = 4 * shape.hidden_size**2 + 3 * shape.hidden_size * shape.intermediate_size + 2 * shape.hidden_size
    return shape.vocab_size * shape.hidden_size + shape.layers * layer + shape.hidden_size


@pytest.mark.soak
def test_variants_are_trained_in_slices_and_their_table_is_written(pretrained: Pretrained) -> None:
    """The real command, in the made-up checkout."""
    root = pretrained.folder
    (root / "plan.yaml").write_text(
        "share: 0.5\nvariants:\n  - name: the recipe\n  - {name: deep, change: {shape: {layers: 3}}}\n"
    )
    command = [sys.executable, "-m", "roleplay.pocket.ablate", "--plan", "plan.yaml", "--work", "ablations"]
    command += ["--recipe", str(pretrained.recipe), "--text", str(pretrained.text), "--tokens", str(pretrained.work)]
    command += ["--table", "table.md"]
    stopped = subprocess.run([*command, "--minutes", "0"], cwd=root, capture_output=True, text=True, check=False)
    assert stopped.returncode == 1
    assert stopped.stderr.splitlines()[-1] == "stopped before the end; the same command goes on"
    assert "None was run." in (root / "table.md").read_text()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [
        line for line in (root / "table.md").read_text().splitlines() if line.startswith(("| the recipe |", "| deep |"))
    ]
    assert len(rows) == 2
    first = json.loads((root / "ablations" / "0" / "pretrained.json").read_text())
    last = next(one for one in first["candidates"] if one["weights"] == "the last")
    assert f"| the recipe | {last['zh']:.3f} | {last['en']:.3f} |" in rows[0]
    shutil.rmtree(root / "ablations")

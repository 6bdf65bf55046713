"""What a trained base does on a GPU, bodies proven on a CPU: exact trees, lanes, chat, evaluation, choices."""

from pathlib import Path
from typing import Any

import pytest
import torch

from roleplay.dataset.sample import Sample, sample_with
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES
from roleplay.generation.sampling import left_pad
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import attach_new, load_adapter
from roleplay.models.base import load_base
from roleplay.models.rows import BARE, row_adapters
from roleplay.models.spec import parse_spec
from roleplay.models.tree_plan import DENSE, FLEX, GROUPED
from roleplay.paths import Home
from tests.bench.gpu.exact import compare
from tests.cli.conftest import roleplay
from tests.preference.pell_choices import run_choices, write_pell_pairs
from tests.tiny import save_tiny_adapter
from tests.training.pell import metrics, run_pell

ON_A_GPU = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]
DEVICES = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=ON_A_GPU)])
PROMPTS = [[1, 40, 41, 2], [1, 40, 41, 42, 43, 44, 2], [1, 50, 2], [1, 60, 61, 62, 2]]
BRIEF: dict[str, Any] = {"dropout": 0.0, "max_steps": 3, "rank": 4, "alpha": 8.0}


def samples() -> list[Sample]:
    """Eight that share 40 tokens, and by twos ten more."""
    shared = [5 + i % 90 for i in range(40)]
    return [
        sample_with([*shared, *[100 + i % 2] * 10, *range(110 + i, 130 + 2 * i)], [(50, 60 + i)], 9) for i in range(8)
    ]


@DEVICES
def test_trees_have_the_gradient_of_rows_in_float32_and_their_rounding_in_bfloat16(
    device: str, tiny_base: Path
) -> None:
    base = load_base(parse_spec(str(tiny_base)), dtype=torch.bfloat16, device=device)
    tuned, _ = attach_new(base.model, rank=4, alpha=8, dropout=0.0)
    names = (FLEX, GROUPED, DENSE) if device == "cuda" else (GROUPED, DENSE)
    found = list(compare(tuned.train(), samples(), 0, names.__contains__))
    assert [row["way"] for row in found] == [*names, "padded rows", *names]
    assert [row["remarks"] for row in found if row["way"] != "padded rows"] == [
        *["<= 1e-05: met"] * len(names),
        *["<= 2 x rounding: met"] * len(names),
    ]


def last_logits(model: Any, prompts: list[list[int]]) -> torch.Tensor:
    """Of left-padded prompts, (B, V), in the machine's memory."""
    ids, mask = (part.to(model.device) for part in left_pad(prompts, 0))
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask, position_ids=positions).logits[:, -1].cpu()


@DEVICES
def test_the_base_lane_is_a_model_that_never_saw_an_adapter(device: str, tiny_base: Path, tmp_path: Path) -> None:
    spec = parse_spec(str(tiny_base))
    clean = last_logits(load_base(spec, dtype=torch.float32, device=device).model, [PROMPTS[1], PROMPTS[1]])
    base = load_base(spec, dtype=torch.float32, device=device)
    tuned = load_adapter(base, save_tiny_adapter(tiny_base, tmp_path / "adapter"))
    with row_adapters(tuned, [("persona", 1.0), (BARE, 1.0)]):
        mixed = last_logits(base.model, [PROMPTS[1], PROMPTS[1]])
        padded = last_logits(base.model, [PROMPTS[1], PROMPTS[0]])
    assert torch.equal(mixed[1], clean[1])
    assert not torch.allclose(mixed[0], clean[0], atol=1e-3)
    alone = last_logits(load_base(spec, dtype=torch.float32, device=device).model, [PROMPTS[0]])
    assert (padded[1] - alone[0]).abs().max() <= 1e-6 * alone.abs().max().clamp(min=1)


@DEVICES
@pytest.mark.parametrize("quant", ["none", "int8"])
def test_four_lanes_answer_stop_and_go_on_from_what_was_kept(
    device: str, quant: str, tiny_base: Path, tmp_path: Path
) -> None:
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    base = load_base(parse_spec(str(tiny_base)), dtype=dtype, device=device, quant=quant)
    engine = Engine(base, load_adapter(base, save_tiny_adapter(tiny_base, tmp_path / "adapter")), [2])
    drawn = Sampling(
        temperature=1.0,
        top_p=0.95,
        top_k=40,
        min_p=0.01,
        repetition_penalty=1.1,
        presence_penalty=0.2,
        frequency_penalty=0.1,
        max_new_tokens=20,
        seed=5,
    )
    for prompts in (PROMPTS, [[*prompt, 70, 71, 2] for prompt in PROMPTS]):
        events = list(engine.stream(list(LANES.values()), prompts, drawn))
        ended = [event for event in events if isinstance(event, Finished)]
        assert len(ended) == 4
        assert {event.stopped for event in ended} <= {"end", "length"}
        assert all(0 < event.tokens <= 20 for event in ended)
    assert len(engine.kept._rows) >= 4
    scores = engine.score(list(LANES.values()), PROMPTS, [[9, 8, 2]] * 4)
    assert all(log < 0 for row in scores for log in row)


@DEVICES
def test_choices_move_the_adapter(device: str, card: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    run_pell(home, card, "first", **BRIEF | {"device": device})
    pairs = write_pell_pairs(tmp_path / "pairs.jsonl")
    run = run_choices(home, card, "dpo", "dpo", pairs=(str(pairs),), device=device, batching="padded", max_steps=3)
    found = [entry["eval_loss"] for entry in metrics(run) if "eval_loss" in entry]
    assert run.finished
    assert run.read_config().decisions.device == device
    assert found[-1] < found[0]


@pytest.mark.parametrize("device", [pytest.param("cpu", marks=pytest.mark.soak), pytest.param("cuda", marks=ON_A_GPU)])
def test_a_trained_adapter_is_evaluated(
    device: str, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roleplay.models.base.best_device", lambda: device)
    home = Home(tmp_path / "home")
    run_pell(home, card, "first", **BRIEF | {"device": device})
    assert roleplay("evaluate", "pell", "--quick").status == 0
    assert list(home.root.rglob("report.json"))

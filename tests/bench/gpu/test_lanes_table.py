"""The table of lanes is made at a small size: every row that a GPU will have, and contenders that are what they say."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from peft.tuners.lora import LoraLayer

from tests.bench.gpu import lanes
from tests.bench.gpu.device import Options
from tests.bench.gpu.results import read_results


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    """A short chat, a short prefix, few tokens."""
    monkeypatch.setattr(lanes, "_TOKENS", 6)
    monkeypatch.setattr(lanes, "TURNS", 3)
    monkeypatch.setattr("tests.bench.lanes.TURNS", 3)
    return Options("cpu", ("tiny",), (64,), quick=True, folder=tmp_path)


def test_every_row_is_made(few: Options, capsys: pytest.CaptureFixture[str]) -> None:
    lanes.run(few)
    [measured] = read_results(few.folder / "lanes-cpu.jsonl")
    rows = {(row["measured"], row["lanes"]): row for row in measured.rows}
    speeds = [("one lane", 1), ("four lanes", 4), ("plain generate, adapter", 1), ("plain generate, no adapter", 1)]
    firsts = [(f"first token at turn {turn}, {how}", n) for n in (1, 4) for how in ("kept", "anew") for turn in (2, 3)]
    assert list(rows) == [*speeds, *firsts, ("one lane, compiled", 1), ("four lanes, compiled", 4)]
    for name, count in speeds:
        row = rows[name, count]
        assert row["tokens/s"] == pytest.approx(6 * count / row["64 tokens (s)"])
    assert rows["one lane", 1]["against one lane"] == 1.0
    assert all(rows[first]["first token (ms)"] > 0 for first in firsts)
    assert rows["one lane, compiled", 1]["note"] == "only a model on a GPU is compiled"
    assert "| four lanes, compiled |" in capsys.readouterr().out


def test_a_compiled_row_that_fails_says_why_and_the_next_are_made(
    few: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = []
    bench = lanes._open("tiny", few, lanes.open_results("lanes", few, lanes.KEY))
    monkeypatch.setattr(lanes._Bench, "add", lambda _, name, *args, **columns: notes.append((name, columns["note"])))
    lanes._compiled(replace(bench, options=replace(few, device="cuda")))
    assert [name for name, _ in notes] == ["one lane, compiled", "four lanes, compiled"]
    assert all(note.startswith("BaseModelError: only a model on a GPU") for _, note in notes)


def test_without_adapter_the_model_is_the_bare_base_and_has_its_adapter_again_after(
    few: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = lanes._open("tiny", few, lanes.open_results("lanes", few, lanes.KEY))
    tuned, ids = bench.engine.tuned, torch.tensor([[5, 6, 7]])
    assert tuned is not None

    def logits() -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor = tuned(input_ids=ids).logits
        return found

    persona = logits()
    found = []
    monkeypatch.setattr(lanes, "_plain", lambda model, prompt, tokens: found.append((model, logits())) or 1.0)
    lanes._bare(bench.engine, [5], 4)
    with lanes._without_adapter(tuned):
        assert not any(isinstance(module, LoraLayer) for module in tuned.modules())
        bare = logits()
    [(model, alone)] = found
    assert model is bench.engine.base.model
    assert torch.equal(alone, bare)
    assert torch.equal(logits(), persona)
    with tuned.disable_adapter():
        assert torch.equal(logits(), bare)
    assert not torch.equal(persona, bare)


def test_a_first_token_anew_computes_the_whole_prompt_and_a_kept_one_only_what_is_new(few: Options) -> None:
    bench = lanes._open("tiny", few, lanes.open_results("lanes", few, lanes.KEY))
    fed: list[int] = []
    bench.engine.base.model.get_input_embeddings().register_forward_pre_hook(
        lambda _, args: fed.append(args[0].shape[1])
    )
    lanes._chat(bench, lanes.ONE, 0, kept=False)
    anew = list(fed)
    fed.clear()
    lanes._chat(bench, lanes.ONE, 0, kept=True)
    assert len(anew) == 3
    assert anew[0] >= 64
    assert anew == sorted(set(anew))
    said = len(bench.renderer.answer_ids(lanes._SAID))
    turns = [anew[0], *(later - earlier - said for earlier, later in pairwise(anew))]
    assert fed == [columns for turn in turns for columns in (turn, said)]

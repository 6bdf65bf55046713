"""Pretraining runs from text to a model, goes on after a stop, and keeps held-out text out."""

import json
from pathlib import Path

import torch

from roleplay.pocket.mixture import OWN_CHATS, heldout_rows, read_source, split_source
from roleplay.pocket.optimizer import MuonAdamW
from tests.pocket.conftest import Pretrained


def test_a_tiny_pocket_is_trained_through_both_stages_and_a_second_call_has_nothing_to_do(
    pretrained: Pretrained,
) -> None:
    work = pretrained.work
    entries = [json.loads(line) for line in (work / "metrics.jsonl").read_text().splitlines()]
    assert {entry["stage"] for entry in entries} == {"language", "dialogue"}
    losses = [entry["eval_zh_loss"] for entry in entries if "eval_zh_loss" in entry]
    assert losses[-1] < losses[0]
    final = work / "dialogue" / "final" / "model.safetensors"
    before = final.stat().st_mtime_ns
    pretrained.train()
    assert final.stat().st_mtime_ns == before


def test_a_tenth_of_the_own_chats_is_held_out(text: Path, tmp_path: Path) -> None:
    chats = tmp_path / "data" / "pocket" / "chats"
    trained, held = split_source(text, chats, OWN_CHATS)
    assert len(trained) + len(held) == 60
    assert 0 < len(held) < 15
    assert heldout_rows(text, chats, "own") == held


def test_rows_that_speak_of_harm_are_left_out(text: Path, tmp_path: Path) -> None:
    assert not [row for row in read_source(text, tmp_path, "zh_chat_counselling") if "自杀" in str(row)]


def test_the_optimizer_goes_on_from_its_state_as_if_never_stopped() -> None:
    def model() -> torch.nn.ModuleDict:
        torch.manual_seed(0)
        layers = torch.nn.ModuleList([torch.nn.Linear(4, 4)])
        return torch.nn.ModuleDict(
            {"model": torch.nn.ModuleDict({"embed": torch.nn.Embedding(8, 4), "layers": layers})}
        )

    def step(net: torch.nn.ModuleDict, optimizer: MuonAdamW) -> None:
        loss = net["model"]["layers"][0](net["model"]["embed"](torch.arange(8))).square().sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    straight = model()
    first = MuonAdamW(straight, 0.1, 0.0)
    for _ in range(2):
        step(straight, first)
    resumed_model = model()
    half = MuonAdamW(resumed_model, 0.1, 0.0)
    step(resumed_model, half)
    again = MuonAdamW(resumed_model, 0.1, 0.0)
    again.load_state_dict(half.state_dict())
    step(resumed_model, again)
    for one, other in zip(straight.parameters(), resumed_model.parameters(), strict=True):
        assert torch.equal(one, other)

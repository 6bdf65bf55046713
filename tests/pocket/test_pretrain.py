"""Pretraining runs from text to a model, goes on after a stop, and keeps held-out text out."""

import json
import lzma
import sys
from pathlib import Path

import pytest
import torch

from roleplay.pocket import pretrain
from roleplay.pocket.mixture import heldout_matrix, is_heldout, read_source, stage_matrix
from roleplay.pocket.optimizer import MuonAdamW
from roleplay.pocket.tokenizer import train_tokenizer

RECIPE = """
tokens_per_step: 256
evaluate_steps: 2
tokenizer_megabytes: 0.02
shape: {vocab_size: 400, hidden_size: 32, intermediate_size: 64, layers: 2, heads: 2, context: 64}
stages:
  - {name: language, sequence: 32, tokens: 1024, peak_lr: 4.0e-3, final_lr: 1.0e-3, warmup_steps: 1,
     sequences_per_pass: 4, mixture: {en_novels: 0.3, zh_chat_misc: 0.4, en_chat: 0.3}}
  - {name: dialogue, sequence: 64, tokens: 512, peak_lr: 1.0e-3, final_lr: 1.0e-4, sequences_per_pass: 2,
     mixture: {zh_chat_counselling: 0.5, own_chats: 0.5}}
"""


def _chat(i: int, said: str, answer: str) -> dict[str, object]:
    turns = [("user", f"{said} {i}"), ("assistant", f"{answer} {i * 7}")]
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few hundred made-up rows in every source, and two dialogues of pocket's own."""
    folder = tmp_path / "text"
    folder.mkdir()
    rows = {
        "en_novels": [{"text": f"The {i} boats went out and {i * 3} came home before dark."} for i in range(300)],
        "zh_chat_misc": [_chat(i, "你好，今天第几次了", "第") for i in range(300)],
        "zh_chat_counselling": [_chat(i, "我睡不着", "先喝一口水") for i in range(300)] + [_chat(0, "自杀", "不")],
        "en_chat": [_chat(i, "How many", "Maybe") for i in range(300)],
    }
    for name, values in rows.items():
        with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    chats = tmp_path / "data" / "pocket" / "chats"
    chats.mkdir(parents=True)
    (chats / "zh.yaml").write_text("- - system: 你叫小北。\n  - user: 你叫什么？\n  - char: 小北。\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return folder


def _run(monkeypatch: pytest.MonkeyPatch, text: Path, work: Path) -> None:
    recipe = text.parent / "recipe.yaml"
    recipe.write_text(RECIPE)
    arguments = ["pretrain", "--text", str(text), "--recipe", str(recipe), "--work", str(work)]
    monkeypatch.setattr(sys, "argv", arguments)
    pretrain.main()


def test_a_tiny_pocket_is_trained_through_both_stages_and_a_second_call_has_nothing_to_do(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    _run(monkeypatch, text, work)
    entries = [json.loads(line) for line in (work / "metrics.jsonl").read_text().splitlines()]
    assert {entry["stage"] for entry in entries} == {"language", "dialogue"}
    losses = [entry["eval_zh_loss"] for entry in entries if "eval_zh_loss" in entry]
    assert losses[-1] < losses[0]
    final = work / "dialogue" / "final" / "model.safetensors"
    before = final.stat().st_mtime_ns
    _run(monkeypatch, text, work)
    assert final.stat().st_mtime_ns == before


def test_heldout_rows_are_in_no_training_sequence(text: Path, tmp_path: Path) -> None:
    rows = read_source(text, tmp_path, "zh_chat_misc")
    held = [row for row in rows if is_heldout(row)]
    assert 0 < len(held) < len(rows) / 10
    tokenizer = train_tokenizer([str(row) for row in rows], vocab_size=400, context=64)
    matrix = stage_matrix(text, tmp_path, {"zh_chat_misc": 1.0}, tokenizer, sequence=64, tokens=64 * 200, seed=0)
    seen = "".join(tokenizer.decode(row.tolist()) for row in matrix)
    answers = [row[1]["content"] + "<|im_end|>" for row in held if not isinstance(row, str)]
    assert not [answer for answer in answers if answer in seen]
    shown = heldout_matrix(text, "zh", tokenizer, sequence=64, tokens=64 * 40)
    assert answers[0] in "".join(tokenizer.decode(row.tolist()) for row in shown)


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
